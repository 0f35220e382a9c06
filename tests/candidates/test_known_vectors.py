"""What was computed before makes an answer of a trial quick to have, and not a bit quicker in what it reports."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from merits.candidates import feature_store
from merits.candidates.batcher import Batcher
from merits.candidates.feature_store import FeatureStore
from merits.candidates.known_vectors import KnownVectors, Remembered, remembered_of
from merits.candidates.registry import LoadContext, load
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.identity import JSON
from tests.candidates.drawn import tiny_eyes
from tests.candidates.test_image_backbone import examples_of
from tests.media.painting import painted

SLOW_S = 0.05
TEXTS = ("a", "bb", "ccc")


class Slow:
    """An extractor that takes its time, and counts."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / ".merits" / "features.sqlite"
        self.computed: list[str] = []

    def vectors(self, things: Sequence[str]) -> NDArray[np.float32]:
        self.computed += things
        time.sleep(SLOW_S * len(things))
        return np.array([[len(thing)] for thing in things], np.float32)

    def known(self, *, trial: bool = True, together: int = 1) -> KnownVectors[str]:
        """As another process would have it: what is in memory is gone."""
        store = Remembered(FeatureStore(self.file, "slow"))
        return KnownVectors(store, str, self.vectors, self.vectors, together=together, trial=trial)


def asked(known: KnownVectors[str], texts: Sequence[str], batch_size: int = 1) -> tuple[list[Answer], float]:
    """The answers, and the seconds that they really took."""

    def answer(inputs: Sequence[JSON]) -> list[Answer]:
        return [Answer(float(row[0])) for row in known([str(each) for each in inputs], False)]

    async def all_at_once() -> list[Answer]:
        model = Batcher(answer, batch_size=batch_size, fingerprint="slow", timeout_s=10)
        found = list(await asyncio.gather(*map(model.answer, texts)))
        await model.close()
        return found

    start = time.perf_counter()
    answers = asyncio.run(all_at_once())
    known.close()
    return answers, time.perf_counter() - start


def test_an_answer_of_what_is_known_takes_the_seconds_that_it_took(tmp_path: Path) -> None:
    """In what it reports: the first answers are measured, the others say the same, of another process too."""
    slow = Slow(tmp_path)
    first, first_s = asked(slow.known(), TEXTS)
    again, again_s = asked(slow.known(), TEXTS)
    assert slow.computed == list(TEXTS)
    assert first_s >= SLOW_S * len(TEXTS) > again_s
    assert [answer.output for answer in again] == [answer.output for answer in first] == [1.0, 2.0, 3.0]
    for before, after in zip(first, again, strict=True):
        assert after.latency_s >= SLOW_S
        assert after.latency_s == pytest.approx(before.latency_s, abs=SLOW_S / 5)
        assert after.usage.machine_s == pytest.approx(before.usage.machine_s, abs=SLOW_S / 5)


def test_a_batch_takes_what_its_members_took(tmp_path: Path) -> None:
    """Whoever waits for a batch waits for all of it, and the machine is shared by its members: as when it is live."""
    slow = Slow(tmp_path)
    first, _ = asked(slow.known(together=3), TEXTS, batch_size=3)
    again, _ = asked(slow.known(together=3), TEXTS, batch_size=3)
    assert slow.computed == list(TEXTS)
    for answers in (first, again):
        assert all(answer.latency_s >= 3 * SLOW_S for answer in answers)
        assert all(SLOW_S <= answer.usage.machine_s < 2 * SLOW_S for answer in answers)


def test_what_was_learned_from_is_computed_for_an_answer_before_it_is_known_what_that_takes(tmp_path: Path) -> None:
    """Training computes on all cores and in company, so that its seconds are no answer's."""
    slow = Slow(tmp_path)
    known = slow.known()
    known(TEXTS, True)
    known(TEXTS, True)
    assert slow.computed == list(TEXTS)
    asked(known, TEXTS)
    asked(known, TEXTS)
    assert slow.computed == [*TEXTS, *TEXTS]


def test_outside_a_trial_answers_are_computed(tmp_path: Path) -> None:
    slow = Slow(tmp_path)
    asked(slow.known(), TEXTS)
    for _ in range(2):
        answers, took = asked(slow.known(trial=False), TEXTS)
        assert took >= sum(answer.latency_s for answer in answers) >= SLOW_S * len(TEXTS)
    assert slow.computed == 3 * list(TEXTS)


def test_seconds_of_other_company_and_of_another_machine_say_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(tmp_path)
    asked(slow.known(), TEXTS)
    asked(slow.known(together=8), TEXTS)
    assert len(slow.computed) == 6
    monkeypatch.setattr(feature_store, "_machine", lambda: "another one")
    asked(slow.known(), TEXTS)
    assert len(slow.computed) == 9


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100, None])
def test_a_store_that_cannot_be_read_is_as_good_as_empty(tmp_path: Path, content: bytes | None) -> None:
    """Only time is lost, within a process not even that."""
    slow = Slow(tmp_path)
    if content is None:  # a file where the folder should be
        slow.file.parent.write_bytes(b"")
    else:
        slow.file.parent.mkdir()
        slow.file.write_bytes(content)
    known = slow.known()
    known(TEXTS, True)
    asked(known, TEXTS)
    answers, _ = asked(known, TEXTS)
    assert [answer.output for answer in answers] == [1.0, 2.0, 3.0]
    assert all(answer.latency_s >= SLOW_S for answer in answers)
    assert slow.computed == [*TEXTS, *TEXTS]


def test_pictures_of_a_trial_are_decoded_and_computed_once_for_all_heads(tmp_path: Path) -> None:
    """And what that takes is in the answers of each head."""
    pytest.importorskip("transformers")
    eyes = tiny_eyes(tmp_path / "tiny")
    names = painted(tmp_path, 6)
    said: list[list[Answer]] = []
    for trial, strength in ((True, 1.0), (True, 1.0), (True, 0.1), (False, 1.0)):
        params: dict[str, JSON] = {"model": str(eyes), "strength": strength}
        context = LoadContext(folder=tmp_path, task_kind="image-classification", env={}, trial=trial)
        seer: Any = load(Candidate(name="seer", kind="image-backbone-linear", params=params), context)
        seer.fit(examples_of(names))
        classifier = seer._batcher._answer_batch.__self__
        computed: list[int] = []
        features = classifier._network.features
        classifier._network.features = lambda pictures, own=features, seen=computed: (
            seen.append(len(pictures)) or own(pictures)
        )
        said.append(asyncio.run(_all(seer, names)))
        assert sum(computed) == (0 if len(said) in (2, 3) else len(names))
    known = remembered_of(LoadContext(folder=tmp_path, env={}), classifier._network.fingerprint)
    hashes = known.vectors(known._vectors)
    assert len(hashes) == len(names)
    took = {**known.seconds("decoded", hashes)}
    computing = known.seconds("16 at a time", hashes)
    assert set(took) == set(computing) == set(hashes)
    least = min(took.values()) + min(computing.values())
    assert all(answer.usage.machine_s >= least for answers in said[:3] for answer in answers)
    assert [answer.output for answer in said[1]] == [answer.output for answer in said[0]]
    live, cached = [answer.probabilities for answer in said[3]], [answer.probabilities for answer in said[1]]
    assert [one["red"] for one in cached if one] == pytest.approx([one["red"] for one in live if one], abs=1e-5)


async def _all(model: Any, names: Sequence[str]) -> list[Answer]:
    found = list(await asyncio.gather(*map(model.answer, names)))
    await model.close()
    return found
