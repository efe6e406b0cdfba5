"""The cost of waiting."""
