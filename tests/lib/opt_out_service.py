"""The opt-out service and the MESH client before it, in a folder: what the published pages say they do, and what goes wrong.

It reads questions by their control files alone, and shares no code with the product.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from cld.nhs_number import fault_of

SERVICE, OWN = "X26OT154", "8HQ50OT001"
NOTE = b'{"version": 10, "status": "pending", "stages": []}\n'


@dataclass(slots=True)
class OptOutEmulator:
    """Answers every question in a folder; ``spoil`` alters the lines of an answer before they leave."""

    folder: Path
    objectors: Collection[str]
    spoil: Callable[[str], str] = lambda answer: answer
    sender: str = SERVICE
    n_answers: int = 1
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def run(self) -> int:
        """Take up what lies in ``out`` and answer it in ``in``; return how many questions there were."""
        controls = sorted((self.folder / "out").glob("*.ctl"))
        for control in controls:
            self._one(control)
        return len(controls)

    def _one(self, control: Path) -> None:
        told = control.read_text("utf-8")
        content = control.with_suffix(".dat").read_bytes()
        control.unlink()
        control.with_suffix(".dat").unlink()
        subject, local_id = field_of(told, "Subject"), field_of(told, "LocalId")
        odd = not re.fullmatch(r"[A-Za-z0-9_-]+", subject) or not re.fullmatch(r"[A-Za-z0-9_-]+", local_id)
        if odd or field_of(told, "WorkflowId") != "SPINE_NTT_UPHOLDING" or field_of(told, "To_DTS") != SERVICE:
            return  # no response will be received
        self.deliver(local_id, "note", NOTE)
        numbers = re.fullmatch(rb"(?:[0-9]{10},\n)*", content) and re.findall(rb"[0-9]{10}", content)
        if not numbers or any(fault_of(number.decode(), synthetic_allowed=True) for number in numbers):
            self.deliver(local_id, "fault", b"The file contains an invalid NHS number")
            return
        asked = tuple(number.decode() for number in numbers)
        self.asked.append(asked)
        answer = self.spoil("".join(f"{number},\n" for number in asked if number not in self.objectors))
        for place in range(self.n_answers):
            self.deliver(local_id, f"answer{place}", answer.encode())

    def deliver(self, local_id: str, name: str, content: bytes, *, status: str = "SUCCESS", kind: str = "Data") -> None:
        """Put a message into ``in`` as a client does: data, then its control file."""
        path = self.folder / "in" / f"{local_id}-{name}.dat"
        path.write_bytes(content)
        path.with_suffix(".ctl").write_text(
            f"<DTSControl><Version>1.0</Version><AddressType>ALL</AddressType><MessageType>{kind}</MessageType>"
            f"<From_DTS>{self.sender}</From_DTS><To_DTS>{OWN}</To_DTS><Subject>SUCCESS</Subject><LocalId>{local_id}</LocalId>"
            "<WorkflowId>SPINE_NTT_UPHOLDING</WorkflowId><StatusRecord><DateTime>20220301100000</DateTime>"
            f"<Event>TRANSFER</Event><Status>{status}</Status><StatusCode>00</StatusCode></StatusRecord></DTSControl>\n"
        )


def field_of(control: str, name: str) -> str:
    """Return a field of a control file."""
    found = re.search(rf"<{name}>([^<]*)</{name}>", control)
    assert found is not None, name
    return found[1]
