"""Tests, one room for each layer."""
