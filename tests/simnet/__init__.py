"""Tests of the simulated standard-library modules."""
