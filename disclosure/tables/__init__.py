"""Tables: which cells are small, what is hidden with them, and what an attacker can still work out."""
