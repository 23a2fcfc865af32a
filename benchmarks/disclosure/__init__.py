"""Benchmarks of disclosure control."""
