"""The service: pages, what they answer when things go wrong, who is signed in."""
