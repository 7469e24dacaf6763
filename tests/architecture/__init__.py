"""The structure of the repository, as tests."""
