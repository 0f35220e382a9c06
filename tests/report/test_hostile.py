"""What comes from outside is shown as it is written, in every kind of case: names of files, captions, texts, items."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from merits.core.kinds import kind_names, task_kind
from merits.flow import run
from merits.media.sounds import Sound, wav_of
from merits.report.page import render
from merits.tasks.file import load_task
from tests.report.test_page import read

Image = pytest.importorskip("PIL.Image")

BAD = "<img src=x onerror=alert(1)>\"'&<script>alert(2)</script>"
NAME = "<b onclick=alert(3)>&'.png"  # as the name of a file, which has no slash

KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "classification": ({"input": f"text {BAD}", "target": BAD}, {"labels": [BAD, "b"]}),
    "translation": ({"input": f"source {BAD}", "target": f"target {BAD} word"}, {}),
    "regression": ({"input": {f"col{BAD}": BAD, "x": 1}, "target": 3.0}, {"scorers": ["numeric"]}),
    "image-classification": ({"input": NAME, "target": BAD}, {"labels": [BAD, "b"]}),
    "multimodal-classification": ({"input": {"picture": NAME, "caption": BAD}, "target": BAD}, {"labels": [BAD, "b"]}),
    "text-to-image": ({"input": f"caption {BAD}", "target": NAME}, {"scorers": ["picture_similarity"]}),
    "speech": ({"input": f"{NAME[:-4]}.wav", "target": f"said {BAD}"}, {}),
}


def shown(tmp_path: Path, kind: str) -> str:
    """The page of a task of this kind in which all that comes from outside is hostile."""
    Image.new("RGB", (40, 40), (200, 30, 30)).save(tmp_path / NAME)
    (tmp_path / f"{NAME[:-4]}.wav").write_bytes(wav_of(Sound(np.zeros(4_000, np.float32) + 0.1, 8_000)))
    example, more = KINDS[kind]
    rows = [{"id": f"{i} {BAD}", **example, "slice": BAD, "split": "test"} for i in range(4)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", "utf-8")
    said = {"file": NAME, "sha256": "ab"} if kind == "text-to-image" else f"answer {BAD}"
    (tmp_path / "models.py").write_text(
        f"def one(given):\n    return {said!r}\n\n\ndef two(given):\n    return '<i>x</i>'\n"
    )
    task = {
        "name": f"task {BAD}",
        "kind": kind,
        "data": "rows.jsonl",
        "slices": ["slice"],
        "split": {"method": "given", "column": "split"},
        "candidates": [
            {"name": f"model {BAD}", "kind": "python", "function": "models:one"},
            {"name": "other", "kind": "python", "function": "models:two"},
        ],
        **more,
    }
    (tmp_path / "merits.yaml").write_text(json.dumps(task), "utf-8")
    return render(run(load_task(tmp_path / "merits.yaml"), store=tmp_path / "store.sqlite").view)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_hostile_texts_and_names_are_shown_as_texts(tmp_path: Path, kind: str) -> None:
    check(shown(tmp_path, kind))


def test_hostile_items_are_shown_as_texts(tmp_path: Path) -> None:
    """Recommendations: names of items and users out of a file of events."""
    lines = [f'"u{user} {BAD}","film {(user + turn) % 9} {BAD}",{turn}' for turn in range(12) for user in range(9)]
    quoted = [line.replace(">\"'&", ">''&") for line in lines]
    (tmp_path / "events.csv").write_text("user,item,time\n" + "\n".join(quoted) + "\n", "utf-8")
    (tmp_path / "merits.yaml").write_text(
        "name: films\nkind: recommendation\ndata: events.csv\nevents: {user: user, item: item, time: time}\n"
        "split: {method: time, test: 0.3}\nrobustness: {dropped_events: [0.5]}\ncandidates: [popularity]\n",
        "utf-8",
    )
    check(render(run(load_task(tmp_path / "merits.yaml"), store=tmp_path / "store.sqlite").view))


def test_every_way_to_show_a_case_is_tried() -> None:
    tried = {task_kind(kind).case for kind in (*KINDS, "recommendation")}
    assert tried == {task_kind(kind).case for kind in kind_names()}


def check(html: str) -> None:
    """Well-formed, no element and no handler but those of the page itself, and the texts there to be read."""
    found = read(html)
    assert (found.mistakes, found.open) == ([], [])
    assert {"script", "b onclick", "i", "iframe", "object"} & set(found.tags) == set()
    assert [a for a in found.attributes if a[1].startswith("on") or a[1] == "style"] == []
    sources = [value for _, name, value in found.attributes if name == "src"]
    assert all(source.startswith(("data:image/", "data:audio/")) for source in sources)
    assert "alert(2)" in "".join(found.text)
