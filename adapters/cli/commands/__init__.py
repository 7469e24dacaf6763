"""The commands, a group of them in each module. Re-exports nothing."""
