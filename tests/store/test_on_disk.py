"""Many answers stay on disk; what is said of few holds of them."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from merits.core.answer import Answer, Usage
from merits.core.doors import AnswerKey, Refreshed, Store, StoredAnswer
from merits.core.identity import content_hash
from merits.store import open_store, sqlite
from merits.store.on_disk import AnswersOnDisk
from merits.testing.contracts.store import StoreContract, stored


@pytest.fixture(autouse=True)
def _few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "LARGE", 0)
    monkeypatch.setattr(sqlite, "_FEW_KEYS", 0)


class TestAnswersOnDisk(StoreContract):
    """The contract, where no answer is held in memory."""

    def make_store(self, folder: Path) -> Store:
        """A store in a folder that is not there yet."""
        return open_store(folder / "new" / "store.sqlite")

    def reopen(self, folder: Path) -> Store:
        """The same file, by a reader."""
        return open_store(folder / "new" / "store.sqlite", write=False)


def test_they_are_a_mapping_like_any_other() -> None:
    """Whoever resumes a run must not see where the answers are."""
    store = open_store(":memory:")
    keys = [
        *(AnswerKey(content_hash(n)) for n in range(40)),
        *(AnswerKey(content_hash(n), 1, "typos") for n in range(40)),
        AnswerKey("an id"),
    ]
    store.add([stored(key, str(n)) for n, key in enumerate(keys)])
    store.add([stored(keys[3], "again"), stored("another", "x", version="v2")])
    found = store.answers("v1")
    assert isinstance(found, AnswersOnDisk)
    assert len(found) == len(keys) == len(list(found))
    assert {key: answer.output for key, answer in found.items()} == {key: str(n) for n, key in enumerate(keys)}
    assert keys[7] in found
    assert AnswerKey(keys[7].input_hash, 2) not in found
    assert found.get(AnswerKey("another")) is None
    some = store.answers("v1", keys[2:5])
    assert list(some) == [keys[2], keys[4], keys[3]]
    store.close()


def test_keys_that_look_alike_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are looked for by 8 bytes, which two keys may share: none gets the other's answer."""
    monkeypatch.setattr("merits.store.on_disk._code", lambda input, repeat, perturbation: b"the same")
    store = open_store(":memory:")
    store.add([stored("k", "yes")])
    assert AnswerKey("l") not in store.answers("v1")
    store.add([stored("l", "no"), Refreshed("v1", AnswerKey("m"), 1.0)])
    found = store.answers("v1", [AnswerKey("k"), AnswerKey("m")])
    assert {key.input_hash: answer.output for key, answer in found.items()} == {"k": "yes"}
    store.close()


def test_what_is_in_memory_does_not_depend_on_how_long_they_are() -> None:
    """A run of a million examples is resumed in the memory of its first time."""
    store = open_store(":memory:")
    n = 20_000
    keys = [AnswerKey(content_hash(number)) for number in range(n)]
    answer = Answer("word " * 100, usage=Usage(input_tokens=7, output_tokens=100))
    store.add([StoredAnswer("v1", key, answer, 0.0) for key in keys])
    store.answers("v1")
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    found = store.answers("v1", keys)
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert found[keys[-1]] == answer
    assert held / n < 40
    store.close()
