"""Weigh: m- and u-probabilities, dependence, and the weight of every candidate pair in bits."""
