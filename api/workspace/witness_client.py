"""The way to witnesses over HTTP: a request of hashes and signatures out, signature lines or a size back.

Nothing of a person, a council or a recipient can be in it: the request is written by audit.witness from a head and a proof.

Source: C2SP tlog-witness, HTTP interface.
"""

from __future__ import annotations

from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from audit.policy import WitnessPolicy
from audit.witness import Answer, WitnessPort
from cld.errors import InputError

__all__ = ["HttpWitness", "require_url", "witnesses_of"]

SECONDS = 10.0
MOST_ANSWER_BYTES = 100_000
UNREACHED = 503


def require_url(url: str) -> str:
    """Return a witness's URL without a slash at its end.

    Raises: InputError if it is none of HTTP, or would not stand in one word of a policy.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or not url.isascii() or url.split() != [url]:
        message = "A witness's URL is none."
        raise InputError(message, "Write http:// or https:// and the host.")
    return url.rstrip("/")


@dataclass(frozen=True, slots=True)
class HttpWitness:
    """A witness at a submission prefix. One that cannot be reached answers 503; the quorum decides what that means."""

    name: str
    url: str

    def add_checkpoint(self, request: bytes) -> Answer:
        """Post a request; no redirect is followed and no proxy asked.

        Raises: InputError if the URL is none.
        """
        parts = urlsplit(require_url(self.url))
        host = parts.hostname or ""
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(host, parts.port, timeout=SECONDS)
        try:
            connection.request(
                "POST", parts.path.rstrip("/") + "/add-checkpoint", request, {"Content-Type": "text/plain"}
            )
            found = connection.getresponse()
            body = found.read(MOST_ANSWER_BYTES).decode("utf-8", "replace")
            return Answer(found.status, body, found.headers.get("Content-Type", ""))
        except (OSError, HTTPException):
            return Answer(UNREACHED, "")
        finally:
            connection.close()


def witnesses_of(policy: WitnessPolicy) -> tuple[WitnessPort, ...]:
    """Return the witnesses of a policy that have a URL and are not retired, each once however many keys it has."""
    live = [witness for witness in policy.witnesses if witness.url and witness.key not in policy.retired]
    found = {witness.key.name: witness.url for witness in live}
    return tuple(HttpWitness(name, url) for name, url in found.items())
