"""The shell for asyncio and trio, and the source of its twin for threads."""
