"""Fine-tuning language models that are made here: they learn what to write, all of it or by an adapter."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from merits.candidates.causal_model import CausalModel
from merits.candidates.memory import weights_of
from merits.candidates.registry import LoadContext, load
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import Trainable
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.task import Example
from merits.media.weights import model_folder
from tests.candidates.test_fine_tuned import asked
from tests.candidates.test_hugging_face import TEMPLATE, made

torch = pytest.importorskip("torch", reason="needs the extra transformers")
pytest.importorskip("accelerate", reason="needs the extra transformers")
pytest.importorskip("peft", reason="needs the extra lora")

FULL: dict[str, JSON] = {"epochs": 12, "learning_rate": 1e-2, "batch_size": 8, "patience": 12}
LORA: dict[str, JSON] = {**FULL, "learning_rate": 1e-2, "lora": {"rank": 8}}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("chat"), TEMPLATE)


def letters(n: int, seed: int = 0) -> list[Example]:
    """Which letter stands at the end, twice."""
    random = np.random.default_rng(seed)
    words = ["".join(random.choice([*"abc"], size=4)) for _ in range(n)]
    return [Example(f"{seed}-{n}", word, word[-1] * 2) for n, word in enumerate(words)]


TEST = letters(30, seed=7)


def taught(
    path: Path,
    folder: Path,
    train: JSON,
    *,
    kind: str = "generation",
    classes: tuple[str, ...] = (),
    note: Callable[[str], None] = lambda text: None,
    examples: list[Example] | None = None,
    **params: JSON,
) -> Trainable:
    context = LoadContext(folder=folder, task_kind=kind, classes=classes, env={}, note=note)
    recipe = {"path": str(path), "train": train, "max_tokens": 6, **params}
    model = load(Candidate(name="mine", kind="transformers", params=recipe), context)
    assert isinstance(model, Trainable)
    model.fit(examples or letters(80))
    return model


def told(answers: list[Answer]) -> list[tuple[JSON, float | None]]:
    return [(answer.output, answer.confidence) for answer in answers]


def right(answers: list[Answer]) -> float:
    return float(np.mean([answer.output == example.target for answer, example in zip(answers, TEST, strict=True)]))


@pytest.mark.parametrize(("named", "train"), [("plain", FULL), ("chat", FULL), ("chat", LORA)])
def test_it_learns_what_to_write_and_where_to_end(
    named: str, train: JSON, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """And what it learned outlives that its memory was needed."""
    model = taught(request.getfixturevalue(named), tmp_path, train)
    answers = asked(model, [example.input for example in TEST])
    assert right(answers) > 0.8
    assert {answer.finish_reason for answer in answers} == {""}  # none had to be cut off
    weights = weights_of(model)
    assert weights is not None
    weights.free()
    assert told(asked(model, [example.input for example in TEST])) == told(answers)


def test_labels_have_probabilities_as_ever(chat: Path, tmp_path: Path) -> None:
    """A classification by a model that was fine-tuned; what it says to nothing is no habit any more."""
    examples = [Example(e.id, e.input, "AB"["a" in str(e.input)]) for e in letters(60)]
    model = taught(chat, tmp_path, FULL, kind="classification", classes=("A", "B"), examples=examples)
    answers = asked(model, [example.input for example in TEST])
    known = np.mean([a.output == "AB"["a" in str(e.input)] for a, e in zip(answers, TEST, strict=True)])
    assert known > 0.8
    assert all(sum((answer.probabilities or {}).values()) == pytest.approx(1) for answer in answers)


def test_only_what_follows_the_prompt_is_learned(chat: Path) -> None:
    """The tokens of a pair are those that are asked and said, with the end that the chat template has."""
    model = CausalModel(model_folder(str(chat), LoadContext(env={})), device="cpu", dtype="float32", threads=1)
    messages: list[dict[str, JSON]] = [{"role": "user", "content": "abc"}]
    text = model.templated(messages)
    pair = model.pair(text, model.templated_answer(messages, text, "cc"))
    assert text == "user: abc\nassistant:"
    assert model.text_of(pair.prompt) == text
    assert (model.text_of(pair.answer), pair.answer[-1] in model.ends) == ("cc", True)
    system: list[dict[str, JSON]] = [{"role": "system", "content": "be brief"}, *messages]
    text = model.templated(system)  # this template knows none: it stands before the question
    assert model.templated_answer(system, text, "cc") == "cc"


def test_a_training_that_is_killed_goes_on_to_the_very_same_model(chat: Path, tmp_path: Path) -> None:
    """kill -9 after the third epoch: the adapter, its momenta and the order are what they would have been."""
    train = {**LORA, "epochs": 5, "lora": {"rank": 2}}
    whole = told(asked(taught(chat, tmp_path / "whole", train), [example.input for example in TEST]))
    process = multiprocessing.get_context("spawn" if torch.cuda.is_available() else "fork").Process(
        target=taught, args=(chat, tmp_path / "killed", train), kwargs={"note": _die_in_the_fourth}
    )
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    notes: list[str] = []
    again = taught(chat, tmp_path / "killed", train, note=notes.append)
    assert whole == told(asked(again, [example.input for example in TEST]))
    assert notes[0] == "mine: training goes on after epoch 3 of 5"


def _die_in_the_fourth(note: str) -> None:
    if "epoch 4" in note:
        os.kill(os.getpid(), signal.SIGKILL)


def test_two_processes_come_to_what_one_comes_to(plain: Path, tmp_path: Path) -> None:
    """Answers of several lengths: each token weighs the same, wherever it is computed."""
    words = ["".join(letters) for letters in itertools.product("abc", repeat=4)][:44]  # of which 40 are learned
    examples = [Example(word, word, word[-1] * (1 + n % 3)) for n, word in enumerate(words)]
    train = {**LORA, "epochs": 2}
    one = taught(plain, tmp_path / "one", train, examples=examples)
    two = taught(plain, tmp_path / "two", {**train, "processes": 2}, examples=examples)
    mine, theirs = (asked(model, [example.input for example in TEST]) for model in (one, two))
    assert [answer.confidence for answer in mine] == pytest.approx([a.confidence for a in theirs], abs=1e-3)


def test_examples_that_are_too_long_are_left_out_and_said(plain: Path, tmp_path: Path) -> None:
    notes: list[str] = []
    examples = [*letters(20), Example("long", "a" * 300, "aa")]
    taught(plain, tmp_path, {**FULL, "epochs": 1}, note=notes.append, examples=examples)
    assert "mine: 1 of 21 examples are too long to learn from" in notes
    with pytest.raises(CandidateError, match="none of 1 examples with a target is short enough"):
        taught(plain, tmp_path, FULL, examples=examples[-1:])
