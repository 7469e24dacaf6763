"""What every implementation of a port must do: classes of tests, bound to each in a few lines."""
