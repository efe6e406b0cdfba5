"""Random programs of several threads on both arms: who runs, who waits in which call, and what signals do to them."""
