"""Every history of a small pool: a breadth-first check of the production core."""
