DROP TABLE thread_snapshots;
