"""Which examples a few-shot candidate is shown is what it is; what else there is to learn from is not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import closing

from merits.core.candidate import Candidate
from merits.core.task import Example, ScorerSpec, Split, Task
from merits.evaluating import evaluate
from merits.store import open_store
from merits.testing.provider import FakeProvider

DEV = [Example(f"d{n}", f"dev {n}", "yes" if n % 2 else "no", split="dev") for n in range(20)]
TEST = [Example(f"t{n}", f"test {n}", "yes" if n % 2 else "no") for n in range(6)]


def task(dev: Sequence[Example]) -> Task:
    """A classification with this to learn from."""
    return Task(
        name="words",
        kind="classification",
        examples=(*dev, *TEST),
        scorers=(ScorerSpec("exact"),),
        classes=("no", "yes"),
    )


def test_only_a_change_of_what_is_shown_asks_anew() -> None:
    """Of 20 examples 2 are shown: without any of the others nothing is paid again."""
    with FakeProvider(lambda messages: "yes") as provider, closing(open_store(":memory:")) as store:
        params = {"model": "m", "base_url": provider.base_url, "few_shot": 2}
        candidate = Candidate(name="shown two", kind="chat", params=params)

        def asked(dev: Sequence[Example], split: Split = "test") -> int:
            before = len(provider.requests)
            asyncio.run(evaluate(task(dev), [candidate], split=split, store=store, env={}))
            return len(provider.requests) - before

        assert asked(DEV) == 6
        contents = [message["content"] for message in provider.requests[0].body["messages"]]
        shown = [example for example in DEV if example.input in contents]
        others = [example for example in DEV if example not in shown]
        assert len(shown) == 2
        assert asked([*others[4:], *shown]) == 0
        assert asked([*shown, *others[1:]]) == 0
        assert asked([shown[0], *others]) == 6


def test_cross_validation_is_paid_once() -> None:
    """Each fold shows its own examples; the same folds again ask nothing."""
    with FakeProvider(lambda messages: "yes") as provider, closing(open_store(":memory:")) as store:
        params = {"model": "m", "base_url": provider.base_url, "few_shot": 2}
        candidate = Candidate(name="shown two", kind="chat", params=params)
        for _ in range(2):
            asyncio.run(evaluate(task(DEV), [candidate], split="dev", store=store, env={}))
        assert len(provider.requests) == len(DEV)
