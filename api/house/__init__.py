"""What can be done in a house: the six verbs, and the acts around them."""
