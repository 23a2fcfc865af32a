"""Proofs over the policies: what can never be allowed, whether every change would be noticed, what a new version changes."""
