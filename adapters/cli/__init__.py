"""The command line, `turnlog`.

`main.py` lists the commands and is the way in; each module of `commands/` has a group of them.
What they share: `options.py` (arguments), `session.py` (an open turnlog), `references.py` (ids as
people write them), `screen.py` (what is printed, for people or as JSON), `words.py` (numbers and
times in words), `failures.py` (errors and exit codes). A command imports what it needs when it
runs, so that `--help` is quick. Re-exports nothing.
"""
