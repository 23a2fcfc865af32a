"""Memory: every release as linear facts, and what a recipient, or several together, can subtract from one another."""
