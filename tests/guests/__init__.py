"""Guest threads: `net.threading` and `net.queue`, and what waits in calls."""
