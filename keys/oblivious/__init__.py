"""Oblivious keying (RFC 9497), an extra: whoever holds identifiers learns no key, whoever holds the key no identifier."""
