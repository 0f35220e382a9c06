"""What tests of candidates that learn from others share: real sentences, a teacher that is asked, and answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from merits.candidates.meter import Meter
from merits.candidates.registry import LoadContext, load, load_any
from merits.core.answer import Answer, Failure
from merits.core.candidate import Candidate
from merits.core.doors import Model, Pupil, Trainable
from merits.core.identity import JSON
from merits.core.task import Example

__all__ = ["DATA", "accuracy", "answers", "asked", "needs_data", "pupil", "snips", "taught"]

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "labelled"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the real data are not at {DATA}")


def snips(per_class: int, start: int = 0) -> list[Example]:
    """So many sentences of each of Snips' seven intents (validation part, 100 each), from a place on."""
    found = []
    for file in sorted((DATA / "snips").glob("validate_*.json")):
        label = file.stem.removeprefix("validate_")
        rows = json.loads(file.read_text("utf-8"))[label][start : start + per_class]
        for number, row in enumerate(rows, start=start):
            text = " ".join("".join(part["text"] for part in row["data"]).split())
            found.append(Example(f"{label} {number}", text, label, split="dev"))
    return found


def asked(model: Model, inputs: Sequence[JSON]) -> list[Answer]:
    """What a model answers, failures too."""
    meter = Meter(model, timeout_s=20, retries=0)

    async def ask() -> list[Answer]:
        found = list(await asyncio.gather(*(meter.answer(input) for input in inputs)))
        await model.close()
        return found

    return asyncio.run(ask())


def answers(model: Model, inputs: Sequence[JSON]) -> list[Answer]:
    """What a trained model answers; it stays open."""

    async def ask() -> list[Answer]:
        return list(await asyncio.gather(*(model.answer(input) for input in inputs)))

    return asyncio.run(ask())


def pupil(kind: str, parts: Sequence[Candidate], context: LoadContext, **params: JSON) -> Pupil:
    """A candidate of a kind that learns from what its parts say."""
    found = load_any(Candidate(name=kind, kind=kind, params=params, parts=tuple(parts)), context)
    assert isinstance(found, Pupil)
    return found


def taught(
    learner: Pupil, examples: Sequence[Example], say: Callable[[int, Sequence[Example]], Sequence[Answer]]
) -> Model:
    """The pupil after what `say` says for each of its teachers; answers that failed are left out, as in a run."""
    wanted = learner.asks(examples)
    said: dict[int, Mapping[str, Answer]] = {}
    for teacher in learner.teachers:
        told = zip(wanted, say(teacher, wanted), strict=True)
        said[teacher] = {example.input_hash: answer for example, answer in told if answer.failure is None}
    learner.learn(examples, said)
    assert isinstance(learner, Model)
    return learner


def trained(candidate: Candidate, context: LoadContext, examples: Sequence[Example]) -> Model:
    """A candidate that has learned from examples."""
    model = load(candidate, context)
    assert isinstance(model, Trainable)
    model.fit(examples)
    return model


def accuracy(model: Model, examples: Sequence[Example]) -> float:
    """The share of the examples that a model answers rightly."""
    found = answers(model, [example.input for example in examples])
    return sum(a.output == e.target for a, e in zip(found, examples, strict=True)) / len(examples)


FAILED = Answer(failure=Failure("timeout", "took too long"))
