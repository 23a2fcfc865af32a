"""How key commands ask: at a terminal without echo, or from files that hold one passphrase each, in the order asked."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from cld.errors import InputError, KeyUnavailable
from keys.derivation import Secret
from keys.providers.custody import index_in, read_custody

__all__ = ["FileUnlocking", "Prompts"]


class Prompts:
    """A ceremony's dialogue on standard error; nothing typed is shown, and no secret is ever printed."""

    def __init__(self, files: Sequence[Path] = ()) -> None:
        """Answer from files where there are any, else ask."""
        self._files = iter(files)
        self._from_files = bool(files)

    def say(self, words: str) -> None:
        """Tell on standard error."""
        sys.stderr.write(f"{words}\n")

    def new_passphrase(self, whose: str) -> Secret:
        """Ask for a new passphrase, twice at a terminal.

        Raises: InputError if the two differ.
        """
        if self._from_files:
            return self._next_file(whose)
        first = self._ask(f"New passphrase of {whose}: ")
        if first.reveal() != self._ask(f"The same again, {whose}: ").reveal():
            message = "The two passphrases differ."
            raise InputError(message, "Begin again.")
        return first

    def passphrase(self, whose: str) -> Secret:
        """Ask for a passphrase or a PIN."""
        return self._next_file(whose) if self._from_files else self._ask(f"Passphrase of {whose}: ")

    @property
    def can_ask(self) -> bool:
        """Whether somebody is at a terminal."""
        return sys.stdin.isatty()

    @property
    def from_files(self) -> bool:
        """Whether files answer."""
        return self._from_files

    def line(self, words: str) -> str:
        """Ask for something that is no secret."""
        sys.stderr.write(words)
        sys.stderr.flush()
        return sys.stdin.readline().strip()

    def _ask(self, words: str) -> Secret:
        if not self.can_ask:
            message = "There is nobody at a terminal to ask."
            raise InputError(message, "Give --passphrase-file once for each passphrase, in the order asked.")
        return Secret(getpass.getpass(words, sys.stderr).encode())

    def _next_file(self, whose: str) -> Secret:
        path = next(self._files, None)
        if path is None:
            message = f"There is no passphrase file for {whose}."
            raise InputError(message, "Give --passphrase-file once for each passphrase, in the order asked.")
        try:
            return Secret(path.read_bytes().strip())
        except OSError as fault:
            message = f"{path.name} cannot be read."
            raise InputError(message, "Check the name.") from fault


class FileUnlocking:
    """Opens a root with what a dialogue gives; shares are asked of their custodians in the order given."""

    def __init__(self, keystore: Path, prompts: Prompts, shares: Sequence[Path]) -> None:
        """Ask through prompts."""
        self._keystore, self._prompts, self._shares = keystore, prompts, shares

    def passphrase(self) -> Secret:
        """Ask for the root's passphrase."""
        return self._prompts.passphrase("the root")

    def pin(self) -> Secret:
        """Ask for the token's PIN."""
        return self._prompts.passphrase("the token (its PIN)")

    def shares(self) -> Iterator[tuple[Path, Secret]]:
        """Ask each custodian whose share was given.

        Where none was given, its file is asked for too. Raises: KeyUnavailable if there is nobody to ask.
        """
        if not self._shares and not self._prompts.can_ask:
            message = "This root is shared among custodians."
            raise KeyUnavailable(message, "Give --share once for each custodian's file.")
        commitments = read_custody(self._keystore)
        files = self._shares or [
            Path(self._prompts.line(f"Share file {place} of {commitments.threshold}: "))
            for place in range(1, commitments.threshold + 1)
        ]
        indexes = [index_in(path, commitments) for path in files]
        for path, index in zip(files, indexes, strict=True):
            yield path, self._prompts.passphrase(f"custodian {index}")
