"""Mutants of the product, and whether the tests tell them from it. See docs/mutants.md."""
