"""Other agents' session logs as threads.

A log becomes a history by the domain's own decisions: each native record is mapped to commands
whose time, bytes and ids come from the record, so the same file always gives the same events. What
becomes of a record depends on the records before it and on none after it; hence the events of an
earlier state of a growing file are the first events of its later state, and importing it again
appends the tail.

import_files.py  the entry: paths → files → the log, with a report
files.py         which files there are, and what their content says they are
records.py       bytes → lines → records (glued objects, cut-off lines, bad bytes)
values.py        what may be trusted of a record's body
shrink.py        events that would be larger than the log takes
recording.py     records → commands → events, and the fate of every record
turns.py         the verbs of a thread: begin, steer, item, interrupt, end
twins.py         what a log writes twice
session.py       one file, from its identity to its last event
tail.py          compare with what is stored, append what is new
report.py        what is told afterwards
codex*.py        Codex CLI rollouts
claude*.py       Claude Code session logs
"""
