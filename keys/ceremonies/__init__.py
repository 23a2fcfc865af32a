"""Ceremonies around the root: made, moved to another provider, a custodian replaced; whole, or nothing of it."""
