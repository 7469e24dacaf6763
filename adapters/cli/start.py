"""The way in from the shell, before anything else is there.

What the command line is made of takes most of a second to import. Ctrl-C in that time ends the
process as the shell expects it, and not with a traceback: nothing has begun yet.
"""

import signal


def run() -> None:
    """The console script."""
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler:  # and not ignored, as in the background of a script
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from adapters.cli.main import run as run_command

    signal.signal(signal.SIGINT, handler)
    run_command()
