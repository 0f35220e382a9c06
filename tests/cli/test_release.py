"""merits release, releases and rollback: what is printed, what is written, and the exit codes."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
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
    assert json.loads(out)["rollout"]["reason"] == "rolled back from release 2"
    code, out, _ = said(capsys, home, "rollback", "--to", "2")
    assert (code, "put in force by hand instead of release 1" in out) == (0, True)
    assert said(capsys, home, "rollback")[0] == 0
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


@dataclass(frozen=True)
class Two:
    """A live store of its own, in which `first` serves and `second` does not yet."""

    live: str
    first: int
    second: int


@pytest.fixture
def own(home: Path, tmp_path: Path) -> Path:
    """A copy to make releases in: they are counted by their folders."""
    return Path(shutil.copytree(home, tmp_path / "own"))


@pytest.fixture
def two(own: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Two:
    live = str(tmp_path / "live.sqlite")
    words = ("--candidate", "rules", "--json", "--verify", "0", "--live", live)
    first, second = (said(capsys, own, "release", *words, *more)[1] for more in ((), ("--no-activate",)))
    return Two(live, *(json.loads(out)["release"]["version"] for out in (first, second)))


def test_what_serves_is_not_rolled_back_to(own: Path, two: Two, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever asks for it has another release in mind, or a challenger that is to go."""
    where, first = ("--live", two.live), str(two.first)
    code, out, err = said(capsys, own, "rollback", "--to", first, *where)
    assert (code, out) == (2, "")
    assert f"release {first} serves already" in err
    assert f"next: merits releases {own}/merits.yaml --live {two.live} lists the others." in err
    assert said(capsys, own, "rollout", "--challenger", str(two.second), "--mode", "shadow", *where)[0] == 0
    code, _, err = said(capsys, own, "release", "--activate", first, *where)
    assert (code, f"release {two.second} is compared with it (shadow)" in err) == (2, True)
    assert f"merits rollout {own}/merits.yaml --live {two.live} --stop" in err
    code, _, err = said(capsys, own, "rollback", *where)
    assert (code, f"Call off release {two.second}: merits rollout" in err) == (2, True)


def test_going_back_says_what_becomes_of_a_comparison(own: Path, two: Two, capsys: pytest.CaptureFixture[str]) -> None:
    """And the reason is kept with it; so it is where another release is put in force."""
    where = ("--live", two.live)
    assert said(capsys, own, "release", "--activate", str(two.second), *where)[0] == 0
    code, out, _ = said(
        capsys, own, "release", "--candidate", "rules", "--no-activate", "--json", "--verify", "0", *where
    )
    third = json.loads(out)["release"]["version"]
    assert said(capsys, own, "rollout", "--challenger", str(third), *where)[0] == 0
    code, out, _ = said(capsys, own, "rollback", "--reason", "too slow", *where)
    reason = f"too slow; the canary of release {third} ends, undecided"
    assert (code, out) == (0, f"merits/moods@{two.first} serves from now on (before: {two.second}): {reason}.\n")
    assert json.loads(said(capsys, own, "releases", "--json", *where)[1])["rollout"]["reason"] == reason
    assert said(capsys, own, "rollout", "--challenger", str(third), "--mode", "a/b", *where)[0] == 0
    code, out, _ = said(capsys, own, "release", "--candidate", "rules", "--json", "--verify", "0", *where)
    assert (code, f"the a/b of release {third} ends, undecided" in json.loads(out)["notes"]) == (0, True)


def test_a_release_that_was_made_before_serves_when_it_is_activated(
    own: Path, two: Two, capsys: pytest.CaptureFixture[str]
) -> None:
    """The word for going forward; it makes nothing."""
    where, second = ("--live", two.live), str(two.second)
    code, out, _ = said(capsys, own, "release", "--activate", second, "--reason", "go", *where)
    assert (code, out) == (0, f"merits/moods@{second} serves from now on (before: {two.first}): go.\n")
    code, _, err = said(capsys, own, "release", "--activate", "9999", *where)
    assert (code, "has no release 9999" in err) == (2, True)
    code, _, err = said(capsys, own, "release", "--activate", "1", "--candidate", "rules", *where)
    assert (code, "--candidate is about making one" in err) == (2, True)
    code, out, _ = said(capsys, own, "release", "--activate", str(two.first), "--json", *where)
    told = json.loads(out)
    assert (code, told["schema"], told["rollout"]["champion"]) == (0, "merits.activated/1", two.first)


def test_next_steps_can_be_pasted(own: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """With the task file, and with another store where one was named."""
    live, task = str(tmp_path / "other.sqlite"), f"{own}/merits.yaml"
    code, _, err = said(capsys, own, "rollback", "--live", live)
    assert (code, f"with the first release: merits release {task} --live {live}" in err) == (2, True)
    words = ("--candidate", "rules", "--quiet", "--verify", "0", "--live", live)
    code, out, _ = said(capsys, own, "release", *words)
    assert code == 0
    assert f"It serves from now on: merits serve {task} --live {live}\n" in out
    assert f"merits keys create --task {task} --live {live} --name ME\n" in out
    code, out, _ = said(capsys, own, "release", "--no-activate", *words)
    assert code == 0
    assert f"It does not serve yet: merits release {task} --live {live} --activate " in out
    assert f"until it won: merits rollout {task} --live {live} --challenger " in out
