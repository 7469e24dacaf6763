"""Long random schedules: of the whole service on both stores at once, and of thousands of steps."""
