"""The benches as they are meant to be run, against their aims. Off unless asked for."""
