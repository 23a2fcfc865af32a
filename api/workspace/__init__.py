"""One workspace wired together: database, log, keys, witnesses, clock."""
