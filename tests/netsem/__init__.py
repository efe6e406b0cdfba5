"""Tests of the ledger of an older specification."""
