"""merits release, releases and rollback: what is printed, what is written, and the exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from merits.cli import main
from tests.production.test_released import written


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = written(tmp_path_factory.mktemp("moods"))
    assert main(["run", str(folder / "merits.yaml"), "--quiet", "--yes"]) in (0, 3)
    return folder


def said(capsys: pytest.CaptureFixture[str], home: Path, verb: str, *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main([verb, str(home / "merits.yaml"), *words])
    out, err = capsys.readouterr()
    return code, out, err


def test_from_a_decision_to_a_release_and_back(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The way of a user, in its order."""
    code, out, _ = said(capsys, home, "releases")
    assert code == 0
    assert "has no release yet. Make one: merits release" in out
    code, _, err = said(capsys, home, "rollback")
    assert (code, "no release of 'moods' serves yet" in err) == (2, True)

    code, out, _ = said(capsys, home, "release", "--dry-run")
    assert code == 0
    assert "nothing was written" in out
    assert not list((home / ".merits" / "releases").glob("moods/[0-9]*"))

    code, out, _ = said(capsys, home, "release", "--candidate", "rules", "--fallback", "words", "--reason", "first")
    assert code == 0
    for part in (
        "release      merits/moods@1",
        "fallbacks    words",
        "promises     solved",
        "evidence     decision",
        "artefacts    ",
        "50 of 50 answers are those that were judged",
        "It serves from now on: merits serve",
    ):
        assert part in out

    code, out, _ = said(capsys, home, "release", "--candidate", "words", "--json", "--no-activate")
    told = json.loads(out)
    assert (code, told["schema"], told["model"], told["rollout"]) == (0, "merits.release/1", "merits/moods@2", None)
    assert told["verified"]["n_asked"] == 50

    code, out, _ = said(capsys, home, "rollback", "--to", "2", "--reason", "faster")
    assert (code, "merits/moods@2 serves from now on (before: 1): faster." in out) == (0, True)
    code, out, _ = said(capsys, home, "rollback", "--json")
    assert (code, json.loads(out)["rollout"]["champion"]) == (0, 1)
    code, out, _ = said(capsys, home, "releases", "--json")
    told = json.loads(out)
    assert [one["version"] for one in told["releases"]] == [1, 2]
    assert told["rollout"]["champion"] == 1
    code, out, _ = said(capsys, home, "releases", "--show", "2")
    assert (code, "candidate    words (text-linear)" in out) == (0, True)


def test_a_wrong_name_is_answered_with_the_near_miss(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = said(capsys, home, "release", "--candidate", "wrods")
    assert (code, "Did you mean 'words'?" in err) == (2, True)


def test_an_unknown_version_is_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = said(capsys, home, "releases", "--show", "99")
    assert (code, "has no release 99" in err) == (2, True)


def test_a_file_that_is_not_there_is_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And no half a release is left."""
    code, _, err = said(capsys, home, "release", "--candidate", "rules", "--with", "weights.bin")
    assert (code, "there is no file 'weights.bin'" in err) == (2, True)
    assert not list((home / ".merits" / "releases" / "moods").glob(".draft*"))
