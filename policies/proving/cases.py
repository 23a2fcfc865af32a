"""Cases made from the policies: each a least request with the decision and the policies that decide it.

The files are those of Cedar's own ``run-tests``, one list of cases for each policy, so that anyone may run them with
the official tool: ``cedar run-tests --policies policies.cedar --tests cases/D6-dars.json``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import z3

from cld.errors import UnreadableFile
from policies.proving.engine import Engine, Outcome
from policies.proving.model import SolverModel, is_true
from policies.proving.mutants import mutants_of
from policies.proving.policy_set import PolicySet
from policies.proving.request import Concrete, read_concrete
from policies.proving.schema import Schema

__all__ = ["Case", "case_files", "differs", "make_cases", "read_cases"]


@dataclass(frozen=True, slots=True)
class Case:
    """A request made for one policy, with what the engine must answer."""

    policy: str
    name: str
    request: Concrete
    outcome: Outcome

    def as_json(self, schema: Schema) -> dict[str, Any]:
        """Return the case in the form of Cedar's ``run-tests``."""
        return {
            "name": self.name,
            "request": self.request.for_engine(schema),
            "entities": [],
            "decision": "allow" if self.outcome.allowed else "deny",
            "reason": sorted(self.outcome.policies),
            "num_errors": self.outcome.n_errors,
        }


def case_files(cases: Iterable[Case], schema: Schema) -> dict[str, str]:
    """Return the text of each file of cases by its name."""
    held: dict[str, list[str]] = {}
    for case in cases:
        held.setdefault(f"{case.policy}.json", []).append(json.dumps(case.as_json(schema), sort_keys=True))
    return {name: "[\n" + ",\n".join(lines) + "\n]\n" for name, lines in sorted(held.items())}


def read_cases(files: Mapping[str, str], schema: Schema) -> list[Case]:
    """Read files of cases, by their names.

    Raises: UnreadableFile if one is not in the form of ``run-tests``, or its requests are not of the schema.
    """
    found = []
    for name, text in sorted(files.items()):
        try:
            for held in json.loads(text):
                outcome = Outcome(held["decision"] == "allow", frozenset(held["reason"]), held["num_errors"])
                request = read_concrete(held["request"], schema)
                found.append(Case(name.removesuffix(".json"), held["name"], request, outcome))
        except (ValueError, KeyError, TypeError) as fault:
            message = "A file of cases cannot be read."
            raise UnreadableFile(message, "Make the cases again from the policies of their version.") from fault
    return found


def differs(one: SolverModel, other: SolverModel, name: str) -> z3.BoolRef:
    """Return the truth that two sets, alike but for one policy, decide otherwise or differ in naming that policy.

    Nothing else can differ: a request that others are named for, and not before, is decided otherwise too.
    """
    return z3.Or(one.allowed != other.allowed, one.decides(name) != other.decides(name))


def make_cases(policies: PolicySet) -> list[Case]:
    """Make cases that notice every mutant that can be noticed: first each policy's own single fault, then what is left.

    The same policies give the same cases, whatever the solver's version.
    """
    maker = _Maker(policies)
    for policy in policies.policies:
        maker.own_case(policy.name)
    for policy in policies.policies:
        for mutant in mutants_of(policy, policies.schema):
            maker.notice(mutant.policy, maker.model.replaced(mutant.policy, mutant.changed), mutant.words)
    return maker.cases


class _Maker:
    """Cases so far."""

    def __init__(self, policies: PolicySet) -> None:
        self.model, self._engine = SolverModel(policies), Engine(policies)
        self._policies = policies
        self.cases: list[Case] = []
        self._models: list[z3.ModelRef] = []

    def own_case(self, name: str) -> None:
        """Add the least request that this policy alone decides; where others always decide with it, the least with them."""
        model, policy = self.model, self._policies[name]
        others = [model.applies[one.name] for one in self._policies.policies if one.permits == policy.permits and one is not policy]  # fmt: skip
        alone = [z3.Not(held) for held in others]
        here = model.decides(name)
        wanted = ([here, *alone, model.granted], [here, *alone], [here])
        found = next(filter(None, (model.space.least(*formulas) for formulas in wanted)), None)
        if found is not None:
            self._add(name, "on its own", found)

    def notice(self, name: str, mutated: SolverModel, words: str) -> None:
        """Add a case that notices a mutant, unless one does already or none can."""
        other = differs(self.model, mutated, name)
        ordered = sorted(range(len(self.cases)), key=lambda place: self.cases[place].policy != name)
        if any(is_true(other, self._models[place]) for place in ordered):
            return
        wanted = ([other, self.model.allowed != mutated.allowed], [other])
        found = next(filter(None, (self.model.space.least(*formulas) for formulas in wanted)), None)
        if found is not None:
            self._add(name, words, found)

    def _add(self, name: str, words: str, request: Concrete) -> None:
        self.cases.append(Case(name, f"{name}: {words}", request, self._engine.ask(request)))
        self._models.append(self.model.space.holds(request))
