"""A check says before a run what the run would refuse, and does not keep silent while it looks."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from merits.cli.check import _Told
from tests.cli.conftest import Merits
from tests.media.painting import painted

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
        "'ears' can solve nothing here: whisper reads sound, and no input is the name of a sound that is there. "
        "Take it out, or name another: `merits kinds classification` lists those that read such inputs."
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


def test_a_recogniser_is_refused_where_no_input_names_a_sound_that_is_there(merits: Merits, tmp_path: Path) -> None:
    """Nobody is asked, so the mistake is the file's and no matter of infrastructure."""
    path = task(tmp_path, "speech", "{name: ears, kind: whisper, path: nowhere}")
    code, _, err = merits("run", path)
    assert code == 2
    assert "whisper reads sound, and no input is the name of a sound that is there." in err
    assert "missing-files" in findings(merits, path)


def test_a_column_that_a_candidate_is_to_read_must_be_there(merits: Merits, tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text(
        "title,colour,label\n" + "".join(f"number {n},c{n % 3},{'yn'[n % 2]}\n" for n in range(20)), "utf-8"
    )
    path = tmp_path / "merits.yaml"
    start = "name: items\nkind: multimodal-classification\ndata: items.csv\ninput: [title, colour]\ntarget: label\n"
    for candidate in (
        "{kind: joint-embeddings, columns: [titel]}",
        "{kind: late-fusion, members: [{kind: text-linear, columns: titel}, {kind: text-linear, columns: colour}]}",
    ):
        path.write_text(f"{start}candidates:\n  - {candidate}\n", "utf-8")
        code, _, err = merits("run", str(path))
        assert code == 2
        assert "inputs have no column 'titel'; they have title, colour.\n  next: Did you mean 'title'?" in err
        assert "titel" in findings(merits, str(path))["candidate-not-ready"]


def test_a_data_file_is_not_guessed_by_its_ending(merits: Merits, tmp_path: Path) -> None:
    path = Path(task(tmp_path, "classification", "most-common"))
    path.write_text(path.read_text("utf-8").replace("data: words.csv", "data: zq.csv"), "utf-8")
    code, _, err = merits("run", str(path))
    assert code == 2
    assert "there is no file 'zq.csv'" in err
    assert "There are: words.csv." in err


def test_a_report_of_a_run_that_was_stopped_says_that_it_goes_on(merits: Merits, tmp_path: Path) -> None:
    """Of other examples nothing was decided yet."""
    path = task(tmp_path, "classification", "most-common")
    assert merits("run", path)[0] == 3
    task(tmp_path, "classification", "most-common", inputs=[f"another {number}" for number in range(20)])
    code, _, err = merits("report", path)
    assert code == 2
    assert "a run that was stopped goes on from there" in err


def test_what_a_candidate_fails_on_every_time_is_to_be_mended_and_not_asked_again(
    merits: Merits, tmp_path: Path
) -> None:
    names = painted(tmp_path, 10)
    for name in names[:8]:
        (tmp_path / name).write_bytes(b"no picture")
    path = task(
        tmp_path, "image-classification", "{kind: sklearn, estimator: sklearn.naive_bayes.GaussianNB}", inputs=names
    )
    code, out, _ = merits("run", path)
    assert code in (1, 3)
    said = " ".join(out.split())
    assert "Could not be asked (bad request" in said
    assert "mend what is wrong, or leave these examples out." in said
    assert "run again to ask these again" not in said


def test_a_scorer_whose_package_is_missing_is_a_finding(
    merits: Merits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = task(tmp_path, "translation", "copy")
    assert "scorer-not-ready" not in findings(merits, path)
    for name in ["sacrebleu", *(name for name in sys.modules if name.startswith("sacrebleu."))]:
        monkeypatch.setitem(sys.modules, name, None)
    assert "pip install 'merits[translation]'" in findings(merits, path)["scorer-not-ready"]


def test_one_caption_of_several_pictures_is_no_conflict(merits: Merits, tmp_path: Path) -> None:
    """Each of them is right."""
    names = painted(tmp_path, 10)
    lines = "".join(f"a field of {name.split('/')[0]},{name}\n" for name in names)
    (tmp_path / "drawn.csv").write_text(f"caption,picture\n{lines}", "utf-8")
    path = tmp_path / "merits.yaml"
    path.write_text(
        "name: fields\nkind: text-to-image\ndata: drawn.csv\ninput: caption\ntarget: picture\n"
        "candidates: [nearest-caption]\n",
        "utf-8",
    )
    assert "conflicting-targets" not in findings(merits, str(path))


@pytest.mark.parametrize(("k", "is_found"), [(1, False), (2, True), (50, True)])
def test_a_k_that_takes_all_labels_is_a_finding(k: int, is_found: bool, merits: Merits, tmp_path: Path) -> None:
    path = task(tmp_path, "classification", "most-common")
    text = Path(path).read_text("utf-8")
    Path(path).write_text(f"scorers: [label, {{kind: top_k, k: {k}}}]\n{text}", "utf-8")
    assert ("k-takes-all" in findings(merits, path)) is is_found


def test_a_k_that_takes_all_items_is_a_finding(merits: Merits, tmp_path: Path) -> None:
    events = "".join(f"u{n % 6},i{n % 7},2026-01-{1 + n % 28:02}\n" for n in range(60))
    (tmp_path / "events.csv").write_text(f"user,item,time\n{events}", "utf-8")
    path = tmp_path / "merits.yaml"
    start = "name: shop\nkind: recommendation\ndata: events.csv\nevents: {}\ncandidates: [popularity]\n"
    path.write_text(f"{start}scorers: [{{kind: hit, k: 7}}]\n", "utf-8")
    assert "there are 7 items" in findings(merits, str(path))["k-takes-all"]
    path.write_text(f"{start}scorers: [{{kind: hit, k: 2}}]\n", "utf-8")
    assert "k-takes-all" not in findings(merits, str(path))


def test_what_a_search_would_refuse_is_refused(merits: Merits, tmp_path: Path) -> None:
    """Before an hour of a search, by the same words."""
    path = Path(task(tmp_path, "classification", "most-common", "text-linear"))
    plain = path.read_text("utf-8")
    path.write_text(plain + "improve: {tuning: {trials: 5}}\n", "utf-8")
    assert merits("check", str(path))[0] == 0
    for said, told in (("{tuning: {trails: 5}}", "trials"), ("{tunning: {}}", "tuning")):
        path.write_text(f"{plain}improve: {said}\n", "utf-8")
        code, _, err = merits("check", str(path))
        assert (code, f"Did you mean {told!r}?" in err) == (2, True), err
