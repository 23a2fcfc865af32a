"""Versions of the policies: read, parsed, dated, signed."""
