"""Made-up traffic: a task whose inputs are two columns and a text, and a model that is about as sure as it is right."""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace

from merits import make_task
from merits.core.answer import Answer, Failure
from merits.core.live import Served
from merits.core.reference import Reference
from merits.core.task import Task
from merits.media.seen import embedding_in, seen_of
from merits.monitoring.streams import reference_of
from merits.reading.seen import Lens

CLASSES = ("bad", "good")


def inputs(generator: np.random.Generator, n: int, *, mean: float = 40.0, gold: float = 0.2) -> list[dict[str, object]]:
    """So many inputs: an age, a plan and a number that is sometimes missing."""
    return [
        {
            "age": float(round(age)),
            "plan": "gold" if rich else "basic",
            "orders": None if missing else float(orders),
        }
        for age, rich, orders, missing in zip(
            generator.normal(mean, 10.0, n),
            generator.random(n) < gold,
            generator.geometric(0.3, n),
            generator.random(n) < 0.1,
            strict=True,
        )
    ]


def answers(
    generator: np.random.Generator, n: int, *, failing: float = 0.01, drop: float = 0.0, unsure: float = 0.0
) -> list[tuple[Answer, bool]]:
    """Answers, and whether each is solved: with its confidence as probability, less `drop`."""
    found = []
    for sure, fails, luck, good in zip(
        np.clip(generator.beta(6, 2, n) - unsure, 0.05, 1.0),
        generator.random(n) < failing,
        generator.random(n),
        generator.random(n) < 0.4,
        strict=True,
    ):
        if fails:
            found.append((Answer(failure=Failure("timeout", "too late")), False))
        else:
            output = CLASSES[int(good)]
            found.append(
                (Answer(output, confidence=float(sure), latency_s=float(0.1 + luck / 10)), bool(luck < sure - drop))
            )
    return found


def task_of(generator: np.random.Generator, n: int = 600) -> Task:
    """A task whose test split is n inputs."""
    rows = [
        {**one, "label": CLASSES[i % 2], "split": "test" if i < n else "dev"}
        for i, one in enumerate(inputs(generator, n + 20))
    ]
    return make_task(rows, name="shop", input=["age", "plan", "orders"])


def reference(seed: int = 0, n: int = 600) -> tuple[Task, Reference]:
    """The task, and what its traffic is held against."""
    generator = np.random.default_rng(seed)
    task = task_of(generator, n)
    said = dict(zip((example.id for example in task.split("test")), answers(generator, n), strict=True))
    made = reference_of(
        task,
        {key: answer for key, (answer, _) in said.items()},
        solved={key: solved for key, (answer, solved) in said.items() if answer.failure is None},
        costs=dict.fromkeys(said, 0.001),
    )
    return task, made


def served(
    generator: np.random.Generator,
    n: int,
    lens: Lens,
    *,
    start: int = 0,
    of_inputs: dict[str, float] | None = None,
    slower: float = 1.0,
    dearer: float = 1.0,
    refusing: float = 0.0,
    **of_answers: float,
) -> list[tuple[Served, bool]]:
    """Requests as a gateway writes them, and whether each was solved.

    Answers may take so many times as long, cost so many times as much, or be refused.
    """
    found = []
    refused = np.random.default_rng([start, n]).random(n) < refusing
    made = zip(inputs(generator, n, **(of_inputs or {})), answers(generator, n, **of_answers), strict=True)
    for number, (one, (said, right)) in enumerate(made, start):
        seen = seen_of(one, "classification", lens)  # type: ignore[arg-type]
        answer, solved = replace(said, latency_s=slower * said.latency_s), right
        if refused[number - start] and answer.failure is None:
            answer, solved = replace(answer, output=None, confidence=None, refused=True), False
        record = Served(
            request=f"r{number}",
            task="shop",
            release=1,
            arm="champion",
            at=float(number),
            input_hash="",
            answer=answer,
            cost=0.001 * dearer,
            seen=seen,
            embedding=embedding_in(one, "classification"),  # type: ignore[arg-type]
        )
        found.append((record, solved))
    return found


def labels(some: list[tuple[Served, bool]]) -> list[tuple[Served, bool]]:
    """Each request that was answered, and whether it was solved."""
    return [(one, solved) for one, solved in some if one.answer.failure is None]
