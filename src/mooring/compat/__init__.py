"""Ways in: the alias for whole programs, transports for clients of httpx and httpx2.

``alias`` puts mooring in the place of httpx for a whole program, with ``facade`` and
``httpcore`` as the modules that are found there. ``httpx`` and ``httpx2`` hold the
transports that let a client of those libraries run on our pool.
"""
