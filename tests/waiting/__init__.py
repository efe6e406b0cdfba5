"""Tests of waiting."""
