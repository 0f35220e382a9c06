"""What happens to the columns of a table: values go missing, units slip, columns drift."""

from __future__ import annotations

import numpy as np
import pytest

from merits.core.identity import JSON
from merits.perturbations import missing_values, shifted_columns, unit_slips
from merits.perturbations.registry import perturbation, perturbation_names

ROW: dict[str, JSON] = {"age": 31, "weight": "70.5", "city": "Bonn", "smoker": True, "note": None, "height": 1.8}
PICTURED = {**ROW, "photo": "1.png"}
NAMES = [name for name in perturbation_names() if perturbation(name).READS == "columns"]


@pytest.mark.parametrize("name", NAMES)
def test_columns_are_perturbed_alike_for_one_seed_and_the_row_stays_as_it_was(name: str) -> None:
    found, more = perturbation(name), {}
    if hasattr(found, "study"):
        more["studied"] = found.study([ROW, {**ROW, "age": 40, "height": 1.6}])
    row = PICTURED if name == "missing_picture" else ROW
    kept = dict(row)
    runs = [
        [found.perturb(row, found.LEVELS[-1], np.random.default_rng(seed), **more) for seed in range(30)]
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert any(one != row for one in runs[0])
    assert all(list(one) == list(row) for one in runs[0])
    assert kept == row
    assert list(found.LEVELS) == sorted(found.LEVELS)
    assert found.STRENGTH


@pytest.mark.parametrize(("module", "strength"), [(missing_values, 1.5), (unit_slips, -0.1), (shifted_columns, -1.0)])
def test_a_strength_that_makes_no_sense_is_refused(module: object, strength: float) -> None:
    with pytest.raises(ValueError, match="not"):
        module.perturb(ROW, strength, np.random.default_rng(0))  # type: ignore[attr-defined]


def test_as_many_values_go_missing_as_was_said() -> None:
    """Over many rows."""
    random = np.random.default_rng(0)
    full = {str(i): i for i in range(10)}
    lost = [sum(v is None for v in missing_values.perturb(full, 0.25, random).values()) for _ in range(2000)]
    assert np.mean(lost) == pytest.approx(2.5, abs=0.1)


def test_slips_touch_numbers_only_and_keep_their_type() -> None:
    slipped = unit_slips.perturb(ROW, 1.0, np.random.default_rng(3))
    assert {name for name in ROW if slipped[name] != ROW[name]} == {"age", "weight", "height"}
    assert isinstance(slipped["weight"], str)
    assert float(slipped["weight"]) / 70.5 == pytest.approx(
        min(unit_slips.FACTORS, key=lambda factor: abs(factor - float(str(slipped["weight"])) / 70.5))
    )


def test_a_shift_is_so_many_standard_deviations_of_dev() -> None:
    studied = shifted_columns.study([{"x": 1.0, "same": 4}, {"x": 5.0, "same": 4}, {"x": "n/a"}])
    assert studied == {"x": 2.0}
    shifted = [shifted_columns.perturb({"x": 3.0}, 1.5, np.random.default_rng(seed), studied) for seed in range(20)]
    assert {row["x"] for row in shifted} == {0.0, 6.0}
    assert shifted_columns.perturb({"x": 3.0}, 1.5, np.random.default_rng(0)) == {"x": 3.0}
