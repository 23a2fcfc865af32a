"""Commands that prove, mutate and compare the policies, and tell a possible applicant what it could receive."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.run import Json, Stopwatch, answer, finish

if TYPE_CHECKING:
    from policies.proving.asking import Answer, Condition
    from policies.proving.difference import Change
    from policies.proving.mutation import PolicyMutation
    from policies.proving.properties import Proof
    from policies.proving.request import Concrete
    from policies.proving.schema import Schema

__all__ = ["add_proof_commands"]

Where = Annotated[
    str | None,
    typer.Argument(metavar="[VERSION]", help="First day of a version, its folder, or a policy file; else the latest."),
]


def prove(
    version: Where = None,
    requests: Annotated[
        int, typer.Option(help="Random requests that engine and solver must answer alike.", min=0)
    ] = 200,
    as_json: Json = False,
) -> None:
    """Prove every property of the policies; a false one is shown by a request that the engine confirms, and exit 1."""
    from policies.proving.material import open_material  # noqa: PLC0415
    from policies.proving.properties import prove as prove_all  # noqa: PLC0415
    from policies.proving.sampling import n_agreeing  # noqa: PLC0415

    watch = Stopwatch()
    watch("read")
    material = open_material(version)
    policies, properties, words = material.policies, material.properties, material.words
    watch("prove")
    proofs = list(prove_all(policies, properties, words))
    watch("compare")
    can_err = any(not proof.holds for proof in proofs if proof.property.kind == "no_errors")
    n_asked, n_allowed = (0, 0) if can_err else n_agreeing(policies, requests)
    n_failed = sum(not proof.holds for proof in proofs)
    summary = {
        "version": material.name,
        "properties": [_proof_json(proof, policies.schema) for proof in proofs],
        "n_proved": len(proofs) - n_failed,
        "n_failed": n_failed,
        "n_requests_compared": n_asked,
        "n_requests_allowed": n_allowed,
    }
    told = [_proof_told(proof) for proof in proofs]
    told.append(f"{len(proofs) - n_failed} of {len(proofs)} properties hold of {material.name}.")
    told.append(f"{n_asked} random requests, {n_allowed} of them allowed: engine and solver answer alike.")
    finish(summary, watch, "\n".join(told), as_json=as_json)
    _exit(failed=n_failed > 0)


def _proof_json(proof: Proof, schema: Schema) -> dict[str, object]:
    one = proof.property
    told = {"name": one.name, "clause": one.clause, "words": one.words, "kind": one.kind}
    request = None if proof.request is None else proof.request.for_engine(schema)
    return {**told, "holds": proof.holds, "seconds": round(proof.seconds, 4), "example": proof.told, "request": request}


def _proof_told(proof: Proof) -> str:
    one = proof.property
    line = (
        f"{'holds' if proof.holds else 'FAILS'} {proof.seconds * 1000:7.1f} ms  {one.name}: {one.words} ({one.clause})"
    )
    return line if proof.holds else f"{line}\n      {proof.told}"


def mutate(
    version: Where = None,
    renew: Annotated[bool, typer.Option("--renew", help="Make the cases of the given folder anew first.")] = False,
    as_json: Json = False,
) -> None:
    """Put every small wrong in every policy to the version's cases; exit 1 if one would pass unnoticed."""
    from policies.proving.material import open_material  # noqa: PLC0415
    from policies.proving.mutation import failing_cases  # noqa: PLC0415
    from policies.proving.mutation import mutate as mutate_all  # noqa: PLC0415

    watch = Stopwatch()
    watch("read")
    if renew:
        _renew(version)
    material = open_material(version)
    policies, cases = material.policies, material.cases
    watch("cases")
    failing = failing_cases(policies, cases)
    watch("mutate")
    found = mutate_all(policies, cases)
    n_alive = sum(len(one.alive) for one in found)
    n_mutants, n_killed = sum(one.n_mutants for one in found), sum(one.n_killed for one in found)
    n_equivalent = sum(len(one.equivalent) for one in found)
    rate = n_killed / (n_killed + n_alive) if n_killed + n_alive else 0.0
    summary: dict[str, object] = {
        "version": material.name,
        "policies": [_mutation_json(one) for one in found],
        "n_mutants": n_mutants,
        "n_killed": n_killed,
        "n_equivalent": n_equivalent,
        "n_alive": n_alive,
        "killed": rate,
        "n_cases": len(cases),
        "failing_cases": [case.name for case in failing],
    }
    told = [_mutation_told(one, material.words.request) for one in found]
    told += [f"This case is answered otherwise than it says: {case.name}" for case in failing]
    total = f"{n_killed} of {n_killed + n_alive} killed ({rate:.0%}) by {len(cases)} cases"
    told.append(f"{total}; {n_equivalent} more are the same policy in other words.")
    finish(summary, watch, "\n".join(told), as_json=as_json)
    _exit(failed=n_alive > 0 or bool(failing) or not cases)


def _renew(version: str | None) -> None:
    """Write the cases of a folder anew; its manifest then has to be signed again."""
    from cld.shelf import atomic_write  # noqa: PLC0415
    from policies.proving.cases import case_files, make_cases  # noqa: PLC0415
    from policies.proving.material import CASES, open_material  # noqa: PLC0415

    material = open_material(version)
    if material.folder is None:
        message = "--renew needs the folder of a version"
        raise typer.BadParameter(message)
    files = case_files(make_cases(material.policies), material.policies.schema)
    folder = material.folder / CASES
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        atomic_write(folder / name, text.encode())
    for old in sorted(set(folder.glob("*.json")) - {folder / name for name in files}):
        old.unlink()


def _mutation_json(one: PolicyMutation) -> dict[str, object]:
    return {
        "policy": one.policy,
        "n_mutants": one.n_mutants,
        "n_killed": one.n_killed,
        "n_invalid": one.n_invalid,
        "equivalent": list(one.equivalent),
        "alive": [words for words, _ in one.alive],
        "redundant": one.is_redundant,
    }


def _mutation_told(one: PolicyMutation, words: Callable[[Concrete], str]) -> str:
    lines = [f"{one.policy}: {one.n_killed} of {one.n_killed + len(one.alive)} killed"]
    if one.is_redundant:
        lines.append("    redundant: without it every decision is the same, and refusals name one clause fewer")
    lines += [f"    the same in other words: {same}" for same in one.equivalent]
    lines += [f"    ALIVE: {wrong}\n      {words(request)}" for wrong, request in one.alive]
    return "\n".join(lines)


def diff(
    earlier: Annotated[str, typer.Argument(metavar="A", help="First day of a version, its folder, or a policy file.")],
    later: Annotated[str, typer.Argument(metavar="B", help="The same, for the version that follows.")],
    as_json: Json = False,
) -> None:
    """Say in plain words what B newly permits and newly refuses against A, with an example each, or that nothing changes."""
    from policies.proving.difference import compare, compare_lists  # noqa: PLC0415
    from policies.proving.material import open_material  # noqa: PLC0415

    watch = Stopwatch()
    watch("compare")
    one, other = open_material(earlier), open_material(later)
    lists = compare_lists(one.files.get("annex3.json", b"{}"), other.files.get("annex3.json", b"{}"))
    found = compare(one.policies, other.policies, other.words, lists)
    summary = {
        "earlier": one.name,
        "later": other.name,
        "newly_permits": [_change_json(change) for change in found.permits],
        "newly_refuses": [_change_json(change) for change in found.refuses],
        "policies": list(found.policies),
        "lists": list(found.lists),
        "changes": not found.is_empty,
    }
    value = other.words.value
    told = [_change_told(change, value, "newly permits", "refused before by") for change in found.permits]
    told += [_change_told(change, value, "newly refuses", "refused now by") for change in found.refuses]
    if not told:
        told.append("Every request gets the same decision.")
    told += [*found.policies, *found.lists] or ["Nothing changes."]
    finish(summary, watch, "\n".join(told), as_json=as_json)


def _change_json(change: Change) -> dict[str, object]:
    return {
        "action": change.action,
        "body": change.body,
        "form": change.form,
        "coverages": list(change.coverages),
        "example": change.told,
        "clauses": list(change.clauses),
    }


def _change_told(change: Change, value: Callable[[str, str], str], verb: str, refused: str) -> str:
    form = "in any form" if change.form == "any" else value("form", change.form)
    about = " or ".join(value("coverage", one) for one in change.coverages) or "of anybody"
    line = f"B {verb}: {value('body', change.body)} {value('action', change.action)}, {form}, {about}"
    return f"{line}; {refused}: {'; '.join(change.clauses)}\n    for example: {change.told}"


def ask(
    body: Annotated[
        str, typer.Option(help="Class of body, such as CASSR, CCG, DHSC, RESEARCH-UNIT; or a code listed in Annex 3.")
    ],
    form: Annotated[str | None, typer.Option(help="pseudonymised, anonymised, aggregate or identifiable.")] = None,
    coverage: Annotated[str | None, typer.Option(help="own, combined or subset.")] = None,
    acting_for: Annotated[str | None, typer.Option(help="Class of body that a processor acts for.")] = None,
    nihr_funded: Annotated[bool | None, typer.Option(help="Whether the NIHR funds the body.")] = None,
    joint_approval: Annotated[bool | None, typer.Option(help="Whether DHSC and ADASS approved the project.")] = None,
    as_json: Json = False,
) -> None:
    """Tell a possible applicant what it could receive, each route with its conditions and who can meet them."""
    from policies.proving.asking import what_could_be_received  # noqa: PLC0415
    from policies.proving.material import open_material  # noqa: PLC0415

    stated = {"form": form, "coverage": coverage, "acting_for": acting_for, "nihr_funded": nihr_funded, "joint_approval": joint_approval}  # fmt: skip
    known = {name: value for name, value in stated.items() if value is not None}
    material = open_material(None)
    found = what_could_be_received(material.policies, material.words, _class_of(body), known)
    answer(found.as_json(), _answer_told(found, material.words.value), as_json=as_json)


def _class_of(body: str) -> str:
    """Return the class of a body that is named by its code in the dated lists, or the class itself."""
    from policies.versions import latest_version  # noqa: PLC0415

    codes = {code: str(one.kind) for one in latest_version().annex3.bodies for code in (one.code, one.ons_code) if code}
    return codes.get(body, body)


def _answer_told(found: Answer, value: Callable[[str, str], str]) -> str:
    """Tell the routes, what all of them ask for once, and of each what it asks for beside."""
    assumed = ", ".join(f"{name} {said}" for name, said in found.assumed.items())
    lines = [f"For {value('body', found.body)} (taken as given: {assumed}):"]
    for place, route in enumerate(found.routes, 1):
        about = " or ".join(value("coverage", one) for one in route.coverages)
        lines.append(f"{place}. {value('form', route.form)}, {about}: {route.permit.words} ({route.permit.clause})")
        lines += [f"   - it must be so that {need}" for need in route.needs]
        lines += [f"   {_condition_told(one)}" for one in route.conditions if one not in found.shared]
    if found.shared:
        lines += [
            "And for " + ("each of them:" if len(found.routes) > 1 else "it:"),
            *map(_condition_told, found.shared),
        ]
    if not found.routes:
        lines += ["Nothing could be received.", *map(_condition_told, found.closed_by)]
        lines.append("No route of Direction 3 or 6(b) is open to it as it stands.")
    return "\n".join(lines)


def _condition_told(one: Condition) -> str:
    return f"- {one.words} ({one.clause}; who can meet it: {one.who})"


def _exit(*, failed: bool) -> None:
    sys.stdout.flush()
    if failed:
        raise typer.Exit(1)


def add_proof_commands(group: typer.Typer) -> None:
    """Add the commands to the group ``policy``."""
    group.command()(prove)
    group.command()(mutate)
    group.command()(diff)
    group.command()(ask)
