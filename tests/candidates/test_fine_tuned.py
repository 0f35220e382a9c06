"""Fine-tuning a tiny encoder that is made here: it learns, it is the same again, and a killed training goes on."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from merits.candidates.cnn.held_out import held_out
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
    drawn = np.random.default_rng(seed)
    examples = []
    for number in range(n):
        good = bool(drawn.integers(2))
        said = WORDS[int(drawn.integers(3)) + (0 if good else 3)]
        rest = " ".join(WORDS[6 + int(at)] for at in drawn.integers(8, size=5))
        examples.append(Example(f"{seed}-{number}", f"{rest} {said}", "pos" if good else "neg"))
    return examples


def trained(
    encoder: Path,
    folder: Path,
    examples: list[Example],
    seed: int = 0,
    note: Callable[[str], None] = lambda text: None,
    **params: JSON,
) -> Trainable:
    params = {"path": str(encoder), "epochs": 3, "learning_rate": 3e-3, "head_learning_rate": 3e-2, **params}
    context = LoadContext(folder=folder, classes=("neg", "pos"), env={}, seed=seed, note=note)
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


@pytest.mark.parametrize("lora", [None, {"rank": 2, "dropout": 0.1}], ids=["full", "lora"])
def test_a_training_that_is_killed_goes_on_to_the_very_same_network(
    encoder: Path, tmp_path: Path, lora: JSON, capfd: pytest.CaptureFixture[str]
) -> None:
    """kill -9 in the third epoch of four. Bit for bit: weights, momenta, schedule and the order of the examples."""
    examples, params = sentences(60), {"epochs": 4, "patience": 9, "lora": lora}
    whole = shares(trained(encoder, tmp_path / "whole", examples, **params))
    process = multiprocessing.get_context("spawn" if torch.cuda.is_available() else "fork").Process(
        target=trained, args=(encoder, tmp_path / "killed", examples), kwargs={**params, "note": _die_in_the_third}
    )
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    notes: list[str] = []
    assert whole == shares(trained(encoder, tmp_path / "killed", examples, **params, note=notes.append))
    assert notes[0] == "mine: training goes on after epoch 2 of 4"
    assert [note[:18] for note in notes[1:]] == ["mine: epoch 3 of 4", "mine: epoch 4 of 4"]
    notes.clear()
    assert whole == shares(trained(encoder, tmp_path / "killed", examples, **params, note=notes.append))
    assert not notes  # learned before
    assert len(list((tmp_path / "killed").glob(".merits/checkpoints/*"))) == 1  # what the training kept is gone
    assert capfd.readouterr() == ("", "")


def _die_in_the_third(note: str) -> None:
    if "epoch 3" in note:
        os.kill(os.getpid(), signal.SIGKILL)


def test_another_seed_or_other_examples_are_another_network(encoder: Path, tmp_path: Path) -> None:
    first = shares(trained(encoder, tmp_path, sentences(40), epochs=1))
    assert first != shares(trained(encoder, tmp_path, sentences(40), epochs=1, seed=1))
    assert first != shares(trained(encoder, tmp_path, sentences(41), epochs=1))


def test_the_epoch_that_is_best_on_what_is_held_out_is_kept(encoder: Path, tmp_path: Path) -> None:
    """And training stops when no better one came for a while; a rate this high soon makes it worse."""
    examples, notes = sentences(40), list[str]()
    params = {"epochs": 30, "warmup": 0.0, "patience": 2, "learning_rate": 0.3, "head_learning_rate": 3.0}
    model = trained(encoder, tmp_path, examples, checkpoints=False, note=notes.append, **params)
    losses = [float(note.rpartition(" ")[2]) for note in notes]
    best = int(np.argmin(losses))
    assert len(losses) == best + 3 < 30
    apart = held_out(examples, 0.1, seed=0)
    asleep = [example for example, out in zip(examples, apart, strict=True) if out]
    answers = asked(model, [example.input for example in asleep])
    told = [(answer.probabilities or {})[str(e.target)] for answer, e in zip(answers, asleep, strict=True)]
    assert -np.mean(np.log(told)) == pytest.approx(losses[best], abs=1e-3)


def test_an_adapter_learns_and_is_all_that_is_kept(encoder: Path, tmp_path: Path) -> None:
    """The encoder's own numbers stay; the adapter is merged, so that the network has as many as before."""
    full = trained(encoder, tmp_path / "full", sentences(160), epochs=1)
    lora = trained(encoder, tmp_path / "lora", sentences(160), epochs=8, lora={"rank": 4}, learning_rate=2e-2)
    answers = asked(lora, [example.input for example in TEST])
    assert np.mean([a.output == e.target for a, e in zip(answers, TEST, strict=True)]) > 0.9
    sizes = [next((tmp_path / name).glob(".merits/checkpoints/*")).stat().st_size for name in ("full", "lora")]
    kept = torch.load(next((tmp_path / "lora").glob(".merits/checkpoints/*")), weights_only=True)["trained"]
    assert all("lora_" in name or name.startswith("head.") for name in kept)
    assert sizes[1] < sizes[0]
    assert getattr(lora, "size_bytes", None) == getattr(full, "size_bytes", 0)


def test_targets_that_no_layer_has_are_told_with_those_that_there_are(encoder: Path, tmp_path: Path) -> None:
    with pytest.raises(CandidateError, match="Its linear layers are called dense, key, query, value"):
        trained(encoder, tmp_path, sentences(20), lora={"targets": ["q_proj"]})


def test_training_leaves_the_process_as_it_was(encoder: Path, tmp_path: Path) -> None:
    """Nobody else's draws, environment or messages are changed by it."""
    before = (torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate(), dict(os.environ))  # type: ignore[index, union-attr]
    trained(encoder, tmp_path, sentences(20), epochs=1)
    after = (torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate(), dict(os.environ))  # type: ignore[index, union-attr]
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]


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
