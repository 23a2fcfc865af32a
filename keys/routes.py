"""Independent computations of the same tags, and the test that holds all of them against ``hmac.digest``.

``plain``   one call of ``hmac.digest`` an identifier: the reference.
``copied``  a prepared HMAC of ``cryptography``, copied for each identifier.
``fast``    a whole column at once in polars-hash; its key and its messages are text.

Which one runs is a matter of speed alone. Before the first use in a process all that can run here must agree with the
reference on 10,000 random identifiers and on the cases of RFC 4231 that their form can express.
Source: RFC 2104, FIPS 198-1; RFC 4231.
"""

from __future__ import annotations

import contextlib
import hmac
import importlib.util
import json
import random
from collections.abc import Callable
from functools import cache
from importlib.resources import files

import numpy as np
import pyarrow as pa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from cld.errors import InvariantBroken
from keys.derivation import Secret
from keys.text_form import Tags, tags_from_digests, tags_from_hexadecimal

__all__ = ["ROUTES", "Route", "available_routes", "require_routes_agree", "rfc_4231_cases", "tags_of"]

Route = Callable[[Secret, pa.Array], Tags]
SELF_TEST_INPUTS = 10_000
DIGEST_BYTES = 32
TAG_BYTES = 15
LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ|-/ éßŁ中𝔸"


def _joined(digests: list[bytes]) -> Tags:
    return tags_from_digests(np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, DIGEST_BYTES))


def _messages(identifiers: pa.Array) -> list[bytes]:
    return [bytes(message) for message in identifiers.cast(pa.large_binary()).to_pylist()]


def plain_tags(key: Secret, identifiers: pa.Array) -> Tags:
    """Compute tags one call of the standard library at a time."""
    held = key.reveal()
    return _joined([hmac.digest(held, message, "sha256") for message in _messages(identifiers)])


def copied_tags(key: Secret, identifiers: pa.Array) -> Tags:
    """Compute tags by copies of one prepared HMAC of ``cryptography``."""
    prepared, digests = HMAC(key.reveal(), SHA256()), []
    for message in _messages(identifiers):
        made = prepared.copy()
        made.update(message)
        digests.append(made.finalize())
    return _joined(digests)


def fast_tags(key: Secret, identifiers: pa.Array) -> Tags:
    """Compute tags a column at a time. The key stands inside a plan of polars, which is therefore never written down.

    Raises: InvariantBroken, with nothing of the library's own words, if it fails.
    """
    import polars  # noqa: PLC0415
    import polars_hash  # noqa: PLC0415

    if len(identifiers) == 0:
        return _joined([])
    digests = None
    # what the library says of a failure could hold the key or an identifier, so nothing of it is kept, not even as context
    with contextlib.suppress(Exception):
        column = polars.Series("identifier", polars.from_arrow(identifiers)).to_frame()
        keyed = polars_hash.col("identifier").chash.hmac_sha256(key=key.reveal().decode())
        digests = column.select(keyed).to_series().rechunk().to_arrow()
    if digests is None:
        message = "The fast computation of pseudonyms failed."
        raise InvariantBroken(message, "Stop the service and reinstall it from the lock.")
    n_letters = 2 * DIGEST_BYTES
    content = np.frombuffer(digests.buffers()[2], dtype=np.uint8)[: n_letters * len(digests)]
    return tags_from_hexadecimal(content.reshape(-1, n_letters))


ROUTES: dict[str, Route] = {"fast": fast_tags, "copied": copied_tags, "plain": plain_tags}
"""The computations by name, the quickest first."""


@cache
def available_routes() -> tuple[str, ...]:
    """Return the computations that can run here, the quickest first: the fast one needs polars-hash."""
    has_fast = importlib.util.find_spec("polars_hash") is not None
    return tuple(name for name in ROUTES if name != "fast" or has_fast)


def tags_of(key: Secret, identifiers: pa.Array) -> Tags:
    """Compute the tags of a column of identifiers, by the quickest computation, once all have agreed.

    Shape:  in n identifiers (text) without nulls; out n tags, in order.
    Raises: InvariantBroken if the computations disagree.
    """
    require_routes_agree()
    return ROUTES[available_routes()[0]](key, identifiers)


def rfc_4231_cases() -> list[dict[str, str]]:
    """Return the seven cases of RFC 4231 for HMAC-SHA-256: key, data and digest in hexadecimal."""
    held: list[dict[str, str]] = json.loads(files("keys").joinpath("rfc4231.json").read_text("utf-8"))
    return held


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def expressible(route: str, case: dict[str, str]) -> bool:
    """Say whether a computation's form can express a case: the fast one takes text alone."""
    return route != "fast" or all(_is_text(bytes.fromhex(case[part])) for part in ("key", "data"))


def _require_rfc_answers(route: str) -> None:
    for case in rfc_4231_cases():
        if not expressible(route, case):
            continue
        data = bytes.fromhex(case["data"])
        column = pa.array([data.decode() if _is_text(data) else data])
        wanted = int(case["expected"][: 2 * TAG_BYTES], 16)
        if _numbers(ROUTES[route](Secret(bytes.fromhex(case["key"])), column)) != [wanted]:
            _disagree()


def _numbers(tags: Tags) -> list[int]:
    return [(int(high) << 56) | int(low) for high, low in zip(tags.high, tags.low, strict=True)]


def _disagree() -> None:
    message = "The computations of a pseudonym disagree."
    raise InvariantBroken(message, "Stop the service and reinstall it from the lock.")


@cache
def require_routes_agree() -> None:
    """Hold all computations that can run here against ``hmac.digest``, once in the life of a process.

    Raises: InvariantBroken at the first difference.
    """
    source = random.Random(4231)  # noqa: S311 - inputs of a test
    inputs = ["".join(source.choices(LETTERS, k=source.randrange(1, 90))) for _ in range(SELF_TEST_INPUTS)]
    key = Secret(source.randbytes(DIGEST_BYTES).hex().encode())
    column = pa.array(inputs, pa.string())
    wanted = plain_tags(key, column)
    for route in available_routes():
        found = ROUTES[route](key, column)
        if not (np.array_equal(found.high, wanted.high) and np.array_equal(found.low, wanted.low)):
            _disagree()
        _require_rfc_answers(route)
