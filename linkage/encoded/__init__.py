"""Linkage for partners whose names may not travel: keyed encodings out, the same weighed evidence on what comes back.

What travels are Bloom filters that were hardened, and keyed hashes for exact steps. They are not anonymous: whoever
holds the secret can test any name, equal values of one birth year look alike, and similar ones look similar, since
otherwise nothing could be linked. ``docs/methods/encoded-linkage.md`` says what was attacked and what holds.
"""
