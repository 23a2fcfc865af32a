"""Tell: why a pair is linked, how good the linkage is, and what people say who look at it."""
