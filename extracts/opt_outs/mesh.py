"""The service port ``opt_outs``: questions leave through the folders of a MESH client, and answers come in through them.

1. A question is written once, as data and control file under the name of its message.  2. Whoever asks is told to come
back; nothing waits here.  3. An answer counts that bears the question's local id, comes from the service's mailbox to ours
in its workflow, and was transferred; exactly one.  4. Once read it is deleted with all that was written for it.  5. A
question that was not answered in time is withdrawn.

Source: NHS England, MESH client control files (digital.nhs.uk, Data Landing Portal: setting up control files, appendix A);
        workflow SPINE_NTT_UPHOLDING and the names of messages: UK Renal Registry, National Opt-Out Processes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from cld.canonical import canonical_bytes
from cld.clock import Clock
from cld.engine import Session
from cld.errors import InputError, NoAnswerYet, OptOutsUnknown
from cld.shelf import atomic_write
from extracts.opt_outs.files import ASK_AGAIN, read_answer, write_question
from policies.opt_outs import OptOutLimits, opt_out_limits_on

__all__ = ["WORKFLOW", "MeshFolder"]

WORKFLOW = "SPINE_NTT_UPHOLDING"
MAILBOX = re.compile(r"[A-Za-z0-9]{6,12}")
OUT, IN, ASKED = "out", "in", "asked"
MOST_CONTROL_BYTES = 64_000
ASKED_NOW = "The opt-out service was asked just now."
NOT_YET = "The opt-out service was asked and has not answered yet."
LATER = "Build again once it has; answers come within about 40 minutes."


@dataclass(frozen=True, slots=True)
class _Message:
    """A message that came in: its control file, its fields and its data file."""

    control: Path
    told: Mapping[str, str]

    @property
    def content(self) -> Path:
        return self.control.with_suffix(".dat")

    def is_a_status_note(self) -> bool:
        """Say whether it is a note on how far the service has come, in JSON, and no answer."""
        if not self.content.is_file():
            return False
        with self.content.open("rb") as stream:
            return stream.read(1) == b"{"

    def delete(self) -> None:
        self.control.unlink(missing_ok=True)
        self.content.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class MeshFolder:
    """A folder that a MESH client serves: ``out`` for what it sends, ``in`` for what it received.

    ``own`` and ``service`` are mailboxes. The folder is one that only the service's account and the client may read: numbers
    lie there while they travel.
    """

    folder: Path
    own: str
    service: str
    clock: Clock

    def __post_init__(self) -> None:
        """Refuse what is no mailbox.

        Raises: InputError.
        """
        if not MAILBOX.fullmatch(self.own) or not MAILBOX.fullmatch(self.service):
            message = "A mailbox is named in letters and digits."
            raise InputError(message, "Correct the settings of the opt-out service.")

    def willing(self, session: Session, asked: str, into: str, question: str) -> datetime:
        """Read the answer if it came, or see that the question is under way; return when it was asked.

        Raises: NoAnswerYet; OptOutsUnknown if none came in time, or what came is not the answer to this question.
        """
        now = self.clock.now_utc()
        state = self._state(question)
        if state is None:
            self._ask(session, asked, question, now)
            raise NoAnswerYet(ASKED_NOW, LATER)
        asked_at, local_id = datetime.fromisoformat(state["asked_at"]), str(state["local_id"])
        try:
            self._take(session, asked, into, local_id, now - asked_at, opt_out_limits_on(now.date()))
        except OptOutsUnknown:
            self._forget(question, local_id)
            raise
        self._forget(question, local_id)
        return asked_at

    def _take(
        self, session: Session, asked: str, into: str, local_id: str, age: timedelta, limits: OptOutLimits
    ) -> None:
        answer = self._answer_to(local_id)
        if age > timedelta(hours=limits.most_hours_kept):
            message = "The answer of the opt-out service is too old to be used."
            raise OptOutsUnknown(message, ASK_AGAIN)
        if answer is not None:
            read_answer(session, answer.content, asked, into, limits)
        elif age > timedelta(minutes=limits.most_minutes_waited):
            message = f"The opt-out service gave no answer within {limits.most_minutes_waited} minutes."
            raise OptOutsUnknown(message, ASK_AGAIN)
        else:
            raise NoAnswerYet(NOT_YET, LATER)

    def _state(self, question: str) -> dict[str, Any] | None:
        path = self.folder / ASKED / f"{question}.json"
        held: dict[str, Any] | None = json.loads(path.read_text("utf-8")) if path.is_file() else None
        return held

    def _ask(self, session: Session, asked: str, question: str, now: datetime) -> None:
        """Write the data first and the control file last: a client takes a message up by its control file."""
        for place in (OUT, IN, ASKED):
            (self.folder / place).mkdir(parents=True, exist_ok=True, mode=0o700)
        name = self._next_name(now)
        state = {"local_id": name, "asked_at": now.isoformat()}
        atomic_write(self.folder / ASKED / f"{question}.json", canonical_bytes(state))
        data = self.folder / OUT / f"{name}.dat"
        write_question(session, asked, data.with_suffix(".part"))
        data.with_suffix(".part").replace(data)
        atomic_write(data.with_suffix(".ctl"), self._control(name).encode())

    def _next_name(self, now: datetime) -> str:
        """Name a message by mailbox, day and its number in the month; only hyphens part them."""
        path, month = self.folder / ASKED / "sequence.json", f"{now:%Y-%m}"
        held: dict[str, int] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
        number = held.get(month, 0) + 1
        atomic_write(path, canonical_bytes({month: number}))
        return f"{self.own}-{now:%d%m%y}-{number:04d}"

    def _control(self, name: str) -> str:
        fields = {
            "Version": "1.0", "AddressType": "DTS", "MessageType": "Data", "WorkflowId": WORKFLOW, "From_DTS": self.own,
            "To_DTS": self.service, "Subject": name, "LocalId": name, "Compress": "Y", "Encrypted": "N", "AllowChunking": "Y",
        }  # fmt: skip
        lines = [f"  <{key}>{escape(value)}</{key}>" for key, value in fields.items()]
        return "\n".join(["<DTSControl>", *lines, "</DTSControl>", ""])

    def _messages(self, local_id: str) -> Iterator[_Message]:
        """Yield what came in under a local id; everything else in the mailbox is somebody else's and stays."""
        for control in sorted((self.folder / IN).glob("*.ctl")):
            told = _read_control(control)
            if told.get("LocalId") == local_id:
                yield _Message(control, told)

    def _answer_to(self, local_id: str) -> _Message | None:
        answers = []
        for message in self._messages(local_id):
            if message.told.get("Status") != "SUCCESS":
                words = "The question did not reach the opt-out service."
                raise OptOutsUnknown(words, ASK_AGAIN)
            if message.told.get("MessageType") == "Data" and not message.is_a_status_note():
                answers.append(message)
        if len(answers) > 1:
            words = "The opt-out service answered one question twice."
            raise OptOutsUnknown(words, ASK_AGAIN)
        for answer in answers:
            told = answer.told
            wanted = {"WorkflowId": WORKFLOW, "From_DTS": self.service, "To_DTS": self.own}
            if any(told.get(name) != value for name, value in wanted.items()) or not answer.content.is_file():
                words = "An answer came that is not the opt-out service's to us."
                raise OptOutsUnknown(words, ASK_AGAIN)
            return answer
        return None

    def _forget(self, question: str, local_id: str) -> None:
        """Delete question, answer and what was noted of them: who objects lies nowhere afterwards."""
        for message in list(self._messages(local_id)):
            message.delete()
        for ending in (".ctl", ".dat", ".part"):
            (self.folder / OUT / f"{local_id}{ending}").unlink(missing_ok=True)
        (self.folder / ASKED / f"{question}.json").unlink(missing_ok=True)


def _read_control(path: Path) -> dict[str, str]:
    """Return the fields of a control file, nested ones too; nothing of one that cannot be read or declares entities."""
    if path.stat().st_size > MOST_CONTROL_BYTES:
        return {}
    content = path.read_bytes()
    if b"<!" in content or b"\x00" in content:
        return {}
    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError:
        return {}
    return {element.tag: (element.text or "").strip() for element in root.iter()}
