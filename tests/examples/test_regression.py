"""The example of numbers, whole: nothing is fetched, the data come with scikit-learn."""

from __future__ import annotations

import shutil
from pathlib import Path

from examples import regression

from merits.tasks.file import load_task
from merits.tasks.profile import profile

HERE = Path(regression.__file__).parent


def test_the_patients_are_in_the_units_in_which_they_were_measured(tmp_path: Path) -> None:
    """And the task of the example is one that loads, with what its data can show."""
    regression.prepare(tmp_path / "assets", tmp_path / "data")
    shutil.copy(HERE / "merits.yaml", tmp_path)
    task = load_task(tmp_path / "merits.yaml")
    assert (task.kind, len(task.examples)) == ("regression", 442)
    first = task.examples[0]
    assert isinstance(first.input, dict)
    assert (first.input["age"], first.input["body_mass_index"], first.target) == (59, 32.1, 151.0)
    found = profile(task, thorough=False)
    assert [look.reads for look in found.looks] == ["columns"]
    assert "column-gives-answer-away" not in [finding.code for finding in found.warnings]
