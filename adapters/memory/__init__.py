"""The stores in memory: the same semantics as the PostgreSQL ones, for tests and for trying out."""
