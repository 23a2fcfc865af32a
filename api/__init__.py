"""The outermost floor: command line, database and wiring. It builds every adapter and hands it down."""
