"""A picture or a sound is what is in it, however it is called: its answers are kept under its content."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from merits.candidates.registry import LoadContext, load
from merits.core.candidate import Candidate
from merits.core.errors import DataError
from merits.core.on_demand import OnDemand
from merits.core.task import Task
from merits.evaluating import evaluate
from merits.store import open_store
from merits.tasks import on_disk as tasks_on_disk
from merits.tasks.file import load_task
from merits.testing.provider import FakeProvider
from tests.candidates.asking import tone

PNG = b"\x89PNG\r\n\x1a\n"
TASK = """
name: pictures
kind: generation
data: data/cases.csv
input: picture
target: seen
split: {method: given, column: split}
"""


def pictures(folder: Path, names: list[str]) -> Task:
    """The task of these pictures as they are now."""
    (folder / "data").mkdir(exist_ok=True)
    rows = "".join(f"{name},a dot,test\n" for name in names)
    (folder / "data" / "cases.csv").write_text(f"picture,seen,split\n{rows}", "utf-8")
    (folder / "merits.yaml").write_text(TASK, "utf-8")
    return load_task(folder / "merits.yaml")


def paint(folder: Path, name: str, content: bytes) -> None:
    """A file that is called a picture."""
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / name).write_bytes(PNG + content)


@pytest.fixture
def run(tmp_path: Path) -> Callable[[list[str], FakeProvider], int]:
    """Evaluates the pictures and says how many were asked in all."""

    def once(names: list[str], provider: FakeProvider) -> int:
        candidate = Candidate(name="seer", kind="chat", params={"model": "m", "base_url": provider.base_url})
        with closing(open_store(tmp_path / "store.sqlite")) as store:
            asyncio.run(evaluate(pictures(tmp_path, names), [candidate], store=store, env={}))
        return len(provider.requests)

    return once


def test_a_picture_that_changed_under_its_name_is_asked_anew(
    tmp_path: Path, run: Callable[[list[str], FakeProvider], int]
) -> None:
    """Also where its size and its time of modification stayed; the others are taken from the store."""
    paint(tmp_path, "a.png", b"one")
    paint(tmp_path, "b.png", b"two")
    with FakeProvider() as provider:
        assert run(["a.png", "b.png"], provider) == 2
        before = (tmp_path / "data" / "a.png").stat()
        paint(tmp_path, "a.png", b"won")
        os.utime(tmp_path / "data" / "a.png", ns=(before.st_atime_ns, before.st_mtime_ns))
        assert run(["a.png", "b.png"], provider) == 3


def test_a_picture_that_was_renamed_is_not_paid_again(
    tmp_path: Path, run: Callable[[list[str], FakeProvider], int]
) -> None:
    """And the same picture under two names is asked once."""
    paint(tmp_path, "a.png", b"one")
    with FakeProvider() as provider:
        assert run(["a.png"], provider) == 1
        paint(tmp_path, "copy.png", b"one")
        (tmp_path / "data" / "a.png").rename(tmp_path / "data" / "z.png")
        assert run(["z.png", "copy.png"], provider) == 1


def test_a_file_in_a_column_counts_with_the_other_columns(tmp_path: Path) -> None:
    """The question beside a picture still tells inputs apart, and a name without a file is a text."""
    paint(tmp_path, "a.png", b"one")
    pictures(tmp_path, ["a.png"])
    rows = "picture,question,seen,split\na.png,What?,x,test\na.png,Where?,x,test\ngone.png,What?,x,test\n"
    (tmp_path / "data" / "cases.csv").write_text(rows, "utf-8")
    (tmp_path / "merits.yaml").write_text(TASK.replace("input: picture", "input: [picture, question]"), "utf-8")
    examples = load_task(tmp_path / "merits.yaml").examples
    assert len({example.input_hash for example in examples}) == 3
    assert [sorted(example.files) for example in examples] == [["a.png"], ["a.png"], []]


def test_a_task_with_pictures_that_was_written_as_json_is_the_same_task(tmp_path: Path) -> None:
    """What identifies the files travels with the examples."""
    paint(tmp_path, "a.png", b"one")
    task = pictures(tmp_path, ["a.png"])
    assert msgspec.json.decode(msgspec.json.encode(task), type=Task).id == task.id


def test_examples_on_disk_know_their_pictures_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And say so when one is no longer as it was when the task was read."""
    for name in ("a.png", "b.png"):
        paint(tmp_path, name, name.encode())
    held = pictures(tmp_path, ["a.png", "b.png"])
    monkeypatch.setattr(tasks_on_disk, "LARGE", 1)
    task = load_task(tmp_path / "merits.yaml")
    assert isinstance(task.examples, OnDemand)
    assert task.id == held.id
    assert [example.files for example in task.examples] == [example.files for example in held.examples]
    paint(tmp_path, "b.png", b"another")
    with pytest.raises(DataError, match="changed"):
        task.examples[1]


def test_a_sound_is_sent_without_its_name(tmp_path: Path) -> None:
    """The name may hold the answer, and would be something that is not in the key."""
    tone(tmp_path, "thanks_goodbye.wav")
    candidate = {"model": "m"}
    with FakeProvider(lambda messages: f"heard {messages[0]['content']}") as provider:
        params = {**candidate, "base_url": provider.base_url}
        task = pictures(tmp_path, ["../thanks_goodbye.wav"])
        with closing(open_store(tmp_path / "store.sqlite")) as store:
            evaluation = asyncio.run(
                evaluate(task, [Candidate(name="ear", kind="transcription", params=params)], store=store, env={})
            )
            (answer,) = store.answers(evaluation.versions[0]).values()
    assert answer.output == "heard sound.wav"


def test_a_picture_that_a_recipe_shows_is_part_of_who_answers(tmp_path: Path) -> None:
    """A worked example whose picture changed is another prompt."""
    paint(tmp_path, "shown.png", b"one")
    context = LoadContext(folder=tmp_path, data_folders=(tmp_path / "data",), env={}, task_kind="generation")
    params = {"model": "m", "base_url": "http://h/v1", "examples": [{"input": "shown.png", "output": "a dot"}]}

    def fingerprint() -> str:
        return load(Candidate(name="seer", kind="chat", params=params), context).fingerprint

    first = fingerprint()
    paint(tmp_path, "shown.png", b"two")
    assert fingerprint() != first
