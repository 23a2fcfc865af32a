"""The command line of the one file: python verify.py FOLDER --trust POLICY, with nothing but Python and cryptography."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from audit.verifying.checks import Asked, lies_within, verify_folder

__all__ = ["main", "report_text"]

NOT_OK = 6
USAGE = 2
UNREADABLE = 3
OUTSIDE_ROAD = "Get the trust policy by another road than this package: the one inside proves nothing.\n"


def report_text(report: dict[str, Any], on: date) -> str:
    """Return the report for a person: one line a check, then the two answers."""
    lines = [f"{one['number']:>2} {one['result']:<12} {one['name']}: {one['reason']}" for one in report["checks"]]
    lines += [
        "ok" if report["ok"] else "NOT OK",
        f"agreement in force on {on}: {'yes' if report['in_force'] else 'no'}",
    ]
    return "\n".join(lines) + "\n"


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(
        prog="verify.py", description="Verify an opened package, offline.", allow_abbrev=False
    )
    options.add_argument("folder", type=Path, help="the opened package")
    options.add_argument("--trust", type=Path, help="trust policy, got by another road than the package")
    options.add_argument("--recipient-key", action="append", default=[], help="your own public key, as enrolled")
    options.add_argument("--last-seen", type=Path, help="the last checkpoint you saw")
    options.add_argument("--consistency", type=Path, help="consistency proofs got from the sender")
    options.add_argument("--revoked", type=Path, help="list of withdrawn packages")
    options.add_argument("--on", type=date.fromisoformat, help="day for the agreement, YYYY-MM-DD")
    options.add_argument("--json", action="store_true", help="print one JSON object")
    return options


def _text(path: Path | None) -> str | None:
    return None if path is None else path.read_text("utf-8")


def main(arguments: list[str]) -> int:
    """Verify the folder named on the command line and print the checks; a package is no witness to its own trust."""
    options = _options()
    if not arguments:
        options.print_usage(sys.stdout)
        sys.stdout.write(OUTSIDE_ROAD)
        return USAGE
    asked = options.parse_args(arguments)
    if asked.trust is None:
        options.print_usage(sys.stdout)
        sys.stdout.write(OUTSIDE_ROAD)
        return USAGE
    on = asked.on or datetime.now(UTC).date()
    try:
        if not asked.folder.is_dir():
            message = "verify.py works on an opened folder: open the seal and unzip first, or use caregate verify"
            raise OSError(message)
        texts = [_text(path) for path in (asked.trust, asked.last_seen, asked.consistency, asked.revoked)]
    except (OSError, UnicodeDecodeError) as fault:
        sys.stderr.write(f"cannot be read: {fault}\n")
        return UNREADABLE
    trust, last_seen, consistency, revoked = texts
    report = verify_folder(
        asked.folder,
        Asked(policy=trust, on=on, policy_inside=lies_within(asked.trust, asked.folder), recipient_keys=tuple(asked.recipient_key),
              opened=("not possible", "this program opens no seal: caregate verify does"),
              last_seen=last_seen, consistency=consistency or "", revocations=revoked),
    )  # fmt: skip
    sys.stdout.write(json.dumps(report) + "\n" if asked.json else report_text(report, on))
    return 0 if report["ok"] else NOT_OK
