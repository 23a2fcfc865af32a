"""Motivated intruders: people of stated knowledge who try released rows by record linkage."""
