"""Tests of the cross-check: that it agrees, that it bites, and that it drives Hypothesis."""
