"""What runs on httpx or httpx2 runs on mooring: oracles, rows and the differences."""
