"""The command line: one module a group of commands; they read words, ask the house, and print."""
