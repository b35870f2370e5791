"""One client's HTTP connection: its body, its deadline, and whether it is still there."""
