"""The shell: carries out what the core decides.

``_async`` is written by hand, ``_sync`` is generated from it. Nothing here decides
who gets a connection, what a response means or whether to try again.
"""
