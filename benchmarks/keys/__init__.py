"""Measures of the keys room: pseudonyms, their speed and their faults."""
