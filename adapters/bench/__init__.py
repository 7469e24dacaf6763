"""How fast it is, measured on a database of its own, beside what else the same machine can do.

A bench is a module: it measures, and returns a `report.Report`. `benches.py` knows them all.
"""
