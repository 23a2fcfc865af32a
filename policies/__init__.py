"""The policies room: the Direction as Cedar policies, and the dated numbers someone could be asked about."""
