"""What people said of answers is read from a table of labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from merits.core.errors import DataError
from merits.tasks.human import read_labels


@pytest.mark.parametrize(("name", "text"), [("labels.jsonl", ""), ("labels.csv", "example,candidate,solved\n")])
def test_a_file_without_labels_says_so(tmp_path: Path, name: str, text: str) -> None:
    """It is the labels that are missing: the task has its examples."""
    (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(DataError, match="holds no labels yet") as caught:
        read_labels(name, tmp_path)
    assert "take `human_labels:` out" in caught.value.next_step
    assert "examples" not in caught.value.next_step
