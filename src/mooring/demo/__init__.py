"""The main job, shown: ``python -m mooring.demo``.

Thousands of requests over ten connections, a third of them cancelled, the server
killed half-way; then the account, and every promise checked against it.
"""
