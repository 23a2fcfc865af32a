"""HiGHS, one model at a time, silent and the same on every run.

Source: Huangfu and Hall 2018 (HiGHS); the options are those of its manual.
"""

from __future__ import annotations

from highspy import _core

__all__ = ["new_solver"]


def new_solver(*, simplex_strategy: int = 4, presolve: bool = False) -> _core._Highs:
    """Return an empty solver: one thread, fixed seed, no clock limit, nothing printed.

    ``simplex_strategy`` 4 is the primal simplex, which goes on from the last basis when only costs change; presolve
    pays for large programmes solved once and costs more than it gives where one model is solved many times.
    """
    # the class that highspy shows prints a banner on standard output when it is made; its base does not
    solver = _core._Highs()
    options: dict[str, bool | int | str] = {
        "output_flag": False, "threads": 1, "random_seed": 0, "solver": "simplex", "simplex_strategy": simplex_strategy,
        "presolve": "on" if presolve else "off",
    }  # fmt: skip
    for name, value in options.items():
        solver.setOptionValue(name, value)
    return solver
