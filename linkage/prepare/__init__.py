"""Prepare: two files as standard fields, blocking keys, frequencies and comparisons; an index kept for many linkages."""
