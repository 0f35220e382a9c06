"""A task on a large file is the same task, read on demand."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from merits import evaluate, load_task
from merits.core.errors import DataError
from merits.core.on_demand import OnDemand, outlines
from merits.core.task import Task
from merits.tasks import on_disk

N = 2_000
Rows = list[dict[str, str]]


def _rows() -> Rows:
    """Rows with repeated inputs, line breaks, quotes and other scripts."""
    words = ("good", "bad", "so-so")
    return [
        {
            "text": f'She said "{words[i % 3]}",\nnumber {i % 1_900} – çà',
            "label": words[i % 3],
            "name": f"id {i}",
            "shop": f"shop {i % 40}",
        }
        for i in range(N)
    ]


def _jsonl(path: Path, rows: Rows) -> None:
    path.write_text("\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")


def _csv(path: Path, rows: Rows) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


_WRITE: dict[str, Callable[[Path, Rows], None]] = {"data.jsonl": _jsonl, "data.csv": _csv}
_MORE = {
    "plain": "",
    "ids": "id: name\n",
    "groups": "group: shop\n",
    "slices": "slices: shop\n",
    "hash": "split: hash\nslices: shop\nid: name\n",
    "generation": "kind: generation\nscorers: exact\n",
    "sample": "sample: {test: 100}\n",
}


def _both(folder: Path, name: str, more: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Task, Task]:
    """The task in memory and the one on disk."""
    _WRITE[name](folder / name, _rows())
    text = f"data: {name}\ninput: text\ntarget: label\n{more}candidates: [{{kind: constant, output: good}}]\n"
    (folder / "task.yaml").write_text(text, encoding="utf-8")
    eager = load_task(folder / "task.yaml")
    monkeypatch.setattr(on_disk, "LARGE", 100)
    return eager, load_task(folder / "task.yaml")


@pytest.mark.parametrize("more", _MORE.values(), ids=list(_MORE))
@pytest.mark.parametrize("name", list(_WRITE))
def test_a_task_on_disk_is_the_same_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, more: str) -> None:
    """Stored answers are found by these ids and hashes, so not one may differ."""
    eager, lazy = _both(tmp_path, name, more, monkeypatch)
    assert isinstance(eager.examples, tuple)
    assert isinstance(lazy.examples, OnDemand) or "sample" in more
    assert lazy.id == eager.id
    assert (lazy.kind, lazy.classes, lazy.notes, lazy.tag_names) == (
        eager.kind,
        eager.classes,
        eager.notes,
        eager.tag_names,
    )
    assert list(lazy.examples) == list(eager.examples)
    for split in ("dev", "test"):
        assert list(lazy.split(split)) == list(eager.split(split))
        assert [o.id for o in outlines(lazy.split(split))] == [e.id for e in eager.split(split)]
    assert lazy.examples[-1] == eager.examples[-1]
    assert list(lazy.examples[3:9:2]) == list(eager.examples[3:9:2])


@pytest.mark.parametrize("repeats", [1, 2])
@pytest.mark.parametrize("more", ["slices: shop\n", "group: shop\n"])
def test_its_evaluation_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str, repeats: int) -> None:
    """Whether a file is large must not decide anything."""
    eager, lazy = _both(tmp_path, "data.jsonl", f"{more}settings: {{repeats: {repeats}}}\n", monkeypatch)
    one, two = (evaluate(task, store=":memory:") for task in (eager, lazy))
    for field in ("examples", "input_hashes", "repeats", "group", "status", "value", "solved"):
        assert np.array_equal(getattr(one, field), getattr(two, field)), field
    assert {name: texts.tolist() for name, texts in one.tags.items()} == {
        name: texts.tolist() for name, texts in two.tags.items()
    }
    assert one.labels is not None
    assert two.labels is not None
    assert np.array_equal(one.labels.target, two.labels.target)
    assert one.facts["data hash"] == two.facts["data hash"]
    again = evaluate(lazy, store=":memory:")
    assert again.facts["data hash"] == one.facts["data hash"]


@pytest.mark.parametrize(
    ("at", "line", "said"),
    [
        (1_500, '{"text": "a", "label": ""}', r"data.jsonl, line 1501: the target 'label' is empty"),
        (1_500, '{"text": "a", "label"', r"data.jsonl, line 1501: broken JSON"),
        (1_500, '{"label": "good"}', r"data.jsonl, line 1501: the input 'text' is missing"),
    ],
)
def test_what_is_wrong_is_said_as_of_a_small_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, line: str, said: str
) -> None:
    """The reader needs the line, however large the file is."""
    monkeypatch.setattr(on_disk, "LARGE", 100)
    lines = [json.dumps(row) for row in _rows()]
    lines[at] = line
    (tmp_path / "data.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "task.yaml").write_text("data: data.jsonl\ninput: text\ntarget: label\n", encoding="utf-8")
    with pytest.raises(DataError, match=said):
        load_task(tmp_path / "task.yaml")


def test_an_id_that_is_there_twice_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two examples with one id could not be told apart in a report."""
    monkeypatch.setattr(on_disk, "LARGE", 100)
    rows = _rows()
    rows[1_200]["name"] = "id 7"
    _csv(tmp_path / "data.csv", rows)
    (tmp_path / "task.yaml").write_text("data: data.csv\ninput: text\ntarget: label\nid: name\n", encoding="utf-8")
    with pytest.raises(DataError, match="the id 'id 7' was there before"):
        load_task(tmp_path / "task.yaml")


def test_a_file_that_changes_while_it_is_used_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer must never be stored under another question."""
    _, lazy = _both(tmp_path, "data.jsonl", "", monkeypatch)
    path = tmp_path / "data.jsonl"
    path.write_bytes(re.sub(rb"number \d", b"number X", path.read_bytes()))
    with pytest.raises(DataError, match=r"data.jsonl was changed while it was being used"):
        lazy.examples[5]


def test_a_large_file_takes_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept of an example does not depend on how long it is."""
    import tracemalloc

    n = 5_000
    monkeypatch.setattr(on_disk, "LARGE", 100)
    rows = [{"text": f"{i} " + "word " * 400, "label": "ab"[i % 2]} for i in range(n)]
    _jsonl(tmp_path / "data.jsonl", rows)
    (tmp_path / "task.yaml").write_text("data: {test: data.jsonl}\ninput: text\ntarget: label\n", encoding="utf-8")
    load_task(tmp_path / "task.yaml")
    del rows
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    task = load_task(tmp_path / "task.yaml")
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert len(task.split("test")) == n
    assert held / n < 150
