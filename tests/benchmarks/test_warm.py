"""Warm training beside cold: a small run on the real ratings."""

from __future__ import annotations

from typing import Any

import pytest
from benchmarks import warm

pytest.importorskip("lightgbm")
pytest.importorskip("river")
pytest.importorskip("skops")


@pytest.mark.skipif(not (warm._ASSETS / "ml-100k").is_dir(), reason="fetch it: make assets")
def test_each_candidate_is_measured_in_three_ways() -> None:
    """Naive Bayes comes to what training anew comes to; all say a share and seconds."""
    found: dict[str, Any] = warm.main(["--ratings", "600", "--digits", "0"])
    kinds = found["kinds"]
    assert set(kinds) == {f"films: {name}" for name in warm._OF_FILMS}
    for one in kinds.values():
        assert all(0.0 < one[f"right_{way}"] <= 1.0 for way in ("stale", "warm", "cold"))
        assert one["warm_s"] > 0.0
        assert len(one["right_by_part"]["warm"]) == 5
    online = kinds["films: online (softmax)"]["right_by_part"]
    assert online["warm"] == online["cold"]
    assert warm.table(found).count("films:") == len(kinds)
