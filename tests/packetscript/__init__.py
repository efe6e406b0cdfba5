"""Reading and writing packet scripts."""
