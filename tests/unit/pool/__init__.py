"""Proof of the pool core: invariants, scenarios, random and exhaustive runs."""
