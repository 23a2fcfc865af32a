"""Class sizes in bands, for reports."""

from __future__ import annotations

from disclosure.rows.measures import Classes

__all__ = ["by_size"]

SIZES = (1, 2, 3, 4, 5, 10, 20, 50, 100)


def by_size(classes: Classes) -> list[tuple[str, int, int]]:
    """Return, for each band of sizes, its name, the classes of such a size and the persons in them."""
    sizes, n_classes = classes.histogram()
    rows = []
    for low, after in zip(SIZES, (*SIZES[1:], None), strict=True):
        here = (sizes >= low) & (sizes < after if after else True)
        name = f"{low} and more" if after is None else str(low) if after == low + 1 else f"{low} to {after - 1}"
        rows.append((name, int(n_classes[here].sum()), int((sizes * n_classes)[here].sum())))
    return rows
