"""Random small lattices: the search's answer equals trying every node, and local recoding is safe and never dearer."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest

from cld.errors import DisclosureRefused
from disclosure.rows import tallies
from disclosure.rows.cells import GONE, Recoding, Rows, rows_of
from disclosure.rows.lattice import FIGURES, best_node, cover
from disclosure.rows.local import recoded_by_lattice, recoded_locally
from disclosure.rows.split import refine
from disclosure.rows.utility import utility_named
from tests.lib.lattices import UTILITIES, Case, a_case, best_of, by_trying, cell_costs, census_for, classes_at, is_safe

N_CASES, N_LOCAL, N_LONG = 150, 60, 2_000


def test_the_optimum_is_what_trying_every_node_finds(is_long: bool) -> None:
    n_refused = n_with_suppression = n_checked = n_nodes = 0
    for seed in range(N_LONG if is_long else N_CASES):
        case = a_case(seed)
        nodes, census = by_trying(case), census_for(case)
        for name in UTILITIES:
            utility = utility_named(name, census)
            if not nodes:
                n_refused += 1
                with pytest.raises(DisclosureRefused):
                    best_node(census, case.limits, utility, case.most_suppressed)
                continue
            found, best = best_node(census, case.limits, utility, case.most_suppressed), best_of(nodes, name)
            assert found.is_optimal
            assert (found.levels, found.n_suppressed) == (best.levels, best.n_suppressed), (seed, name)
            assert math.isclose(found.score, best.scores[name], rel_tol=1e-9, abs_tol=1e-9)
            n_with_suppression += found.n_suppressed > 0
            n_checked, n_nodes = n_checked + found.n_nodes_checked, n_nodes + census.n_nodes
    assert n_refused > 0, "some cases must be impossible"
    assert n_with_suppression > 0, "some optima must suppress"
    assert n_checked < n_nodes, "something must be left out as proven"


def test_keys_of_several_words_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    n_words = 0
    for seed in range(40):
        case = a_case(seed)
        found = []
        for bits in (63, 5):
            monkeypatch.setattr(tallies, "BITS_IN_WORD", bits)
            census = census_for(case)
            n_words = max(n_words, census.layout.n_words)
            try:
                best = best_node(census, case.limits, utility_named("loss", census), case.most_suppressed)
                made = recoded_locally(rows_of(census), case.limits, "loss", best)
            except DisclosureRefused as refusal:
                found.append((refusal.message,))
            else:
                found.append((best.levels, best.score, best.n_suppressed, made.score, made.classes.tolist()))
        assert found[0] == found[1], seed
    assert n_words == 3


def test_the_figures_of_every_node_are_those_of_its_classes() -> None:
    for seed in range(25):
        case = a_case(seed)
        levels, figures = cover(census_for(case))
        assert [tuple(row) for row in levels.tolist()] == case.nodes()
        for node, row in zip(case.nodes(), figures.tolist(), strict=True):
            sizes = [len(of) for of in classes_at(case, node).values()]
            under = {limit: sum(size for size in sizes if size < limit) for limit in (2, 3, 5, 10, 20)}
            expected = [len(sizes), under[2], under[3], under[5], under[10], under[20], min(sizes), max(sizes)]
            assert dict(zip(FIGURES, row, strict=True)) == dict(
                zip(FIGURES, [*expected, sum(size**2 for size in sizes)], strict=True)
            )


def shown_by(case: Case, rows: Rows, recoding: Recoding) -> list[tuple[tuple[str, int], ...] | None]:
    """Return what each record of a case shows: name and level by column, None if suppressed."""
    ladders = rows.census.ladders
    place_of = {
        tuple(ladder.values[code] for ladder, code in zip(ladders, codes, strict=True)): place
        for place, codes in enumerate(zip(*(one.tolist() for one in rows.codes), strict=True))
    }
    found: list[tuple[tuple[str, int], ...] | None] = []
    for record in case.records:
        place = place_of[tuple(record[ladder.column] for ladder in ladders)]
        levels = [int(one[place]) for one in recoding.levels]
        names = [case.hierarchies[name][record[name]][level] for name, level in zip(case.columns, levels, strict=True)]
        gone = recoding.classes[place] == GONE
        found.append(None if gone else tuple(zip(names, levels, strict=True)))
    return found


def plain_score(case: Case, shown: list[tuple[tuple[str, int], ...] | None], name: str) -> float:
    """Score what is shown from the definitions, record by record."""
    n, n_gone = len(shown), shown.count(None)
    if name in ("discernability", "average-class"):
        kept = [tuple(one for one, _ in cells) for cells in shown if cells is not None]
        sizes = [kept.count(kind) for kind in set(kept)]
        return float(sum(s**2 for s in sizes) + n_gone * n) if name[0] == "d" else n / (len(sizes) + (n_gone > 0))
    total = 0.0
    for record, cells in zip(case.records, shown, strict=True):
        for place, column in enumerate(case.columns):
            at, level = (None, 0) if cells is None else cells[place]
            costs = cell_costs(case, column, record[column], at, level)
            total += costs[0] / n if name == "loss" else costs[1]
    return total


def test_local_recoding_is_safe_as_a_reader_sees_it_and_never_costs_more(is_long: bool) -> None:
    n_cheaper = n_taken_back = 0
    for seed in range(N_LONG if is_long else N_LOCAL):
        case = a_case(seed)
        census = census_for(case)
        rows = rows_of(census)
        for name in UTILITIES:
            try:
                found = best_node(census, case.limits, utility_named(name, census), case.most_suppressed)
            except DisclosureRefused:
                continue
            plain = recoded_by_lattice(rows, found, utility_named(name, census))
            assert math.isclose(plain.score, found.score, rel_tol=1e-11, abs_tol=1e-11)
            made = recoded_locally(rows, case.limits, name, found)
            shown = shown_by(case, rows, made)
            assert math.isclose(made.score, plain_score(case, shown, name), rel_tol=1e-9, abs_tol=1e-9)
            assert made.score <= found.score * (1 + 1e-12)
            assert made.n_suppressed == shown.count(None) <= case.most_suppressed
            kept = [
                (tuple(one for one, _ in cells), record)
                for cells, record in zip(shown, case.records, strict=True)
                if cells
            ]
            for kind in {one for one, _ in kept}:
                members = [record for one, record in kept if one == kind]
                assert is_safe(case, members, case.records, [record for _, record in kept]), (seed, name)
            n_cheaper += made.score < found.score * (1 - 1e-9)
            n_taken_back += made.n_suppressed < found.n_suppressed
    assert n_cheaper > 0, "some recodings must go beyond the lattice"
    assert n_taken_back > 0, "some suppressed records must come back"


def test_splitting_leaves_every_class_safe_by_itself() -> None:
    """Not only by the last look at what will be written: each class that splitting makes keeps all limits."""
    n_split = 0
    for seed in range(80):
        case = a_case(seed)
        rows = rows_of(census_for(case))
        tops = [np.full(len(rows.n), ladder.top) for ladder in rows.census.ladders]
        start = rows.seen(tops, np.zeros(len(rows.n), np.int64))
        kept = rows.kept(start, tuple(case.t))
        if rows.unsafe(start, case.limits, kept).any():
            continue
        for name in UTILITIES:
            _, classes = refine(
                rows,
                partial(rows.unsafe, limits=case.limits, kept=kept),
                utility_named(name, rows.census),
                tops,
                start,
            )
            assert not rows.unsafe(classes, case.limits, kept).any(), (seed, name)
            n_split += classes.max() > start.max()
    assert n_split > 0


def test_a_search_that_runs_out_of_work_is_safe_and_says_so() -> None:
    n_cut = 0
    for seed in range(30):
        case = a_case(seed)
        census = census_for(case)
        utility = utility_named("entropy", census)
        try:
            found = best_node(census, case.limits, utility, case.most_suppressed, most_work=30_000)
        except DisclosureRefused:
            continue
        n_cut += not found.is_optimal
        weighed = {node.levels: node for node in by_trying(case)}
        assert found.n_suppressed == weighed[found.levels].n_suppressed
        assert np.isclose(found.score, weighed[found.levels].scores["entropy"])
    assert n_cut > 0, "some searches must have been cut short"
