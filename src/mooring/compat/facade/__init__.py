"""The private modules of httpx and httpx2 that released code imports, by their names.

Served only under the alias: ``httpx._client`` is ``mooring.compat.facade._client``.
Each module here does nothing but say where mooring keeps what it is asked for.
"""
