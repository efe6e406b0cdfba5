"""The guest: another kernel, as a process."""
