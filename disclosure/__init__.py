"""The disclosure room: what an intruder could still learn from rows and tables, and what is done about it."""
