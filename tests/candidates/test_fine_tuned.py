"""Fine-tuning a tiny encoder that is made here: it learns, it is the same again, and a killed training goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from merits.candidates import tuning
from merits.candidates.memory import weights_of
from merits.candidates.registry import LoadContext, load
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import Trainable
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.task import Example
from tests.candidates.tiny_encoders import tiny_encoder

torch = pytest.importorskip("torch", reason="needs the extra transformers")
transformers = pytest.importorskip("transformers", reason="needs the extra transformers")

WORDS = ["good", "fine", "nice", "bad", "poor", "sad", "the", "film", "is", "was", "it", "book", "day", "very"]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder(tmp_path_factory.mktemp("encoder"), WORDS)


def sentences(n: int, seed: int = 0) -> list[Example]:
    """The label is that of the one word that says how it was."""
    random = np.random.default_rng(seed)
    examples = []
    for number in range(n):
        good = bool(random.integers(2))
        said = WORDS[int(random.integers(3)) + (0 if good else 3)]
        rest = " ".join(WORDS[6 + int(at)] for at in random.integers(8, size=5))
        examples.append(Example(f"{seed}-{number}", f"{rest} {said}", "pos" if good else "neg"))
    return examples


def trained(encoder: Path, folder: Path, examples: list[Example], seed: int = 0, **params: JSON) -> Trainable:
    params = {"path": str(encoder), "epochs": 3, "learning_rate": 3e-3, "head_learning_rate": 3e-2, **params}
    context = LoadContext(folder=folder, task_kind="classification", classes=("neg", "pos"), env={}, seed=seed)
    model = load(Candidate(name="mine", kind="transformer-finetune", params=params), context)
    assert isinstance(model, Trainable)
    model.fit(examples)
    return model


def asked(model: Trainable, inputs: list[JSON]) -> list[Answer]:
    async def all_at_once() -> list[Answer]:
        return list(await asyncio.gather(*map(model.answer, inputs)))

    return asyncio.run(all_at_once())


TEST = sentences(40, seed=9)


def shares(model: Trainable) -> list[float]:
    return [(answer.probabilities or {})["pos"] for answer in asked(model, [example.input for example in TEST])]


def test_it_learns_what_a_word_means(encoder: Path, tmp_path: Path) -> None:
    model = trained(encoder, tmp_path, sentences(160), epochs=8)
    answers = asked(model, [example.input for example in TEST])
    assert np.mean([a.output == e.target for a, e in zip(answers, TEST, strict=True)]) > 0.9
    assert all(sum((answer.probabilities or {}).values()) == pytest.approx(1) for answer in answers)


def test_a_killed_training_goes_on_to_the_very_same_network(
    encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit for bit: weights, momenta, schedule and the order of the examples are what they would have been."""
    examples = sentences(60)
    whole = shares(trained(encoder, tmp_path / "whole", examples, patience=9))
    steps: list[int] = []
    step = tuning._step

    def killed(*arguments: Any) -> None:
        steps.append(1)
        if len(steps) > 6:  # in the second of three epochs
            raise KeyboardInterrupt
        step(*arguments)

    monkeypatch.setattr(tuning, "_step", killed)
    with pytest.raises(KeyboardInterrupt):
        trained(encoder, tmp_path / "killed", examples, patience=9)
    steps.clear()
    monkeypatch.setattr(tuning, "_step", lambda *arguments: (steps.append(1), step(*arguments)))
    assert whole == shares(trained(encoder, tmp_path / "killed", examples, patience=9))
    assert len(steps) == 8  # two epochs of four steps, not three
    steps.clear()
    assert whole == shares(trained(encoder, tmp_path / "killed", examples, patience=9))
    assert not steps  # trained already


def test_another_seed_or_other_examples_are_another_network(encoder: Path, tmp_path: Path) -> None:
    first = shares(trained(encoder, tmp_path, sentences(40), epochs=1))
    assert first != shares(trained(encoder, tmp_path, sentences(40), epochs=1, seed=1))
    assert first != shares(trained(encoder, tmp_path, sentences(41), epochs=1))


def test_the_epoch_that_is_best_on_what_is_held_out_is_kept(
    encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And training stops when no better one came for a while."""
    losses = iter([0.5, 0.4, 0.6, 0.7, 0.1])
    monkeypatch.setattr(tuning, "_loss", lambda *arguments: next(losses))
    stopped = shares(trained(encoder, tmp_path, sentences(40), epochs=9, warmup=0.0, checkpoints=False))
    assert next(losses) == 0.1
    losses = iter([0.5, 0.4, 0.6, 0.7, 0.1])
    twice = shares(trained(encoder, tmp_path, sentences(40), epochs=9, warmup=0.0, patience=2))
    assert stopped == twice


def test_one_class_teaches_nothing(encoder: Path, tmp_path: Path) -> None:
    with pytest.raises(CandidateError, match="two classes"):
        trained(encoder, tmp_path, [Example("1", "good", "pos")])


def test_what_was_learned_outlives_that_its_memory_was_needed(encoder: Path, tmp_path: Path) -> None:
    model = trained(encoder, tmp_path, sentences(60), epochs=1)
    before, weights = shares(model), weights_of(model)
    assert weights is not None
    for _ in range(2):
        weights.free()
        assert shares(model) == before
    weights.free()
    weights.read()
    assert shares(model) == before
    asyncio.run(model.close())
    with pytest.raises(RuntimeError, match="asked before it was fitted"):
        asked(model, ["the film is good"])
