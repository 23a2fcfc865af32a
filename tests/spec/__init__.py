"""The executable reference: small tables in, results out."""
