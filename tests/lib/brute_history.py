"""Release histories by trying every whole-number answer, and by one cold linear programme an end; nothing is shared
with the product."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from scipy.optimize import linprog

Interval = tuple[float, float]


def random_history(seed: int, *, largest: int = 3) -> dict[str, Any]:
    """Make a history of two or three releases over at most six fine cells, from true counts so that it has an answer."""
    chance = random.Random(seed)
    n_fine = chance.randint(2, 6)
    truth = [chance.randint(0, largest) for _ in range(n_fine)]
    releases = []
    for number in range(chance.randint(2, 3)):
        rows = []
        for _ in range(chance.randint(1, 5)):
            cells = sorted(chance.sample(range(n_fine), chance.randint(1, n_fine)))
            count = sum(truth[cell] for cell in cells)
            below, above = chance.choice([(0, 0), (0, 0), (1, 1), (2, 0), (0, 3), (2, 2)])
            rows.append({"cells": cells, "low": count - below, "high": count + above})
        releases.append({"name": f"r{number}", "recipient": chance.choice("AB"), "rows": rows})
    targets = [[cell] for cell in range(n_fine)]
    targets += [sorted(chance.sample(range(n_fine), chance.randint(2, n_fine))) for _ in range(4)]
    return {"n_fine": n_fine, "upper_bound": largest, "releases": releases, "targets": targets}


def rows_of(history: dict[str, Any], recipients: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the rows that recipients hold together."""
    return [row for release in history["releases"] if release["recipient"] in recipients for row in release["rows"]]


def by_trying(history: dict[str, Any], recipients: tuple[str, ...]) -> list[Interval] | None:
    """Return each target's least and most over every whole-number answer, or None if there is no answer."""
    n_fine = history["n_fine"]
    every = np.indices((int(history["upper_bound"]) + 1,) * n_fine).reshape(n_fine, -1)
    fits = np.ones(every.shape[1], dtype=bool)
    for row in rows_of(history, recipients):
        counted = every[row["cells"]].sum(axis=0)
        fits &= (row["low"] <= counted) & (counted <= row["high"])
    if not fits.any():
        return None
    sums = [every[target][:, fits].sum(axis=0) for target in history["targets"]]
    return [(int(values.min()), int(values.max())) for values in sums]


def by_cold_programmes(history: dict[str, Any], recipients: tuple[str, ...]) -> list[Interval] | None:
    """Return each target's least and most over the reals, or None if there is no answer."""
    rows, n_fine = rows_of(history, recipients), history["n_fine"]
    matrix = np.zeros((2 * len(rows), n_fine))
    limits = np.zeros(2 * len(rows))
    for number, row in enumerate(rows):
        matrix[2 * number, row["cells"]], limits[2 * number] = 1.0, row["high"]
        matrix[2 * number + 1, row["cells"]], limits[2 * number + 1] = -1.0, -row["low"]
    found = []
    for target in history["targets"]:
        cost = np.zeros(n_fine)
        cost[target] = 1.0
        box = (0.0, float(history["upper_bound"]))
        ends = [linprog(sign * cost, A_ub=matrix, b_ub=limits, bounds=box, method="highs") for sign in (1, -1)]
        if not all(end.success for end in ends):
            return None
        found.append((ends[0].fun, -ends[1].fun))
    return found
