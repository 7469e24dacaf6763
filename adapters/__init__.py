"""How turnlog meets the world: databases, engines, importers, the command line.

`composition.py` wires the parts and is the only module that names concrete ones; the rooms
beside it (`postgres/`, `memory/`, `engines/`, `importers/`, `cli/`) do not know one another.
`settings.py` is the configuration, `errors.py` the errors of this package. Re-exports nothing.
"""
