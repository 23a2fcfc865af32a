"""Repeatable draws inside SQL: a hash of seed, label and row number, so that threads never change a value."""

from __future__ import annotations

__all__ = ["chance", "pick", "rank", "uniform", "whole"]


def uniform(label: str, key: str = "i") -> str:
    """Return SQL for a number from 0 up to 1."""
    return f"(hash({key}, '{label}', $seed) / 18446744073709551616.0)"


def chance(label: str, share: float, key: str = "i") -> str:
    """Return SQL that is true for a share of the rows."""
    return f"({uniform(label, key)} < {share})"


def whole(label: str, below: int | str, key: str = "i") -> str:
    """Return SQL for a whole number from 0 to one less than the limit."""
    return f"cast(floor({uniform(label, key)} * ({below})) as bigint)"


def rank(label: str, n_ranks: str, key: str = "i") -> str:
    """Return SQL for a rank from 1: Zipf's law with a shift, so that few names are common and very many rare.

    Source: Mandelbrot 1953, frequency proportional to 1 / (rank + shift), its distribution inverted. The shift ln(n)
    gives the first of 24,000 surnames 1.2% (Smith has 1.3% of England) and the first of 900 given names 3%.
    """
    shift = f"ln({n_ranks})"
    drawn = f"floor((1 + {shift}) * pow(({n_ranks} + 1 + {shift}) / (1 + {shift}), {uniform(label, key)}) - {shift})"
    return f"cast(least({n_ranks}, greatest(1, {drawn})) as bigint)"


def pick(label: str, values: tuple[str, ...], key: str = "i") -> str:
    """Return SQL that picks one of a few values, all equally often."""
    listed = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"([{listed}])[1 + {whole(label, len(values), key)}]"
