"""The fourteen checks of a package, in parts that need Python and ``cryptography`` alone.

``audit.onefile`` joins these parts into the ``verify.py`` that travels in every package, so that the recipient's program
and ``caregate verify`` are one and the same. No name is used twice among the parts.
"""
