"""The diagram and the table of states in the documentation, drawn from the table itself."""

from __future__ import annotations

from extracts.life.states import OWNERS, TRANSITIONS, State

__all__ = ["diagram", "state_table"]

FIRST, BEFORE = "[*]", "before"


def _name(state: State | None, other: str) -> str:
    return state.value.replace(" ", "_") if state else other


def diagram() -> str:
    """Return the states and acts as a Mermaid state diagram; acts between the same two states share an arrow."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for one in TRANSITIONS:
        ends = _name(one.origin, FIRST), _name(one.target, BEFORE)
        arrows.setdefault(ends, []).append(f"{one.act.value} ({', '.join(sorted(one.roles))})")
    lines = [f"    {start} --> {end}: {'; '.join(acts)}" for (start, end), acts in arrows.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", f'    state "where it stood before" as {BEFORE}', *lines, "```"])


def state_table() -> str:
    """Return one row a state: who must act next, and which acts lead on."""
    rows = ["| State | Acts next | What may happen |", "| --- | --- | --- |"]
    for state in State:
        acts = ", ".join(dict.fromkeys(one.act.value for one in TRANSITIONS if one.origin is state))
        rows.append(f"| {state.value} | {OWNERS[state] or 'nobody'} | {acts or 'nothing'} |")
    return "\n".join(rows)
