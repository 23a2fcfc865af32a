"""Mail to whoever must act, to a real SMTP server on this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from api.life.post import SmtpPost
from cld.errors import InputError
from tests.lib.life import APPLICANT, COUNCIL, Life


class Mailbox:
    """Keeps every message that the server takes."""

    def __init__(self) -> None:
        self.taken: list[Envelope] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - the library's name
        del server, session
        self.taken.append(envelope)
        return "250 OK"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, str]]:
    box = Mailbox()
    server = Controller(box, hostname="127.0.0.1", port=free_port())
    server.start()
    yield box, f"{server.hostname}:{server.port}"
    server.stop()


def test_whoever_must_act_is_told_and_told_nothing(life: Life, mailbox: tuple[Mailbox, str]) -> None:
    box, place = mailbox
    life.do("apply", life.application("CG-0900"))
    addresses = {
        "approver one": "one@example.test",
        "releaser one": "two@example.test",
        APPLICANT: "three@example.test",
    }
    told = life.do("inbox", "--mail", place, "--sender", "house@example.test", "--addresses", life.file(addresses))
    assert told["sent"] == 1
    (envelope,) = box.taken
    assert envelope.rcpt_tos == ["one@example.test"]
    words = bytes(envelope.content or b"").decode()
    assert "Something waits for you" in words
    assert not any(part in words for part in ("CG-0900", COUNCIL, "Lincolnshire", "approver"))


def test_a_server_that_is_not_there_and_an_address_that_is_none_are_told_apart_from_a_bug(
    mailbox: tuple[Mailbox, str],
) -> None:
    host, _, port = mailbox[1].rpartition(":")
    with pytest.raises(InputError, match="did not take"):
        SmtpPost(host, int(port), "house@example.test").send("one@example.test\nBcc: all@example.test", "x", "y")
    with pytest.raises(InputError, match="did not take"):
        SmtpPost(host, 1, "house@example.test").send("one@example.test", "x", "y")
    assert mailbox[0].taken == []
