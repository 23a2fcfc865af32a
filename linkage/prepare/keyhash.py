"""How a blocking key is hashed: plainly within a run, or by HMAC under a linkage-only key in an index that is kept.

Under a key, a kept index shows no key that anybody could recompute from a name; it is the same key on both sides or
nothing is found, so an index says by a check value which one it was made with.

Source: RFC 2104 (HMAC), FIPS 180-4 (SHA-256); the first 32 bits are kept, as for plain keys.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["PLAIN", "KeyHash", "keyed"]

BLOCK = 64
CHECK = b"caregate linkage index 1"


@dataclass(frozen=True, slots=True)
class KeyHash:
    """SQL for a key of parts, the parameters that it binds, and the check value of its secret."""

    parameters: Mapping[str, object] = field(default_factory=dict, repr=False)
    check_value: str = ""

    def sql(self, rule: str, parts: Sequence[str]) -> str:
        """Return SQL of 32 bits for the parts of a rule; null where a part is missing."""
        present = " and ".join(f"{part} is not null" for part in parts)
        if not self.parameters:
            return f"case when {present} then cast(hash({', '.join(parts)}) & 4294967295 as uinteger) end"
        message = f"encode(concat_ws('|', '{rule}', {', '.join(f'cast({part} as varchar)' for part in parts)}))"
        tag = f"sha256($key_outer::blob || unhex(sha256($key_inner::blob || {message})))"
        return f"case when {present} then cast('0x' || left({tag}, 8) as uinteger) end"


PLAIN = KeyHash()
"""Keys that need no secret, for tables that do not outlive a run and indexes of files that hold no people."""


def keyed(secret: bytes) -> KeyHash:
    """Return the hash under a secret of 32 bytes; the secret is bound to queries, never written into one."""
    padded = secret.ljust(BLOCK, b"\0")
    pads = {"key_inner": bytes(byte ^ 0x36 for byte in padded), "key_outer": bytes(byte ^ 0x5C for byte in padded)}
    return KeyHash(pads, hmac.digest(secret, CHECK, "sha256").hex()[:16])
