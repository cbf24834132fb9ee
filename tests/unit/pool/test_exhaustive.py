"""Every history of a very small pool, and the way out of each state it reaches.

The larger bounds are those of ``make model``.
"""
