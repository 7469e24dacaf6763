DROP INDEX log_turn_bounds_idx;
DROP TABLE leases;
