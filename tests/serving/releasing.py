"""Releases for tests: packed by hand, of candidates that have learned."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from merits.candidates.registry import LoadContext, load_any
from merits.core.answer import Answer
from merits.core.candidate import Candidate, Price
from merits.core.doors import Composite, Pupil, Trainable
from merits.core.identity import JSON
from merits.core.needs import Needs
from merits.core.release import Promise, Release
from merits.core.task import Example, ScorerSpec, Settings
from merits.evaluating.taught import Taught
from merits.serving.package import write_release
from merits.serving.packing import packed
from merits.serving.unit import LoadedUnit, Reply, open_unit
from merits.testing.provider import FakeProvider
from merits.testing.serving import ModelUnit

__all__ = ["EXAMPLES", "Endless", "ask", "chat", "read", "released", "unit_of"]

EXAMPLES = tuple(
    Example(str(number), f"{word} number {number}", label, split="dev")
    for number in range(20)
    for word, label in (("good", "positive"), ("bad", "negative"))
)


def chat(name: str, provider: FakeProvider, **params: JSON) -> Candidate:
    """A chat model of a fake provider, at 1 USD for a million tokens of either kind."""
    given: dict[str, JSON] = {"model": "fake", "base_url": provider.base_url, "labels": False, **params}
    price = Price(input_per_million=1.0, output_per_million=1.0)
    return Candidate(name=name, kind="chat", params=given, price=price)


def released(
    folder: Path,
    *line: Candidate,
    kind: str = "classification",
    task_folder: Path = Path(),
    examples: Sequence[Example] = EXAMPLES,
    files: Sequence[str] = (),
    **settings: Any,
) -> Release:
    """A release in a folder: the candidate, then its fallbacks."""
    classes = ("negative", "positive") if kind == "classification" else ()
    context = LoadContext(folder=task_folder, task_kind=kind, classes=classes, env={"OPENAI_API_KEY": "k"})
    learned: list[Taught] = []

    def begin(candidate: Candidate) -> int:
        learned.append(Taught(candidate, candidate.id, load_any(candidate, context)))
        return len(learned) - 1

    def add(candidate: Candidate) -> int:
        return end(begin(candidate))

    def end(number: int) -> int:
        candidate, model = learned[number].candidate, learned[number].model
        parts = tuple(map(add, candidate.parts)) if isinstance(model, Composite) else ()
        taught = isinstance(model, Trainable | Pupil)
        if isinstance(model, Pupil):
            said = {
                n: {
                    e.input_hash: Answer(candidate.parts[n].params.get("output", e.target))
                    for e in model.asks(examples)
                }
                for n in model.teachers
            }
            model.learn(examples, said)
            learned[number] = Taught(candidate, candidate.id, model, parts, examples, said)
            return number
        if isinstance(model, Trainable):
            model.fit(examples)
        learned[number] = Taught(candidate, candidate.id, model, parts, examples if taught else None)
        return number

    for number in [begin(one) for one in line]:  # parts come after all that are asked in turn
        end(number)
    artefacts = packed(folder, learned, context, files=files)
    release = Release(
        task="t" * 32,
        task_name="t",
        version=1,
        kind=kind,
        candidate=line[0],
        candidate_version=line[0].id,
        promise=Promise(metric="label"),
        needs=Needs(),
        scorers=(ScorerSpec("label"),),
        made_at=0.0,
        merits="0",
        classes=classes,
        fallbacks=tuple(line[1:]),
        artefacts=artefacts,
        settings=Settings(**{"retries": 0, "timeout_s": 5.0, **settings}),
    )
    write_release(release, folder)
    return release


async def unit_of(release: Release, folder: Path, **options: Any) -> LoadedUnit:
    """The release, opened with a key."""
    return await open_unit(release, folder, env={"OPENAI_API_KEY": "k"}, **options)


def ask(release: Release, folder: Path, *inputs: JSON, deadline_s: float | None = None) -> list[Reply]:
    """What a release answers to inputs, one after the other."""

    async def run() -> list[Reply]:
        unit = await unit_of(release, folder)
        try:
            return [await unit.answer(input, deadline_s=deadline_s) for input in inputs]
        finally:
            await unit.close()

    return asyncio.run(run())


def read(release: Release, folder: Path, input: JSON, deadline_s: float | None = None) -> tuple[list[str], Reply]:
    """The pieces of a stream, and the reply at its end."""

    async def run() -> tuple[list[str], Reply]:
        unit = await unit_of(release, folder)
        pieces: list[str] = []
        try:
            async for piece in unit.stream(input, deadline_s=deadline_s):
                if isinstance(piece, Reply):
                    return pieces, piece
                pieces.append(piece)
            raise AssertionError("a stream ends with its reply")
        finally:
            await unit.close()

    return asyncio.run(run())


class Endless(ModelUnit):
    """Says the same until it is stopped."""

    async def stream(self, input: JSON, *, deadline_s: float | None = None) -> AsyncIterator[str | Reply]:
        while True:
            yield "again and again " * 1000
            await asyncio.sleep(0.001)
