"""What clients lose when things go wrong: the same scripted faults for each.

``python -m benchmarks.faults`` runs every scenario against every client, each cell in
a fresh process with a hard timeout, and prints the table of ``docs/comparison.md``.
"""
