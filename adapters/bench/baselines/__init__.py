"""What turnlog is compared with, measured in the same run, on the same server."""
