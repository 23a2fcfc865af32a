"""The keys room: a sealed root, an agreement's random secret, pseudonym domains, data keys, and their ends."""
