"""Fine-tuning a translator that is made here: it learns to say something else, all of it or by an adapter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from merits.candidates.registry import LoadContext, load
from merits.core.candidate import Candidate
from merits.core.doors import Trainable
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.task import Example
from tests.candidates import tiny_translators
from tests.candidates.test_fine_tuned import asked
from tests.candidates.tiny_translators import ENGLISH, FRENCH, SPANISH

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("sentencepiece")
pytest.importorskip("accelerate", reason="needs the extra transformers")
pytest.importorskip("peft", reason="needs the extra lora")

OTHERS = [*SPANISH[1:], SPANISH[0]]  # what it is to say from now on
FULL: dict[str, JSON] = {"epochs": 50, "learning_rate": 1e-2, "batch_size": 8, "patience": 50, "held_out": 0.01}
LORA: dict[str, JSON] = {**FULL, "epochs": 100, "lora": {"rank": 16, "alpha": 64}}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("translators")
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    tiny_translators.marian(folder / "marian")
    tiny_translators.nllb(folder / "nllb")
    torch.set_rng_state(state)
    yield folder
    torch.set_num_threads(threads)


def examples(answers: list[str], times: int = 4) -> list[Example]:
    pairs = zip(ENGLISH * times, answers * times, strict=True)
    return [Example(str(n), text, answer) for n, (text, answer) in enumerate(pairs)]


def taught(
    models: Path,
    folder: Path,
    train: JSON,
    answers: list[str],
    *,
    note: Callable[[str], None] = lambda text: None,
    path: str = "marian",
    **params: JSON,
) -> Trainable:
    context = LoadContext(folder=folder, task_kind="translation", env={}, note=note)
    recipe = {"path": str(models / path), "train": train, "max_tokens": 12, "beams": 1, **params}
    model = load(Candidate(name="mine", kind="seq2seq", params=recipe), context)
    assert isinstance(model, Trainable)
    model.fit(examples(answers))
    return model


def said(model: Trainable) -> list[JSON]:
    return [answer.output for answer in asked(model, ENGLISH)]


@pytest.mark.parametrize("train", [FULL, LORA])
def test_it_learns_to_say_something_else(models: Path, tmp_path: Path, train: JSON) -> None:
    assert said(taught(models, tmp_path, train, OTHERS)) == OTHERS


def test_what_was_learned_is_not_learned_again(models: Path, tmp_path: Path) -> None:
    """Nor is it there for another training, or in the folder of the model."""
    notes: list[str] = []
    first = said(taught(models, tmp_path, FULL, OTHERS, note=notes.append))
    n_epochs = len(notes)
    assert said(taught(models, tmp_path, FULL, OTHERS, note=notes.append)) == first
    assert len(notes) == n_epochs
    assert said(taught(models, tmp_path, {**FULL, "epochs": 1, "learning_rate": 1e-9}, OTHERS)) == SPANISH


def test_several_languages_are_learned_by_their_tokens(models: Path, tmp_path: Path) -> None:
    """The answers stand behind the token of the target, as the model writes them."""
    others = [*FRENCH[1:], FRENCH[0]]
    languages: dict[str, JSON] = {"source": "eng_Latn", "target": "fra_Latn"}
    assert said(taught(models, tmp_path, FULL, others, path="nllb", **languages)) == others


def test_two_processes_learn_the_same(models: Path, tmp_path: Path) -> None:
    assert said(taught(models, tmp_path, {**FULL, "processes": 2}, OTHERS)) == OTHERS


def test_examples_that_are_too_long_are_left_out_and_counted(models: Path, tmp_path: Path) -> None:
    notes: list[str] = []
    context = LoadContext(folder=tmp_path, task_kind="translation", env={}, note=notes.append)
    recipe: dict[str, JSON] = {"path": str(models / "marian"), "train": {**FULL, "epochs": 1}}
    model = load(Candidate(name="mine", kind="seq2seq", params=recipe), context)
    assert isinstance(model, Trainable)
    long = Example("long", "cat " * 100, "gracias")
    model.fit([*examples(SPANISH), long])
    assert "mine: 1 of 17 examples are too long to learn from" in notes
    with pytest.raises(CandidateError, match="none of 1 examples with a target is short enough to learn from"):
        model.fit([long])
