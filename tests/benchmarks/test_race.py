"""The race of any matrix of outcomes, as `python -m benchmarks race --outcomes FILE` runs it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks import race


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_any_matrix_of_scores_can_be_raced(tmp_path: Path, ending: str) -> None:
    """One row an example, one column of scores a candidate; the rivals run beside, on the same calls."""
    generator = np.random.default_rng(0)
    scores = (generator.random((200, 3)) < [0.9, 0.5, 0.4]).astype(float)
    path = tmp_path / f"scores.{ending}"
    if ending == "csv":
        lines = ["good,fair,poor", *(",".join(f"{value:g}" for value in row) for row in scores)]
        path.write_text("\n".join(lines) + "\n", "utf-8")
    else:
        arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        parquet.write_table(arrow.table(dict(zip(("good", "fair", "poor"), scores.T, strict=True))), path)
    figures = race.main(["--outcomes", str(path), "--mode", "certified", "--seeds", "5", "--delta", "0.05"])
    (row,) = figures["matrices"]  # type: ignore[misc]
    assert (row["matrix"], row["candidates"], row["examples"]) == ("scores", 3, 200)
    assert 0.0 < row["certified"]["calls"] < 0.6
    assert row["certified"]["errors"] == 0
    assert set(row["rivals_at_the_same_calls"]) == {"fixed_subset", "successive_halving", "ucb_e"}
    assert "tied" not in figures


def test_all_tied_arms_are_hardly_ever_dropped() -> None:
    """Few runs here; 500 for 2, 12 and 50 arms in the benchmark itself."""
    left = race.tied_left(6, "certified", 0.05, 25, n=120)
    assert (~left[:, 0]).sum() <= 5
    assert not (left.sum(axis=1) == 1).any()


def test_rivals_find_an_evident_winner_and_use_no_more_than_their_budget() -> None:
    """A rival that cannot find 0.9 against 0.1 with half of all calls would be a straw man."""
    generator = np.random.default_rng(1)
    scores = (generator.random((8, 300)) < np.array([[0.1]] * 7 + [[0.9]])).astype(float)
    for pick in (race.fixed_subset, race.successive_halving, race.ucb_e):
        assert pick(scores, scores.size // 2) == 7
