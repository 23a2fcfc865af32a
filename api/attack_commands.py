"""Commands that attack anyone's published tables (shared commands page)."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.run import Json, Memory, Stopwatch, Threads, finish, session_of

if TYPE_CHECKING:
    from disclosure.tables.published import ShownRule
    from disclosure.tables.reading import TableRequest

__all__ = ["Dimensions", "Hierarchies", "Total", "add_attack_commands", "table_request"]

Dimensions = Annotated[str, typer.Option(help="Columns that are dimensions, parted by commas.")]
Hierarchies = Annotated[
    list[str] | None, typer.Option("--hierarchy", help="DIMENSION=FILE, the file with the columns child,parent.")
]
Total = Annotated[str, typer.Option(help="Label of the total of a dimension without a hierarchy.")]


def table_request(dimensions: str, value: str, hierarchies: list[str] | None, total: str) -> TableRequest:
    """Return the request that the options make."""
    from disclosure.tables.reading import TableRequest  # noqa: PLC0415

    pairs = [text.partition("=") for text in hierarchies or []]
    if any(not name or not path for name, _, path in pairs) or len({name for name, _, _ in pairs}) < len(pairs):
        message = "a hierarchy is given once a dimension, as DIMENSION=FILE"
        raise typer.BadParameter(message)
    names = tuple(name.strip() for name in dimensions.split(","))
    return TableRequest(names, value, {name: Path(path) for name, _, path in pairs}, total)


def _rule(rounding: float, adjacent: bool, profile: str | None) -> ShownRule:  # noqa: FBT001 - an option's value
    from disclosure.tables.published import ShownRule  # noqa: PLC0415
    from policies.profiles import profile_named  # noqa: PLC0415

    if profile is None:
        return ShownRule(rounding, adjacent=adjacent)
    if rounding or adjacent:
        message = "a profile says itself how values are rounded"
        raise typer.BadParameter(message)
    limits = profile_named(profile, date.today())  # noqa: DTZ011 - the reader's own day
    return ShownRule(
        limits.round_to, smallest_shown=limits.smallest_shown, secondary=limits.secondary,
        national_exact=limits.national_exact,
    )  # fmt: skip


def attack(
    table: Annotated[list[Path], typer.Argument(help="The published table; several are linked tables of one system.")],
    dimensions: Dimensions,
    value: Annotated[str, typer.Option(help="Column of shown values; hidden are empty, *, x, .. and c.")],
    hierarchy: Hierarchies = None,
    total: Total = "Total",
    rounding: Annotated[float, typer.Option(help="Values were rounded to multiples of this, halves up.", min=0)] = 0,
    adjacent: Annotated[
        bool, typer.Option("--adjacent", help="Rounding may have gone to either multiple (controlled, random).")
    ] = False,
    profile: Annotated[str | None, typer.Option(help="Name of the profile by which the table was made.")] = None,
    integer: Annotated[bool, typer.Option("--integer", help="Bounds over whole numbers: values are counts.")] = False,
    rounded: Annotated[bool, typer.Option("--rounded", help="Give the intervals of rounded cells too.")] = False,
    out: Annotated[Path | None, typer.Option(help="File to write: the rows with attack_lower, attack_upper.")] = None,
    threads: Threads = 2,
    memory: Memory = "2GB",
    as_json: Json = False,
) -> None:
    """Compute what a published table lets anyone say of its hidden cells: each one's exact interval."""
    from api.screen import progress_bar  # noqa: PLC0415
    from disclosure.tables.attack import attack_files  # noqa: PLC0415

    request, rule = table_request(dimensions, value, hierarchy, total), _rule(rounding, adjacent, profile)
    with progress_bar() as bar, session_of(threads, memory) as session:
        watch = Stopwatch(bar.step)
        summary = attack_files(session, table, request, rule, watch, whole=integer, rounded=rounded, out=out)
    words = f"{summary['n_hidden']} hidden cells of {summary['n_cells']}, {summary['n_exact']} of them exactly known"
    finish(summary, watch, words, as_json=as_json)


def add_attack_commands(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(attack)
