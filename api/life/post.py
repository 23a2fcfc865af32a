"""Mail to people who must act, by SMTP to a server of the house's own; messages carry no content."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage
from typing import Protocol

from cld.errors import InputError

__all__ = ["Post", "SmtpPost"]

PATIENCE_SECONDS = 10


class Post(Protocol):
    """Something that takes a message to an address."""

    def send(self, address: str, subject: str, words: str) -> None:
        """Send one message."""
        ...


class SmtpPost:
    """An SMTP server."""

    def __init__(self, host: str, port: int, sender: str) -> None:
        """Send through a server, as a sender."""
        self._host, self._port, self._sender = host, port, sender

    def send(self, address: str, subject: str, words: str) -> None:
        """Send one message.

        Raises: InputError if the server does not take it; what it answered could name an address and is not told.
        """
        try:
            message = EmailMessage()
            message["From"], message["To"], message["Subject"] = self._sender, address, subject
            message.set_content(words)
            with smtplib.SMTP(self._host, self._port, timeout=PATIENCE_SECONDS) as server:
                server.send_message(message)
        except (OSError, ValueError, smtplib.SMTPException):
            words = "The mail server did not take the message."
            raise InputError(words, "See that it runs and that the address is one.") from None
