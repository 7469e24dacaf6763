"""The runner: executes turns. Starts the engine, records what it does, ends the turn, goes on.

`runner.py` is the way in and goes from turn to turn; `turn.py` works on one of them. The rest are
its parts: the turn's lease (`lease.py`), the engine at arm's length (`engine_side.py`), the log
(`journal.py`), what the engine is told (`handle.py`), what it has asked for (`approvals.py`), who
watches the log meanwhile (`watch.py`). Re-exports nothing.
"""
