"""What is decided: pure, without IO, clock or random.

Rooms: `events/` (the storage format), `thread.py`, `turn.py` and `inbox.py` (folded state),
`decide/` (one module per intent: events decided from arguments and state), `outcome.py` (what
a command did), `laws.py` (the ordering laws as predicates over a history), `ports.py` (what the
world must provide) and `service.py` (load, decide, append). Re-exports nothing.
"""
