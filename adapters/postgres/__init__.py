"""PostgreSQL: the log, the read models, leases, and the embedded server.

`connection.py` opens the pool, `migrate.py` brings a schema up to date, `errors.py` turns what
psycopg raises into `adapters.errors`, `embedded.py` runs a server for those who have none. SQL
lives in `.sql` files beside the modules that run it. Re-exports nothing.
"""
