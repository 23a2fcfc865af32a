"""Extracts: application, plan, build, release. The floor above the five rooms; it asks policy at every step."""
