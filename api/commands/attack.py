"""Commands that attack anyone's published tables, round tables and perturb counts (shared commands page)."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.run import Json, Memory, Out, Stopwatch, Threads, finish, session_of

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
    from api.commands.screen import progress_bar  # noqa: PLC0415
    from disclosure.tables.attack import attack_files  # noqa: PLC0415

    request, rule = table_request(dimensions, value, hierarchy, total), _rule(rounding, adjacent, profile)
    with progress_bar() as bar, session_of(threads, memory) as session:
        watch = Stopwatch(bar.step)
        summary = attack_files(session, table, request, rule, watch, whole=integer, rounded=rounded, out=out)
    words = f"{summary['n_hidden']} hidden cells of {summary['n_cells']}, {summary['n_exact']} of them exactly known"
    finish(summary, watch, words, as_json=as_json)


def round_table(
    cells: Annotated[list[Path], typer.Argument(help="One row a cell, true counts; several files are linked tables.")],
    dimensions: Dimensions,
    value: Annotated[str, typer.Option(help="Column of true counts.")],
    base: Annotated[int, typer.Option(help="Every count becomes a multiple of this.", min=2)],
    out: Out,
    hierarchy: Hierarchies = None,
    total: Total = "Total",
    threads: Threads = 2,
    memory: Memory = "2GB",
    as_json: Json = False,
) -> None:
    """Round a table so that all its totals still add up (controlled rounding); the column rounded holds the result."""
    from api.commands.screen import progress_bar  # noqa: PLC0415
    from disclosure.tables.rounded_files import round_files  # noqa: PLC0415

    request = table_request(dimensions, value, hierarchy, total)
    with progress_bar() as bar, session_of(threads, memory) as session:
        watch = Stopwatch(bar.step)
        summary = round_files(session, cells, request, base, out, watch)
    words = f"{summary['n_cells']} cells rounded to {base}, none by more than {summary['largest_distance']}"
    finish(summary, watch, words, as_json=as_json)


def perturb(
    file: Annotated[Path, typer.Argument(help="One row a person, CSV or Parquet.")],
    dimensions: Dimensions,
    record_key: Annotated[str, typer.Option(help="Column of lasting random keys, whole numbers from 0.")],
    out: Out,
    hierarchy: Hierarchies = None,
    total: Total = "Total",
    noise: Annotated[
        Path | None, typer.Option(help="Perturbation table with the columns pcv, ckey, pvalue; else one is made.")
    ] = None,
    largest_noise: Annotated[int, typer.Option(help="Largest noise of the table that is made.", min=1)] = 5,
    variance: Annotated[float, typer.Option(help="Variance of its noise.", min=0)] = 3.0,
    blocked: Annotated[int, typer.Option(help="Counts from 1 to this never occur in it.", min=0)] = 2,
    keys: Annotated[int, typer.Option(help="How many keys there are, from 0.", min=1)] = 256,
    least_shown: Annotated[int, typer.Option(help="Perturbed counts under this are left empty.", min=0)] = 0,
    threads: Threads = 2,
    memory: Memory = "2GB",
    as_json: Json = False,
) -> None:
    """Count persons in every cell and total with cell-key noise: the same persons get the same noise in every table."""
    from api.commands.screen import progress_bar  # noqa: PLC0415
    from disclosure.tables.cellkey import table_of_noise  # noqa: PLC0415
    from disclosure.tables.perturbed_files import PerturbRequest, perturb_file, read_noise  # noqa: PLC0415

    table = table_request(dimensions, record_key, hierarchy, total)
    asked = PerturbRequest(table.dimensions, record_key, table.hierarchies, total, least_shown)
    with progress_bar() as bar, session_of(threads, memory) as session:
        watch = Stopwatch(bar.step)
        if noise is None:
            by_key = table_of_noise(largest_noise, variance, blocked=blocked, n_keys=keys)
        else:
            by_key = read_noise(session, noise)
        summary = perturb_file(session, file, asked, by_key, out, watch)
    words = (
        f"{summary['n_changed']} of {summary['n_cells']} counts changed, none by more than {summary['largest_noise']}"
    )
    finish(summary, watch, words, as_json=as_json)


def add_attack_commands(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(attack)
    app.command("round")(round_table)
    app.command()(perturb)
