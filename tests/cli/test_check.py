"""A check says before a run what the run would refuse, and does not keep silent while it looks."""

from __future__ import annotations

import io
import json
from pathlib import Path

from merits.cli.check import _Told
from tests.cli.conftest import Merits

TASK = "name: words\nkind: {kind}\ndata: words.csv\ninput: input\ntarget: label\ncandidates:\n{candidates}"


def task(folder: Path, kind: str, *candidates: str, inputs: list[str] | None = None) -> str:
    names = inputs or [f"number {number} of them" for number in range(20)]
    lines = "".join(f"{name},{('good', 'bad')[number % 2]}\n" for number, name in enumerate(names))
    (folder / "words.csv").write_text(f"input,label\n{lines}", "utf-8")
    path = folder / "merits.yaml"
    listed = "".join(f"  - {candidate}\n" for candidate in candidates)
    path.write_text(TASK.format(kind=kind, candidates=listed), "utf-8")
    return str(path)


def findings(merits: Merits, path: str) -> dict[str, str]:
    code, out, _ = merits("check", path, "--json")
    assert code == 0
    return {one["code"]: f"{one['text']} {one['next_step']}" for one in json.loads(out)["warnings"]}


def test_a_candidate_that_cannot_read_the_inputs_is_a_finding_and_is_refused(merits: Merits, tmp_path: Path) -> None:
    path = task(tmp_path, "classification", "most-common", "{name: ears, kind: whisper, path: nowhere}")
    found = findings(merits, path)
    assert found["candidate-cannot-read"] == (
        "'ears' can solve nothing here: whisper reads sound, and inputs of the kind classification hold text and "
        "columns. Take it out, or name another: `merits kinds classification` lists those that read such inputs."
    )
    assert "candidate-not-ready" not in found
    code, _, err = merits("run", path)
    assert code == 2
    assert "whisper reads sound" in err


def test_a_candidate_whose_model_is_not_there_is_a_finding(merits: Merits, tmp_path: Path) -> None:
    path = task(tmp_path, "generation", "most-common", "{name: local, kind: gguf, path: gone.gguf}")
    found = findings(merits, path)["candidate-not-ready"]
    assert found.startswith("candidate 'local': ")
    assert "gone.gguf" in found


def test_who_reads_words_is_told_where_inputs_are_names_of_pictures(merits: Merits, tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(20)]
    for number, name in enumerate(names):
        (tmp_path / name).write_bytes(bytes([number]))
    path = task(tmp_path, "classification", "most-common", "text-linear", inputs=names)
    found = findings(merits, path)["candidate-cannot-read"]
    assert "text-linear reads text and columns, and every input is a picture's name." in found
    assert "`kind: image-classification`" in found


def test_inputs_that_name_sounds_are_heard_in_a_task_of_any_kind(merits: Merits, tmp_path: Path) -> None:
    names = [f"{number}.wav" for number in range(20)]
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    path = task(tmp_path, "classification", "{name: ears, kind: whisper, path: nowhere}", inputs=names)
    assert "candidate-cannot-read" not in findings(merits, path)


def test_progress_in_a_log_is_a_line_for_each_look_and_further_ones_only_where_it_takes_long() -> None:
    stream, now = io.StringIO(), [0.0]
    told = _Told(stream, clock=lambda: now[0])
    for done in (0, 100, 200, 300, 400):
        told("pictures", done, 400)
        now[0] += 6
    told("labels", 0, 5)
    told.done()
    assert stream.getvalue() == "looking at pictures\nlooking at pictures: 200 of 400\nlooking at labels\n"


def test_results_stay_apart_from_progress(merits: Merits, tmp_path: Path) -> None:
    code, out, err = merits("check", task(tmp_path, "classification", "most-common"))
    assert code == 0
    assert "looking at" in err
    assert "looking at" not in out
