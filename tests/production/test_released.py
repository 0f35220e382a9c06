"""From a decision to a release: what was decided goes in, verified, to the byte, and can be gone back from."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from merits import flow
from merits.core.errors import CandidateError, DataError, MeritsError, NoneWorthIt, NothingToRelease, UsageError
from merits.core.live import Rollout
from merits.core.needs import Needs
from merits.core.racing import Racing
from merits.core.release import Release
from merits.core.serving import ServeSettings
from merits.core.task import Task
from merits.production.gateway import Where, opener_of
from merits.production.released import Released, activate, release, releases, releases_folder, roll_back
from merits.serving.package import artefacts_in, read_release
from merits.serving.unit import open_unit
from merits.tasks.file import load_task
from merits.testing.live import MemoryLive

CODE = """
from words import GOOD

def answer(text):
    return "positive" if any(word in text for word in GOOD) else "negative"
"""
MORE = "\n".join(f"a {word} thing, number {n}" for n in range(20) for word in ("good", "awful"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The files of a task that was not run yet."""
    return written(tmp_path)


def written(tmp_path: Path) -> Path:
    """A task of two sorts of texts, with candidates of several kinds."""
    rows = []
    for number in range(120):
        label = ("positive", "negative")[number % 2]
        word = (("good", "fine"), ("bad", "awful"))[number % 2][number // 2 % 2]
        split = "test" if number < 80 else "dev"
        rows.append({"id": str(number), "text": f"a {word} thing, number {number}", "label": label, "split": split})
    (tmp_path / "data.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "rules.py").write_text(CODE)
    (tmp_path / "words.py").write_text('GOOD = ("good",)\n')
    (tmp_path / "more.txt").write_text(MORE)
    (tmp_path / "merits.yaml").write_text(
        """
name: moods
kind: classification
data: data.jsonl
input: text
target: label
id: id
split: {method: given, column: split}
needs: {requirements: ["accuracy >= 0.6"], currency: USD}
candidates:
  - most-common
  - {name: words, kind: text-linear}
  - {name: rules, kind: python, function: "rules:answer"}
  - {name: both, kind: stack, parts: [words, rules]}
  - name: taught
    kind: distilled
    unlabelled: more.txt
    parts: [words, {name: student, kind: text-linear, characters: 0}]
"""
    )
    return tmp_path


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A task that was run once; tests take copies."""
    folder = written(tmp_path_factory.mktemp("moods"))
    flow.run(load_task(folder / "merits.yaml"))
    return folder


@pytest.fixture
def task(evaluated: Path, tmp_path: Path) -> Task:
    shutil.copytree(evaluated, tmp_path / "moods")
    return load_task(tmp_path / "moods" / "merits.yaml")


@pytest.fixture
def live() -> MemoryLive:
    return MemoryLive()


def answers(made: Released, *texts: str) -> list[Any]:
    async def ask() -> list[Any]:
        assert made.folder is not None
        unit = await open_unit(read_release(made.folder), made.folder, env={})
        try:
            return [(await unit.answer(text)).answer.output for text in texts]
        finally:
            await unit.close()

    return asyncio.run(ask())


def another_library(made: Release, folder: Path) -> Release:
    """The release as if it had been made with a scikit-learn that is not the one installed."""
    manifest = folder / "artefacts" / "manifest.json"
    told = json.loads(manifest.read_bytes())
    told["packages"]["sklearn"] = "0.1"
    told["members"][0]["fingerprint"] = "of another library"
    manifest.write_text(json.dumps(told))
    return msgspec.structs.replace(made, artefacts=artefacts_in(folder))


def test_what_was_decided_is_released_verified_and_put_in_force(task: Task, live: MemoryLive) -> None:
    made = release(task, live=live)
    decision = flow.stored_run(task).decision
    assert decision.verdict in ("adopt", "keep")
    assert made.release.candidate.id == decision.candidate_id
    assert (made.release.version, made.release.model) == (1, "merits/moods@1")
    assert made.verified is not None
    assert made.verified.text == "50 of 50 answers are those that were judged"
    standing = decision.standing(decision.candidate)
    assert made.release.promise.quality == standing.quality
    assert made.release.promise.latency_p95_s == standing.latency_p95_s
    assert (made.release.decision, made.release.run) == (decision.id, 1)
    assert live.releases("moods") == [made.release]
    assert [(one.champion, one.mode) for one in live.rollouts("moods")] == [(1, "alone")]
    assert made.folder == releases_folder(task) / "1"
    assert read_release(made.folder) == made.release


@pytest.mark.parametrize("name", ["most-common", "words", "rules", "both", "taught"])
def test_each_candidate_says_from_its_release_what_it_was_judged_by(task: Task, live: MemoryLive, name: str) -> None:
    """The server has neither the task nor its data."""
    made = release(task, candidate=name, live=live, verify=80)
    assert made.verified is not None
    assert made.verified.text == "80 of 80 answers are those that were judged"
    for place in ("data.jsonl", "rules.py", "words.py", "more.txt"):
        (Path(task.folder) / place).unlink()
    assert len(answers(made, "a good thing, number 7")) == 1


def test_one_that_was_not_decided_on_is_released_when_it_is_named_which_is_said(task: Task, live: MemoryLive) -> None:
    made = release(task, candidate="most-common", live=live, reason="for a test")
    assert made.release.reason.startswith("named by hand (most-common); the decision is: ")
    assert made.release.reason.endswith("; for a test")


def test_a_name_that_nobody_has_is_answered_with_the_near_miss(task: Task, live: MemoryLive) -> None:
    with pytest.raises(UsageError, match="Did you mean 'words'"):
        release(task, candidate="wrods", live=live)


def test_nothing_stored_is_said_with_the_next_step(home: Path, live: MemoryLive) -> None:
    with pytest.raises(MeritsError, match="merits run"):
        release(load_task(home / "merits.yaml"), live=live)


def test_nobody_worth_using_is_not_released(task: Task, live: MemoryLive) -> None:
    """Nor is anything written; one that is named is, all the same."""
    from merits.tasks.requirements import parse_requirement

    strict = msgspec.structs.replace(task, needs=Needs(requirements=(parse_requirement("accuracy >= 0.9999 @ 95%"),)))
    with pytest.raises(NothingToRelease) as told:
        release(strict, live=live)
    assert told.value.exit_code == (1 if isinstance(told.value, NoneWorthIt) else 3)
    assert not live.releases(task.name)
    assert not live.rollouts(task.name)
    assert not list(releases_folder(task).glob("*"))


def test_present_needs_decide_and_that_decision_is_remembered(task: Task, live: MemoryLive) -> None:
    from merits.store import open_store
    from merits.tasks.requirements import parse_requirement

    other = msgspec.structs.replace(task, needs=Needs(requirements=(parse_requirement("accuracy >= 0.5"),)))
    made = release(other, live=live)
    store = open_store(Path(task.folder) / ".merits" / "store.sqlite", write=False)
    assert store.decisions(task.id)[-1].id == made.release.decision
    assert any("decided again" in note for note in made.notes)
    store.close()


def test_code_that_changed_since_is_not_released(task: Task, live: MemoryLive) -> None:
    """Also where only a file has that the code imports."""
    (Path(task.folder) / "words.py").write_text('GOOD = ("awful",)\n')
    with pytest.raises(CandidateError, match=r"no longer what was evaluated.*merits run"):
        release(task, candidate="rules", live=live)


def test_what_says_something_else_each_time_is_not_released(home: Path, live: MemoryLive) -> None:
    """It would not be what was proved; nothing of it is left."""
    (home / "rules.py").write_text(
        "import random\n\ndef answer(text):\n    return random.choice(['positive', 'negative'])\n"
    )
    task = load_task(home / "merits.yaml")
    flow.run(task)
    with pytest.raises(CandidateError, match="It is not what was proved"):
        release(task, candidate="rules", live=live)
    assert not list(releases_folder(task).iterdir())
    assert not live.releases(task.name)
    assert not live.rollouts(task.name)


def test_a_dry_run_writes_nothing(task: Task, live: MemoryLive) -> None:
    made = release(task, live=live, dry_run=True)
    assert made.folder is None
    assert made.release.promise.quality is not None
    assert not live.releases(task.name)
    assert not live.rollouts(task.name)
    assert not releases_folder(task).exists()


@pytest.mark.parametrize("path", ["artefacts/models/0/estimator.skops", "artefacts/manifest.json"])
def test_a_changed_byte_is_refused(task: Task, live: MemoryLive, path: str) -> None:
    made = release(task, candidate="words", live=live)
    assert made.folder is not None
    file = made.folder / path
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(DataError, match=rf"{path} is not what it was"):
        answers(made, "good")


def test_a_file_that_was_added_or_taken_away_is_refused(task: Task, live: MemoryLive) -> None:
    """Code beside that of the release could be imported by it."""
    made = release(task, candidate="rules", live=live)
    assert made.folder is not None
    added = made.folder / "artefacts" / "files" / "random.py"
    added.write_text("raise SystemExit")
    with pytest.raises(DataError, match=r"random\.py is no part of it"):
        answers(made, "good")
    added.unlink()
    (made.folder / "artefacts" / "files" / "words.py").unlink()
    with pytest.raises(DataError, match=r"words\.py is not there"):
        answers(made, "good")


def test_another_library_is_refused_unless_it_is_allowed(task: Task, live: MemoryLive) -> None:
    """Here the release is of a scikit-learn that is not the one installed."""
    made = release(task, candidate="words", live=live)
    assert made.folder is not None
    changed = another_library(made.release, made.folder)
    with pytest.raises(CandidateError, match=r"sklearn is .*, and was 0\.1"):
        asyncio.run(open_unit(changed, made.folder, env={}))
    notes: list[str] = []

    async def all_the_same() -> None:
        unit = await open_unit(changed, made.folder or Path(), env={}, allow_changed=True, note=notes.append)
        await unit.close()

    asyncio.run(all_the_same())
    assert any("not what was released" in note for note in notes)


def test_a_server_opens_what_changed_only_where_it_is_allowed_and_logs_it(
    task: Task, live: MemoryLive, capsys: pytest.CaptureFixture[str]
) -> None:
    """By `merits serve --allow-changed`, or `serve: {allow_changed: true}`."""
    made = release(task, candidate="words", live=live)
    assert made.folder is not None
    changed = another_library(made.release, made.folder)

    async def opened(settings: ServeSettings) -> None:
        unit = await opener_of(Where(task.name, made.folder or Path(), "", settings))(changed, made.folder)
        await unit.close()

    with pytest.raises(CandidateError, match="merits serve --allow-changed"):
        asyncio.run(opened(ServeSettings()))
    asyncio.run(opened(ServeSettings(allow_changed=True)))
    (line,) = [json.loads(line) for line in capsys.readouterr().err.splitlines() if "changed" in line]
    assert (line["event"], line["level"]) == ("changed", "warning")


def test_the_folder_of_a_release_may_be_read_only_and_stays_as_it_is(task: Task, live: MemoryLive) -> None:
    made = release(task, candidate="rules", live=live)
    assert made.folder is not None
    before = sorted(str(file) for file in made.folder.rglob("*"))
    assert answers(made, "a good thing", "awful") == ["positive", "negative"]
    assert sorted(str(file) for file in made.folder.rglob("*")) == before


def test_a_fallback_goes_into_the_release_with_what_it_learned(task: Task, live: MemoryLive) -> None:
    made = release(task, candidate="rules", fallbacks=["words"], live=live)
    assert [one.name for one in made.release.fallbacks] == ["words"]
    with pytest.raises(UsageError, match="fallback"):
        release(task, candidate="rules", fallbacks=["rules"], live=live)


def test_versions_count_on_and_one_goes_back_step_by_step(task: Task, live: MemoryLive) -> None:
    for name in ("words", "rules", "most-common"):
        release(task, candidate=name, live=live)
    assert [one.version for one in releases(task, live=live)[0]] == [1, 2, 3]
    assert roll_back(task, live=live, reason="too slow").champion == 2
    assert roll_back(task, live=live).champion == 1
    with pytest.raises(UsageError, match="there is none before it"):
        roll_back(task, live=live)
    found = activate(task, 3, live=live)
    assert (found.champion, found.previous) == (3, 1)
    assert roll_back(task, 2, live=live).champion == 2
    assert releases(task, live=live)[1] == live.rollouts("moods")[-1]


def test_going_back_calls_a_challenger_off(task: Task, live: MemoryLive) -> None:
    for name in ("words", "rules"):
        release(task, candidate=name, live=live)
    live.add([Rollout(task="moods", at=1e12, champion=2, challenger=1, mode="canary", share=0.1, previous=1)])
    found = roll_back(task, live=live)
    assert (found.champion, found.challenger, found.mode) == (1, None, "alone")


def test_going_back_to_what_is_not_there_is_refused(task: Task, live: MemoryLive) -> None:
    with pytest.raises(UsageError, match="merits release"):
        roll_back(task, live=live)
    release(task, candidate="words", live=live)
    with pytest.raises(UsageError, match=r"no release 7; there are: 1"):
        roll_back(task, 7, live=live)


def test_without_activate_what_serves_goes_on(task: Task, live: MemoryLive) -> None:
    release(task, candidate="words", live=live)
    made = release(task, candidate="rules", live=live, activate=False)
    assert (made.release.version, made.rollout) == (2, None)
    assert live.rollouts("moods")[-1].champion == 1


def test_a_name_that_is_no_folder_is_refused(task: Task, live: MemoryLive) -> None:
    with pytest.raises(MeritsError, match="Give it a `name:`"):
        release(msgspec.structs.replace(task, name="../x"), live=live)


def test_what_cannot_be_kept_learns_again_from_the_examples_in_the_release(home: Path, live: MemoryLive) -> None:
    """A class of the user's own with fit and predict: nothing of it is unpickled, and it says the same."""
    (home / "mine.py").write_text(
        """
class Mine:
    def fit(self, texts, labels):
        self.known = dict(zip(texts, labels))
        self.most = max(set(labels), key=labels.count)
    def predict(self, texts):
        return [self.known.get(text, self.most) for text in texts]
"""
    )
    text = (home / "merits.yaml").read_text()
    (home / "merits.yaml").write_text(text + "  - {name: mine, kind: python, function: 'mine:Mine'}\n")
    task = load_task(home / "merits.yaml")
    flow.run(task)
    made = release(task, candidate="mine", live=live)
    assert any("learns again at each start" in note for note in made.notes)
    (mine,) = made.learned
    assert (mine.name, mine.kind, mine.kept) == ("mine", "python", False)
    assert "without running code" in mine.why
    assert "artefacts/lessons.jsonl" in {one.path for one in made.release.artefacts}
    assert made.verified is not None
    assert not made.verified.differences


def test_a_release_says_the_same_once_it_was_written_and_read(task: Task, live: MemoryLive) -> None:
    made = release(task, live=live)
    assert msgspec.json.decode(msgspec.json.encode(made.release), type=Release) == made.release


def test_pictures_and_their_lessons_go_with_a_release(tmp_path: Path, live: MemoryLive) -> None:
    """A candidate that reads files is verified with files, and served with others."""
    pytest.importorskip("PIL")
    from PIL import Image

    examples = []
    for number in range(40):
        label = ("blue", "red")[number % 2]
        colour = (number, 0, 200) if label == "blue" else (200, number, 0)
        Image.new("RGB", (8, 8), colour).save(tmp_path / f"{number}.png")
        split = "test" if number < 20 else "dev"
        examples.append({"id": str(number), "image": f"{number}.png", "label": label, "split": split})
    (tmp_path / "data.jsonl").write_text("\n".join(map(json.dumps, examples)))
    (tmp_path / "merits.yaml").write_text(
        """
name: colours
kind: image-classification
data: data.jsonl
input: image
target: label
id: id
split: {method: given, column: split}
candidates:
  - {name: pixels, kind: sklearn, estimator: sklearn.linear_model.LogisticRegression}
"""
    )
    task = load_task(tmp_path / "merits.yaml")
    flow.run(task)
    made = release(task, candidate="pixels", live=live)
    assert made.verified is not None
    assert made.verified.text == "20 of 20 answers are those that were judged"
    Image.new("RGB", (8, 8), (210, 3, 1)).save(tmp_path / "new.png")
    assert answers(made, str(tmp_path / "new.png")) == ["red"]


def test_after_a_race_it_is_promised_on_what_it_was_asked(home: Path, live: MemoryLive) -> None:
    """Of 80 test examples, the loser of a race was asked some only."""
    task = load_task(home / "merits.yaml")
    report = flow.run(task, race=Racing(at_once=8))
    asked = {one.candidate: one.n_scored + one.n_failed + one.n_unscored for one in report.decision.standings}
    loser = min(asked, key=lambda name: asked[name])
    assert asked[loser] < 80
    made = release(task, candidate=loser, live=live, verify=0, activate=False)
    assert made.release.n_examples == asked[loser]
