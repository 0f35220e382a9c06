"""Small tasks that several tests start from, and the real data where it is at hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

ROWS = "text,label\n" + "".join(
    f"{word} {number},{label}\n"
    for number in range(10)
    for word, label in (
        ("good", "yes"),
        ("bad", "no"),
    )
)
TASK = """\
name: words
kind: classification
data: words.csv
input: text
target: label
candidates: [most-common]
"""
SHARED = Path(__file__).parents[2] / ".." / "shared" / "data" / "labelled"

Write = Callable[..., Path]


@pytest.fixture
def words(tmp_path: Path) -> Write:
    """Writes words.csv and a task file that was changed: (old, new) pairs, each of which must be found."""

    def write(*changes: tuple[str, str], rows: str = ROWS, task: str = TASK, name: str = "words.yaml") -> Path:
        (tmp_path / "words.csv").write_text(rows, "utf-8")
        for old, new in changes:
            assert old in task
            task = task.replace(old, new)
        (tmp_path / name).write_text(task, "utf-8")
        return tmp_path / name

    return write


@pytest.fixture
def shared() -> Path:
    """The folder of real data; the test is skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the shared data is not here: ../shared/data/labelled")
    return SHARED
