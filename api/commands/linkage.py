"""Commands that link and de-duplicate anyone's files (shared commands page)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.run import Json, Memory, Out, Report, Stopwatch, Threads, answer, finish, session_of

if TYPE_CHECKING:
    from linkage.files.request import Request
    from linkage.prepare.keyhash import KeyHash

__all__ = ["add_linkage_commands"]


Map = Annotated[Path | None, typer.Option("--map", help="TOML that says which column is which.")]
Threshold = Annotated[str | None, typer.Option(help="Weight in bits, or p and a probability such as p0.99.")]
Truth = Annotated[Path | None, typer.Option(help="Known answer, read only after the links are made.")]
ModelFile = Annotated[Path | None, typer.Option("--model", help="Model to use, or to write if it is not there.")]
IndexFile = Annotated[
    Path | None, typer.Option("--index", help="Prepared index to use, or to make if it is not there.")
]
IndexKey = Annotated[
    Path | None,
    typer.Option("--index-key", help="64 hexadecimal digits: the linkage-only key of the index's blocking keys."),
]


def _request(
    out: Path, column_map: Path | None, threshold: str | None, truth: Path | None, model: Path | None, index: Path | None,
    report: Path | None = None, *, many: bool = False, index_key: Path | None = None, answers: Path | None = None,
    previous_index: Path | None = None,
) -> Request:  # fmt: skip
    from linkage.files.request import Request  # noqa: PLC0415
    from linkage.settle.decide import parse_threshold  # noqa: PLC0415

    if out.is_dir():
        message = "the file to write is a folder"
        raise typer.BadParameter(message)
    try:
        bits = None if threshold is None else parse_threshold(threshold)
    except ValueError as fault:
        message = "a threshold is a number of bits, or p and a probability between 0 and 1"
        raise typer.BadParameter(message) from fault
    return Request(
        out, column_map, bits, truth, model, index, many, report, answers, previous_index, _hashed(index_key)
    )


def _hashed(index_key: Path | None) -> KeyHash:
    from keys.files import read_key_file  # noqa: PLC0415
    from linkage.prepare.keyhash import PLAIN, keyed  # noqa: PLC0415

    return PLAIN if index_key is None else keyed(read_key_file(index_key).reveal())


def link(
    left: Annotated[Path, typer.Argument(help="The file to resolve, CSV or Parquet.")],
    right: Annotated[Path, typer.Argument(help="The index, CSV or Parquet.")],
    out: Out,
    column_map: Map = None,
    threshold: Threshold = None,
    truth: Truth = None,
    model: ModelFile = None,
    index: IndexFile = None,
    index_key: IndexKey = None,
    report: Report = None,
    answers: Annotated[
        Path | None,
        typer.Option(help="Answers to keep: records that have one are not weighed again; needs --index and --model."),
    ] = None,
    previous_index: Annotated[
        Path | None, typer.Option(help="The kept index that gave the answers, if it is another one.")
    ] = None,
    many: Annotated[bool, typer.Option("--many", help="All candidates above the threshold, each by itself.")] = False,
    threads: Threads = 2,
    memory: Memory = "4GB",
    as_json: Json = False,
) -> None:
    """Link two files: for each record of LEFT the record of RIGHT that is the same person, with its weight in bits."""
    from api.commands.screen import progress_bar  # noqa: PLC0415
    from linkage.files.doors import link_files  # noqa: PLC0415

    asked = _request(
        out,
        column_map,
        threshold,
        truth,
        model,
        index,
        report,
        many=many,
        answers=answers,
        previous_index=previous_index,
    )
    with progress_bar() as bar, session_of(threads, memory) as session:
        watch = Stopwatch(bar.step)
        summary = link_files(session, left, right, asked, watch)
    finish(summary, watch, f"{summary['n_links']} links of {summary['n_left']} records", as_json=as_json)


def dedupe(
    file: Annotated[Path, typer.Argument(help="The file, CSV or Parquet.")],
    out: Out,
    column_map: Map = None,
    threshold: Threshold = None,
    truth: Truth = None,
    model: ModelFile = None,
    index: IndexFile = None,
    index_key: IndexKey = None,
    report: Report = None,
    threads: Threads = 2,
    memory: Memory = "4GB",
    as_json: Json = False,
) -> None:
    """Cluster the records of one file that are the same person."""
    from api.commands.screen import progress_bar  # noqa: PLC0415
    from linkage.files.doors import dedupe_file  # noqa: PLC0415

    asked = _request(out, column_map, threshold, truth, model, index, report, index_key=index_key)
    with progress_bar() as bar, session_of(threads, memory) as session:
        watch = Stopwatch(bar.step)
        summary = dedupe_file(session, file, asked, watch)
    finish(summary, watch, f"{summary['n_clusters']} people among {summary['n_left']} records", as_json=as_json)


def explain(
    left: Annotated[Path, typer.Argument(help="The file to resolve, CSV or Parquet.")],
    right: Annotated[Path, typer.Argument(help="The index, CSV or Parquet.")],
    id_l: Annotated[str, typer.Option("--id-l", help="Id of the record of LEFT.")],
    id_r: Annotated[
        str | None, typer.Option("--id-r", help="Id of a record of RIGHT; its best candidate if left out.")
    ] = None,
    column_map: Map = None,
    threshold: Threshold = None,
    model: ModelFile = None,
    index: IndexFile = None,
    index_key: IndexKey = None,
    report: Report = None,
    threads: Threads = 2,
    memory: Memory = "4GB",
    as_json: Json = False,
) -> None:
    """Explain why a record is linked, or is not: every field's bits, the prior and the rivals, as words and a picture."""
    from linkage.files.doors import explain_files  # noqa: PLC0415

    asked = _request(Path(os.devnull), column_map, threshold, None, model, index, report, index_key=index_key)
    with session_of(threads, memory) as session:
        found = explain_files(session, left, right, id_l, id_r, asked, lambda _: None)
    answer(found.as_json(), found.sentence(), as_json=as_json)


def _say_people(n_people: int, *, as_json: bool) -> None:
    answer({"n_people": n_people}, f"{n_people} people in the index", as_json=as_json)


def index_build(
    right: Annotated[Path, typer.Argument(help="The file of people, CSV or Parquet.")],
    out: Annotated[Path, typer.Option(help="Index to write, ending in .duckdb; it can stand for the file in link.")],
    column_map: Map = None,
    index_key: IndexKey = None,
    threads: Threads = 2,
    memory: Memory = "4GB",
    as_json: Json = False,
) -> None:
    """Prepare a file of people once, for many linkages."""
    from linkage.files.indexes import build_index  # noqa: PLC0415

    asked = _request(out, column_map, None, None, None, None, index_key=index_key)
    with session_of(threads, memory) as session:
        n_people = build_index(session, right, asked)
    _say_people(n_people, as_json=as_json)


def index_update(
    old: Annotated[Path, typer.Argument(help="The index so far.")],
    delta: Annotated[Path, typer.Argument(help="People added or changed, by id; one with no values leaves the index.")],
    out: Annotated[Path, typer.Option(help="Index to write, the next version.")],
    column_map: Map = None,
    index_key: IndexKey = None,
    threads: Threads = 2,
    memory: Memory = "4GB",
    as_json: Json = False,
) -> None:
    """Write the next version of an index from a delta."""
    from linkage.files.indexes import update_index_file  # noqa: PLC0415

    asked = _request(out, column_map, None, None, None, None, index_key=index_key)
    with session_of(threads, memory) as session:
        n_people = update_index_file(session, old, delta, asked)
    _say_people(n_people, as_json=as_json)


def encode(
    file: Annotated[Path, typer.Argument(help="The partner's own file, CSV or Parquet.")],
    key_file: Annotated[
        Path, typer.Option(help="64 hexadecimal digits that both partners hold and the linker does not.")
    ],
    out: Annotated[Path, typer.Option(help="Encoded file to write, Parquet.")],
    column_map: Map = None,
    salt_by_birth_date: Annotated[
        bool,
        typer.Option("--salt-by-birth-date", help="Salt names by the whole birth date: for files over 100,000 rows."),
    ] = False,
    threads: Threads = 2,
    memory: Memory = "4GB",
    as_json: Json = False,
) -> None:
    """Encode a file so that it can be linked without its names: keyed, salted and diffused filters, field by field."""
    from keys.files import read_key_file  # noqa: PLC0415
    from linkage.encoded.exchange import encode_file  # noqa: PLC0415
    from linkage.encoded.scheme import EncodingScheme  # noqa: PLC0415
    from linkage.files.doors import columns_of  # noqa: PLC0415

    scheme = EncodingScheme().salted_by_birth_date() if salt_by_birth_date else EncodingScheme()
    with session_of(threads, memory) as session:
        found = columns_of(session, file, column_map)
    known = {field.name for field in scheme.fields} | {"id"}
    columns = {role: column for role, column in found.items() if role in known}
    secret = read_key_file(key_file).reveal()
    summary = encode_file(file, columns, secret, out, scheme, n_threads=threads, memory=memory).as_json()
    answer(summary, f"{summary['n_rows']} records encoded", as_json=as_json)


def link_encoded_files(
    left: Annotated[Path, typer.Argument(help="An encoded file, the one to resolve.")],
    right: Annotated[Path, typer.Argument(help="An encoded file of the same scheme and secret.")],
    out: Out,
    threshold: Threshold = None,
    threads: Threads = 2,
    memory: Memory = "4GB",
    as_json: Json = False,
) -> None:
    """Link two encoded files; the linker holds no secret and sees no name."""
    from linkage.encoded.link import THRESHOLD_BITS, link_encoded  # noqa: PLC0415
    from linkage.settle.decide import parse_threshold  # noqa: PLC0415

    bits = THRESHOLD_BITS if threshold is None else parse_threshold(threshold)
    found = link_encoded(left, right, out, threshold_bits=bits, n_threads=threads, memory=memory)
    summary = found.as_json()
    words = f"{summary['n_links']} links of {summary['n_left']} records"
    answer(summary, f"{words}", as_json=as_json)


def review_queue(
    left: Annotated[Path, typer.Argument(help="The file to resolve, CSV or Parquet.")],
    right: Annotated[Path, typer.Argument(help="The index, CSV or Parquet.")],
    out: Out,
    items: Annotated[int, typer.Option(help="How many pairs to review.", min=1)] = 300,
    twice: Annotated[int, typer.Option(help="Percent of pairs that two people decide.", min=0, max=100)] = 20,
    seed: Annotated[int, typer.Option(help="The same seed draws the same pairs.")] = 1,
    column_map: Map = None,
    model: ModelFile = None,
    index: IndexFile = None,
    index_key: IndexKey = None,
    threads: Threads = 2,
    memory: Memory = "4GB",
    as_json: Json = False,
) -> None:
    """Draw pairs for clerical review, evenly over weights, a share of them for two people."""
    from linkage.files.doors import queue_files  # noqa: PLC0415

    asked = _request(out, column_map, None, None, model, index, index_key=index_key)
    with session_of(threads, memory) as session:
        drawn = {"n_items": items, "twice_percent": twice, "seed": seed}
        n_items = queue_files(session, left, right, asked, lambda _: None, **drawn)
    answer({"n_items": n_items}, f"{n_items} pairs to review", as_json=as_json)


def review_settle(
    queue: Annotated[Path, typer.Argument(help="The queue that review queue wrote.")],
    decisions: Annotated[Path, typer.Argument(help="CSV: item, reviewer, answer (link, not, unsure), reason.")],
    threshold: Threshold = None,
    cost: Annotated[float, typer.Option(help="How many missed links one false link is worth.", min=0.01)] = 20.0,
    as_json: Json = False,
) -> None:
    """Say what decisions mean: kappa, precision and recall with intervals, and a threshold to ask for; no weight changes."""
    from linkage.settle.decide import DEFAULT_BITS, parse_threshold  # noqa: PLC0415
    from linkage.tell.review import read_reviews, settle_reviews  # noqa: PLC0415

    bits = DEFAULT_BITS if threshold is None else parse_threshold(threshold)
    with session_of(1, "1GB") as session:
        outcome = settle_reviews(read_reviews(session, queue, decisions), bits, cost).as_json()
    words = f"{outcome['n_labelled']} of {outcome['n_items']} settled, kappa {outcome['kappa']}, precision {outcome['precision']}"
    answer(outcome, f"{words}", as_json=as_json)


def add_linkage_commands(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(link)
    app.command()(dedupe)
    app.command()(explain)
    app.command()(encode)
    app.command("link-encoded")(link_encoded_files)
    index = typer.Typer(no_args_is_help=True, help="Prepared indexes of people.")
    index.command("build")(index_build)
    index.command("update")(index_update)
    app.add_typer(index, name="index")
    review = typer.Typer(no_args_is_help=True, help="Clerical review of links.")
    review.command("queue")(review_queue)
    review.command("settle")(review_settle)
    app.add_typer(review, name="review")
