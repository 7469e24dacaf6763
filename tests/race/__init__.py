"""Many processes on the same few threads, and whether somebody could have done it all alone."""
