"""The two groups of prime order: ristretto255 by libsodium (rbcl), P-256 by pycryptodome's point arithmetic.

Elements and scalars travel as RFC 9497 writes them; an element is checked whenever it is read, and the identity is none.
Mapping to P-256 is done by whoever holds the identifiers, on their own machine; it is not made to take a constant time.
"""

from __future__ import annotations

from typing import Protocol

from Crypto.PublicKey.ECC import EccPoint  # type: ignore[attr-defined] # its documented place

from cld.errors import InputError, UnknownSpecification
from keys.oblivious.expand import expand, hash_to_numbers

__all__ = ["Group", "P256", "Ristretto255", "group_named"]


class Group(Protocol):
    """A group of prime order with its hash, in the words of RFC 9497, section 2.1."""

    name: str
    hash_name: str
    order: int

    def generator(self) -> bytes:
        """Return the generator."""
        ...

    def hash_to_element(self, message: bytes, tag: bytes) -> bytes:
        """Hash to an element whose logarithm nobody knows."""
        ...

    def hash_to_scalar(self, message: bytes, tag: bytes) -> int:
        """Hash to a scalar."""
        ...

    def multiply(self, scalar: int, element: bytes) -> bytes:
        """Multiply an element. Raises: InputError if it is none."""
        ...

    def add(self, first: bytes, second: bytes) -> bytes:
        """Add two elements. Raises: InputError if one is none."""
        ...

    def write_scalar(self, scalar: int) -> bytes:
        """Write a scalar."""
        ...

    def read_scalar(self, written: bytes) -> int:
        """Read a scalar. Raises: InputError if it is none."""
        ...


def _refuse() -> InputError:
    return InputError("A value is no element or scalar of the group.", "Ask the other side to send it again.")


class Ristretto255:
    """ristretto255 with SHA-512. Source: RFC 9496; RFC 9497, section 4.1."""

    name = "ristretto255-SHA512"
    hash_name = "sha512"
    order = 2**252 + 27742317777372353535851937790883648493

    def __init__(self) -> None:
        """Load libsodium.

        Raises: UnknownSpecification if the extra is not installed.
        """
        try:
            import rbcl  # noqa: PLC0415
        except ImportError as fault:
            message = "ristretto255 needs the extra oprf."
            raise UnknownSpecification(message, "Install caregate[oprf], or use P256-SHA256.") from fault
        self._sodium = rbcl

    def generator(self) -> bytes:
        """Return the generator."""
        return bytes(self._sodium.crypto_scalarmult_ristretto255_base(self.write_scalar(1)))

    def hash_to_element(self, message: bytes, tag: bytes) -> bytes:
        """Hash to an element."""
        return bytes(self._sodium.crypto_core_ristretto255_from_hash(expand(message, tag, 64, self.hash_name)))

    def hash_to_scalar(self, message: bytes, tag: bytes) -> int:
        """Hash to a scalar: 64 bytes, the lowest first."""
        return int.from_bytes(expand(message, tag, 64, self.hash_name), "little") % self.order

    def multiply(self, scalar: int, element: bytes) -> bytes:
        """Multiply an element."""
        self._require(element)
        return bytes(self._sodium.crypto_scalarmult_ristretto255(self.write_scalar(scalar), element))

    def add(self, first: bytes, second: bytes) -> bytes:
        """Add two elements."""
        self._require(first)
        self._require(second)
        return bytes(self._sodium.crypto_core_ristretto255_add(first, second))

    def _require(self, element: bytes) -> None:
        is_one = len(element) == 32 and element != bytes(32)  # noqa: PLR2004
        if not is_one or not self._sodium.crypto_core_ristretto255_is_valid_point(element):
            raise _refuse()

    def write_scalar(self, scalar: int) -> bytes:
        """Write a scalar, the lowest byte first."""
        return scalar.to_bytes(32, "little")

    def read_scalar(self, written: bytes) -> int:
        """Read a scalar."""
        scalar = int.from_bytes(written, "little")
        if len(written) != 32 or not 0 < scalar < self.order:  # noqa: PLR2004
            raise _refuse()
        return scalar


FIELD = 2**256 - 2**224 + 2**192 + 2**96 - 1
A = FIELD - 3
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
Z = FIELD - 10
L = 48
GENERATOR_X = 0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296


def _curve(x: int) -> int:
    return (pow(x, 3, FIELD) + A * x + B) % FIELD


def _root(square: int) -> int | None:
    root = pow(square, (FIELD + 1) // 4, FIELD)
    return root if root * root % FIELD == square else None


def _map_to_point(u: int) -> tuple[int, int]:
    """Map a number to a point of P-256. Source: RFC 9380, simplified SWU, section 6.6.2."""
    turned = Z * u * u % FIELD
    denominator = (turned * turned + turned) % FIELD
    if denominator == 0:
        x = B * pow(Z * A, -1, FIELD) % FIELD
    else:
        x = -B * pow(A, -1, FIELD) * (1 + pow(denominator, -1, FIELD)) % FIELD
    y = _root(_curve(x))
    if y is None:
        x = turned * x % FIELD
        y = _root(_curve(x))
    if y is None:  # one of the two is always a square
        raise _refuse()
    return x, y if y % 2 == u % 2 else FIELD - y


class P256:
    """P-256 with SHA-256. Source: RFC 9497, section 4.3; RFC 9380, suite P256_XMD:SHA-256_SSWU_RO_."""

    name = "P256-SHA256"
    hash_name = "sha256"
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

    def generator(self) -> bytes:
        """Return the generator."""
        return b"\x03" + GENERATOR_X.to_bytes(32, "big")

    def hash_to_element(self, message: bytes, tag: bytes) -> bytes:
        """Hash to an element."""
        first, second = (
            EccPoint(*_map_to_point(u), curve="P-256")
            for u in hash_to_numbers(message, tag, 2, FIELD, L, self.hash_name)
        )
        return self._written(first + second)

    def hash_to_scalar(self, message: bytes, tag: bytes) -> int:
        """Hash to a scalar."""
        return hash_to_numbers(message, tag, 1, self.order, L, self.hash_name)[0]

    def multiply(self, scalar: int, element: bytes) -> bytes:
        """Multiply an element."""
        return self._written(self._read(element) * scalar)

    def add(self, first: bytes, second: bytes) -> bytes:
        """Add two elements."""
        return self._written(self._read(first) + self._read(second))

    def _written(self, point: EccPoint) -> bytes:
        if point.is_point_at_infinity():
            raise _refuse()
        return bytes([2 + int(point.y) % 2]) + int(point.x).to_bytes(32, "big")

    def _read(self, element: bytes) -> EccPoint:
        x = int.from_bytes(element[1:], "big")
        if len(element) != 33 or element[0] not in (2, 3) or x >= FIELD:  # noqa: PLR2004
            raise _refuse()
        y = _root(_curve(x))
        if y is None:
            raise _refuse()
        return EccPoint(x, y if y % 2 == element[0] % 2 else FIELD - y, curve="P-256")

    def write_scalar(self, scalar: int) -> bytes:
        """Write a scalar, the highest byte first."""
        return scalar.to_bytes(32, "big")

    def read_scalar(self, written: bytes) -> int:
        """Read a scalar."""
        scalar = int.from_bytes(written, "big")
        if len(written) != 32 or not 0 < scalar < self.order:  # noqa: PLR2004
            raise _refuse()
        return scalar


def group_named(name: str) -> Group:
    """Return a group by the name of its suite.

    Raises: UnknownSpecification for another name, or where the extra is not installed.
    """
    match name:
        case Ristretto255.name:
            return Ristretto255()
        case P256.name:
            return P256()
        case _:
            message = f"There is no suite {name}."
            raise UnknownSpecification(message, "Use ristretto255-SHA512 or P256-SHA256.")
