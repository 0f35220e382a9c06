"""A folder of a release becomes models that have learned, once every file was looked at; or says why not."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from merits.core.candidate import Candidate
from merits.core.errors import CandidateError, DataError
from merits.core.release import Release
from merits.serving.package import artefacts_in
from merits.serving.unpacking import opened
from tests.serving.releasing import ask, released

TEXT = Candidate(name="text", kind="text-linear")
CODE = 'from words import GOOD\n\ndef answer(text):\n    return "positive" if GOOD in text else "negative"\n'
OWN = """
from sklearn.base import BaseEstimator, ClassifierMixin

class Mine(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = sorted(set(y))
        return self

    def predict(self, X):
        return [self.classes_[-1]] * X.shape[0]
"""


def roots() -> set[str]:
    """The folders that files of opened releases lie in."""
    return {path.name for path in Path(tempfile.gettempdir()).glob("merits-release-*")}


def with_manifest(release: Release, folder: Path, **changes: object) -> Release:
    """The release with another manifest, and hashes that say so."""
    path = folder / "artefacts" / "manifest.json"
    path.write_bytes(msgspec.json.encode({**json.loads(path.read_bytes()), **changes}))
    return replace(release, artefacts=artefacts_in(folder))


def test_what_was_learned_is_there_and_its_files_are_apart(tmp_path: Path) -> None:
    """The release's own folder may be read-only; the members come in order, the candidate's first."""
    release = released(tmp_path, TEXT, Candidate(name="always", kind="constant", params={"output": "negative"}))
    before = roots()
    members, root, n_asked = opened(release, tmp_path, env={})
    assert [(one.member.candidate.name, one.member.how) for one in members] == [
        ("text", "kept"),
        ("always", "as it is"),
    ]
    assert n_asked == 2
    assert roots() - before == {root.name}
    assert not root.is_relative_to(tmp_path)
    root.rmdir()  # nothing was named, so nothing was copied


def test_code_beside_the_task_is_found_from_the_release_alone(tmp_path: Path) -> None:
    """With what it imports."""
    task = tmp_path / "task"
    task.mkdir()
    (task / "rules.py").write_text(CODE)
    (task / "words.py").write_text('GOOD = "good"\n')
    candidate = Candidate(name="rules", kind="python", params={"function": "rules:answer"})
    release = released(tmp_path / "release", candidate, task_folder=task)
    for file in task.iterdir():
        file.unlink()
    good, bad = ask(release, tmp_path / "release", "a good one", "another")
    assert (good.answer.output, bad.answer.output) == ("positive", "negative")


def test_what_cannot_be_kept_learns_at_the_start_which_is_noted(tmp_path: Path) -> None:
    """From the examples in the release: an estimator of one's own is not unpickled."""
    task = tmp_path / "task"
    task.mkdir()
    (task / "mine_to_unpack.py").write_text(OWN)
    candidate = Candidate(name="own", kind="sklearn", params={"estimator": "mine_to_unpack.Mine"})
    release = released(tmp_path / "release", candidate, task_folder=task)
    notes: list[str] = []
    members, root, _ = opened(release, tmp_path / "release", env={}, note=notes.append)
    assert root.exists()
    assert [one.member.how for one in members] == ["learns at start"]
    assert notes == ["own learns from 40 examples"]
    (reply,) = ask(release, tmp_path / "release", "anything")
    assert reply.answer.output == "positive"


@pytest.mark.parametrize("how", ["changed", "missing", "added", "link"])
def test_a_file_that_is_not_what_it_was_is_named_and_nothing_is_left(tmp_path: Path, how: str) -> None:
    """Nothing is loaded before all of them were looked at."""
    release = released(tmp_path, TEXT)
    file = next(path for path in sorted((tmp_path / "artefacts" / "models").rglob("*")) if path.is_file())
    if how == "changed":
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
    elif how == "missing":
        file.unlink()
    elif how == "added":
        file = file.with_name("evil.py")
        file.write_text("raise SystemExit")
    else:
        moved = tmp_path / "moved"
        file.rename(moved)
        file.symlink_to(moved)
    before = roots()
    with pytest.raises(DataError, match=file.name):
        opened(release, tmp_path, env={})
    assert not roots() - before


def test_the_manifest_of_another_release_is_refused(tmp_path: Path) -> None:
    """Its hash may be right all the same."""
    release = released(tmp_path, TEXT)
    member = json.loads((tmp_path / "artefacts" / "manifest.json").read_bytes())["members"][0]
    other = {**member, "candidate": {**member["candidate"], "params": {"characters": 3}}}
    changed = with_manifest(release, tmp_path, members=[other])
    with pytest.raises(DataError, match="is of another release"):
        opened(changed, tmp_path, env={})


def test_a_candidate_that_is_another_one_here_is_refused_with_what_differs(tmp_path: Path) -> None:
    """Unless it is to be opened all the same: then it is told."""
    release = released(tmp_path, TEXT)
    manifest = json.loads((tmp_path / "artefacts" / "manifest.json").read_bytes())
    member = {**manifest["members"][0], "fingerprint": "another"}
    packages = {**manifest["packages"], "sklearn": "0.1"}
    changed = with_manifest(release, tmp_path, members=[member], packages=packages)
    before = roots()
    with pytest.raises(CandidateError, match=r"'text' is not what was released: sklearn is .*, and was 0\.1"):
        opened(changed, tmp_path, env={})
    assert not roots() - before
    notes: list[str] = []
    members, root, _ = opened(changed, tmp_path, env={}, allow_changed=True, note=notes.append)
    assert len(members) == 1
    assert "the promise is that of the other one" in notes[0]
    root.rmdir()


def test_a_manifest_that_is_none_is_told(tmp_path: Path) -> None:
    """Not a traceback, and with the next step."""
    release = released(tmp_path, TEXT)
    (tmp_path / "artefacts" / "manifest.json").write_text("{")
    with pytest.raises(CandidateError, match="Release it anew"):
        opened(replace(release, artefacts=artefacts_in(tmp_path)), tmp_path, env={})
