"""Clerical review of a workspace as commands: draw, list, look at a pair, decide, settle; no value is ever printed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["review_app"]

review_app = typer.Typer(no_args_is_help=True, help="Clerical review of linked data: draw, list, show, decide, settle.")

Workspace = Annotated[Path, typer.Option("--workspace", help="A workspace that demo made.")]
Queue = Annotated[str, typer.Argument(help="Digest of the queue, or how it begins.")]
Item = Annotated[int, typer.Argument(help="Number of the pair.")]
Reviewer = Annotated[str, typer.Option("--as", help="A reviewer of the workspace, such as 'reviewer one'.")]


def _desk(workspace: Path) -> Any:  # noqa: ANN401 - the type would load the whole house for help
    from api.house.house import House  # noqa: PLC0415
    from api.house.review_desk import ReviewDesk  # noqa: PLC0415
    from api.workspace.wiring import open_demo_workspace  # noqa: PLC0415

    return ReviewDesk(House(open_demo_workspace(workspace)))


def _digest(desk: Any, start: str) -> str:  # noqa: ANN401
    found = [queue.document.digest for queue in desk.queues() if queue.document.digest.startswith(start)]
    if len(found) != 1:
        from cld.errors import InputError  # noqa: PLC0415

        message = "No queue, or more than one, has a digest that begins so."
        raise InputError(message, "List them with: caregate journey review list.")
    return str(found[0])


def _say(**facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")


@review_app.command()
def draw(
    workspace: Workspace,
    items: Annotated[
        int | None, typer.Option(help="How many pairs; the rules in force say so otherwise.", min=1)
    ] = None,
) -> None:
    """Draw a queue of pairs from the latest linked data, evenly over weights, a share of them for two people."""
    made = _desk(workspace).draw(items)
    _say(
        kind=made.document.kind.value,
        digest=made.document.digest,
        n_items=made.n_items,
        n_asked_twice=len(made.asked_twice),
    )


@review_app.command(name="list")
def list_queues(workspace: Workspace) -> None:
    """List the queues: how many pairs, how many decisions are still to be made, whether it is settled."""
    desk = _desk(workspace)
    for queue in desk.queues():
        standing = desk.standing(queue.document.digest)
        state = "open" if standing.settled is None else "settled"
        _say(digest=queue.document.digest, state=state, n_items=queue.n_items, n_to_decide=standing.n_to_decide)


@review_app.command()
def show(queue: Queue, item: Item, reviewer: Reviewer, workspace: Workspace) -> None:
    """Say on which fields the two records of a pair agree and what each weighs; values are seen on the page alone."""
    desk = _desk(workspace)
    told = desk.show(_digest(desk, queue), item, reviewer, whole=False).explanation.as_json()
    _say(item=item, **{name: value for name, value in told.items() if name not in ("id_l", "id_r")})


@review_app.command()
def decide(
    queue: Queue,
    item: Item,
    answer: Annotated[str, typer.Option(help="link, not or unsure.")],
    reason: Annotated[
        str, typer.Option(help="Code of a reason that fits the answer: see caregate journey review reasons.")
    ],
    reviewer: Reviewer,
    workspace: Workspace,
) -> None:
    """Seal one person's answer; nobody sees another's, and nobody answers twice."""
    desk = _desk(workspace)
    made = desk.decide(_digest(desk, queue), item, answer, reason, reviewer)
    _say(kind=made.document.kind.value, digest=made.document.digest)


@review_app.command()
def reasons() -> None:
    """List the reasons that a decision may give."""
    from linkage.tell.standing import review_reasons  # noqa: PLC0415

    for code, (title, answers) in review_reasons().items():
        _say(code=code, reason=title, answers=list(answers))


@review_app.command()
def settle(queue: Queue, workspace: Workspace) -> None:
    """Seal what the decisions say: kappa, precision and recall with intervals, a threshold to ask for; no weight changes."""
    desk = _desk(workspace)
    made = desk.settle(_digest(desk, queue))
    _say(kind=made.document.kind.value, digest=made.document.digest, **made.document.body["outcome"])
