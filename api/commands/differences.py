"""The command that works out what recipients can subtract from all that they hold (shared commands page, differences)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.run import Json, answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from disclosure.memory.bounds import CoalitionBounds
    from disclosure.memory.boxes import FineCells
    from disclosure.memory.history import History
    from disclosure.memory.shown import ShowingRule

__all__ = ["add_differences_commands"]

SMALL = 7
MOST_LINES = 20
RULE_HELP = (
    "How a table's numbers are shown, once for all tables or once for each in their order: exact, rounding=5, stars=1-7, "
    "midpoint=6, two joined by + as in stars=1-7+rounding=5, or the name of a profile."
)


def differences(
    files: Annotated[list[Path], typer.Argument(help="HISTORY.json, or with --tables one table for each release.")],
    tables: Annotated[
        bool, typer.Option("--tables", help="The files are tables; build the history from them.")
    ] = False,
    coalition: Annotated[
        list[str] | None, typer.Option(help="Recipients who put together what they hold, as A,B; may be repeated.")
    ] = None,
    integer: Annotated[bool, typer.Option("--integer", help="Exact over whole numbers of persons.")] = False,
    dimensions: Annotated[str, typer.Option(help="Tables: columns that are dimensions, as a,b.")] = "",
    value: Annotated[str, typer.Option(help="Tables: column of the shown value.")] = "shown",
    hierarchy: Annotated[
        list[str] | None,
        typer.Option(help="Tables: dimension=FILE, FILE having child,parent; a code may lie in several groups."),
    ] = None,
    total: Annotated[
        str, typer.Option(help="Tables: label of totals; it covers what the table's column lists.")
    ] = "Total",
    recipient: Annotated[
        list[str] | None, typer.Option(help="Tables: who holds them, once for all or once for each table in order.")
    ] = None,
    rule: Annotated[
        list[str] | None, typer.Option("--rule", "--profile", help=f"Tables: {RULE_HELP[0].lower()}{RULE_HELP[1:]}")
    ] = None,
    upper_bound: Annotated[
        int, typer.Option(help="Tables: the most persons that a fine cell can hold.", min=0)
    ] = 1_000_000,
    history_out: Annotated[Path | None, typer.Option(help="Tables: write the history that they make, as JSON.")] = None,
    as_json: Json = False,
) -> None:
    """Work out what each recipient, and each coalition, can learn by subtracting releases from one another.

    HISTORY.json: {"n_fine": 8, "upper_bound": 5000, "releases": [{"name": "r1", "recipient": "A", "rows": [{"cells":
    [0, 1], "low": 48, "high": 48}]}], "targets": [[0], [1]]}. Without targets every fine cell is asked for.
    """
    from disclosure.memory.bounds import differences as work_out  # noqa: PLC0415
    from disclosure.memory.history import read_history  # noqa: PLC0415

    if not tables and len(files) != 1:
        message = "give one history, or --tables and its tables"
        raise typer.BadParameter(message)
    cells: FineCells | None = None
    if tables:
        given = dimensions, value, hierarchy or [], total, recipient or ["recipient"], rule or ["exact"], upper_bound
        history, cells = _from_tables(files, *given)
        if history_out is not None:
            _write_history(history, history_out)
    else:
        history = read_history(files[0])
    found = work_out(history, _coalitions(coalition or [], history.recipients), integer=integer)
    shown: dict[str, Any] = {
        "coalitions": [{"recipients": list(c.recipients), "bounds": [b.as_json() for b in c.bounds]} for c in found]
    }
    if cells is not None:
        shown["fine_cells"] = [
            {name: list(codes) for name, codes in cells.label(n).items()} for n in range(cells.n_fine)
        ]
    answer(shown, _words(found), as_json=as_json)


def _coalitions(asked: Sequence[str], recipients: Sequence[str]) -> list[tuple[str, ...]]:
    made = []
    for text in asked:
        members = tuple(name.strip() for name in text.split(","))
        if not set(members) <= set(recipients):
            message = "a coalition names recipients of the history, as A,B"
            raise typer.BadParameter(message)
        made.append(members)
    return made


def _from_tables(
    files: Sequence[Path], dimensions: str, value: str, hierarchy: Sequence[str], total: str, recipients: Sequence[str],
    rules: Sequence[str], upper_bound: int,
) -> tuple[History, FineCells]:  # fmt: skip
    from api.commands.run import session_of  # noqa: PLC0415
    from disclosure.memory.tables import TablesRequest, history_of_tables  # noqa: PLC0415

    names = tuple(name.strip() for name in dimensions.split(",") if name.strip())
    if not names or len(set(names)) != len(names):
        message = "name the dimensions once each, as --dimensions a,b"
        raise typer.BadParameter(message)
    hierarchies = {}
    for text in hierarchy:
        name, _, path = text.partition("=")
        if name not in names or not path or name in hierarchies:
            message = "a hierarchy is given once for a dimension, as dimension=FILE"
            raise typer.BadParameter(message)
        hierarchies[name] = Path(path)
    each = _for_each(recipients, len(files), "recipient"), _for_each(rules, len(files), "rule")
    request = TablesRequest(
        names, value, hierarchies, total, tuple(each[0]), tuple(_rule(text) for text in each[1]), upper_bound
    )
    with session_of(2, "2GB") as session:
        return history_of_tables(session, files, request)


def _for_each(given: Sequence[str], n_files: int, name: str) -> Sequence[str]:
    if len(given) not in (1, n_files):
        message = f"give one {name} for all tables, or one for each"
        raise typer.BadParameter(message)
    return list(given) * n_files if len(given) == 1 else given


def _rule(text: str) -> ShowingRule:
    """A rule in words, or that of a profile in force today."""
    from datetime import date  # noqa: PLC0415

    from cld.errors import UnknownSpecification  # noqa: PLC0415
    from disclosure.memory.shown import ShowingRule, parse_showing_rule  # noqa: PLC0415
    from policies.profiles import profile_named  # noqa: PLC0415

    try:
        profile = profile_named(text, date.today())  # noqa: DTZ011 - the reader's own day
    except UnknownSpecification:
        return parse_showing_rule(text)
    return ShowingRule(
        (1, profile.smallest_shown - 1), profile.round_to, hidden_from=profile.smallest_shown if profile.secondary else 0,
        national_exact=profile.national_exact,
    )  # fmt: skip


def _write_history(history: History, path: Path) -> None:
    import json  # noqa: PLC0415

    from cld.shelf import atomic_write  # noqa: PLC0415

    atomic_write(path, json.dumps(history.as_json()).encode() + b"\n")


def _words(found: Sequence[CoalitionBounds]) -> str:
    """For a person: which groups are certainly small, by the cells that they are made of."""
    lines = []
    for coalition in found:
        small = [bound for bound in coalition.bounds if bound.low >= 1 and bound.high <= SMALL]
        lines.append(
            f"{' and '.join(coalition.recipients)}: {len(small)} of {len(coalition.bounds)} groups are certainly 1 to {SMALL} persons"
        )
        lines += [f"  cells {', '.join(map(str, b.cells))}: {b.low:g} to {b.high:g}" for b in small[:MOST_LINES]]
        if len(small) > MOST_LINES:
            lines.append(f"  and {len(small) - MOST_LINES} more (--json gives all)")
    return "\n".join(lines)


def add_differences_commands(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(differences)
