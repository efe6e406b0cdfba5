"""Tests of the diagrams: the same value in every format, the layouts, the pictures of exchanges."""
