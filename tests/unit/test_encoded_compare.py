"""Similarities: three ways that must agree, and EM that finds the parameters it was given."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from cld.errors import InvariantBroken
from linkage.encoded import compare
from linkage.encoded.compare import common_tiles, dice_pairs, dice_tiles, pairs_above, product_tiles
from linkage.encoded.estimate import count_patterns, fit_model, pattern_weights


def some_filters(n: int, seed: int) -> npt.NDArray[np.uint8]:
    return np.packbits(np.random.default_rng(seed).random((n, 256)) < 0.4, axis=1)


def slow_dice(left: npt.NDArray[np.uint8], right: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """The plain oracle: sets of positions."""
    sets = [[set(np.flatnonzero(np.unpackbits(row)).tolist()) for row in side] for side in (left, right)]
    return np.array([[2 * len(a & b) / max(len(a) + len(b), 1) for b in sets[1]] for a in sets[0]])


def test_tiles_cover_all_pairs_and_equal_the_oracle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "TILE_L", 16)
    monkeypatch.setattr(compare, "TILE_R", 32)
    left, right = some_filters(37, 1), some_filters(71, 2)
    left[5] = 0
    whole = np.full((37, 71), np.nan)
    for tile in dice_tiles(left, right):
        n_l, n_r = tile.numbers.shape
        whole[tile.start_l : tile.start_l + n_l, tile.start_r : tile.start_r + n_r] = tile.numbers
    assert np.allclose(whole, slow_dice(left, right), atol=1e-6)


def test_counting_and_the_matrix_product_agree_to_the_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two independent judges, at the length that is used and with full and empty filters."""
    monkeypatch.setattr(compare, "TILE_L", 48)
    left = np.packbits(np.random.default_rng(7).random((100, 1024)) < 0.45, axis=1)
    right = np.packbits(np.random.default_rng(8).random((130, 1024)) < 0.45, axis=1)
    left[0], right[0], left[1], right[1] = 255, 255, 0, 0
    for n_threads in (1, 3):
        pairs = zip(common_tiles(left, right, n_threads), product_tiles(left, right), strict=True)
        for counted, multiplied in pairs:
            assert (counted.start_l, counted.start_r) == (multiplied.start_l, multiplied.start_r)
            assert (counted.numbers == multiplied.numbers).all()


@pytest.mark.parametrize("threshold", [300, 420, 500, 1000])
def test_pairs_above_a_threshold_are_those_of_the_oracle(threshold: int) -> None:
    left, right = some_filters(60, 3), some_filters(90, 4)
    right[7], right[8] = left[9], 0
    wanted = {tuple(pair) for pair in np.argwhere(slow_dice(left, right) >= threshold / 1000).tolist()}
    rows, places, similar = pairs_above(left, right, threshold)
    assert {(int(a), int(b)) for a, b in zip(rows, places, strict=True)} == wanted
    assert (9, 7) in wanted
    assert np.allclose(similar, slow_dice(left, right)[rows, places])


def test_chosen_pairs_equal_the_oracle_in_thousandths() -> None:
    left, right = some_filters(30, 5), some_filters(30, 6)
    pairs = np.arange(30), np.arange(30)[::-1].copy()
    wanted = np.floor(slow_dice(left, right)[pairs] * 1000 + 1e-9)
    assert dice_pairs(left, right, *pairs).tolist() == wanted.tolist()


def test_no_rows_give_no_pairs() -> None:
    none = np.empty((0, 32), np.uint8)
    assert len(pairs_above(none, some_filters(3, 1), 500)[0]) == 0
    assert list(dice_tiles(none, none)) == []


def test_filters_of_two_lengths_are_not_compared() -> None:
    with pytest.raises(InvariantBroken):
        pairs_above(some_filters(2, 1), some_filters(2, 2)[:, :16], 500)


def test_em_finds_the_parameters_that_made_the_pairs() -> None:
    """Known parameters in, recovered parameters out."""
    draw = np.random.default_rng(3)
    names = {"a": 3, "b": 3, "c": 2, "d": 4}
    m = {"a": [0.1, 0.1, 0.8], "b": [0.05, 0.15, 0.8], "c": [0.1, 0.9], "d": [0.05, 0.05, 0.1, 0.8]}
    u = {"a": [0.9, 0.06, 0.04], "b": [0.95, 0.04, 0.01], "c": [0.7, 0.3], "d": [0.9, 0.05, 0.04, 0.01]}

    def drawn(tables: dict[str, list[float]], n: int) -> npt.NDArray[np.int8]:
        return np.stack([draw.choice(len(t), n, p=t) for t in tables.values()], axis=1).astype(np.int8)

    candidates = np.vstack([drawn(m, 20_000), drawn(u, 60_000)])
    candidates[::50, 1] = -1
    random = np.vstack([drawn(m, 200), drawn(u, 200_000)])
    levels = tuple(names.values())
    patterns = count_patterns(candidates, levels)
    model = fit_model(names, patterns, count_patterns(random, levels))
    for name in names:
        assert np.allclose(model.m[name], m[name], atol=0.02)
        assert np.allclose(model.u[name], u[name], atol=0.004)
    weights = pattern_weights(names, patterns, model, 1000)[patterns.own]
    assert weights[:20_000].mean() > 0 > weights[20_000:].mean()


def test_patterns_are_counted_with_their_own_rows() -> None:
    levels = np.array([[1, -1], [0, 2], [1, -1]], dtype=np.int8)
    patterns = count_patterns(levels, (2, 3))
    assert patterns.levels.tolist() == [[0, 2], [1, -1]]
    assert patterns.n_pairs.tolist() == [1, 2]
    assert patterns.levels[patterns.own].tolist() == levels.tolist()
