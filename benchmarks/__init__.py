"""mooring beside its peers, interleaved, against one nginx: ``python -m benchmarks``.

Only ratios out of one interleaved run count: absolute figures drift by a third from
hour to hour. Each figure in the documentation carries the command that made it.
"""
