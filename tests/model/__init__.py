"""Every schedule within a scope, on the real domain. `tests/model/explorer.py` says how."""
