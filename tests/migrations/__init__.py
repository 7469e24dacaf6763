"""The migrations, from nothing and back."""
