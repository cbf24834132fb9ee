"""Where httpcore keeps its network backends."""
