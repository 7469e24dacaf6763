"""The predicates behind `domain/laws.py`, grouped by what they are about."""
