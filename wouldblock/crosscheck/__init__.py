"""The cross-check: the same calls on the model and on the running kernel, every answer compared for equality."""
