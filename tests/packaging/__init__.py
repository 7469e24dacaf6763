"""What lands in the wheel."""
