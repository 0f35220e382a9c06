"""A recommendation from its events to the report: what candidates see, and what is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from merits import make_task
from merits.concluding import view_of
from merits.core.answer import Answer
from merits.core.identity import JSON
from merits.core.task import Example
from merits.flow import run
from merits.store import open_store

pytest.importorskip("ir_measures")


class Spy:
    """A model that remembers what it learned from and was asked; a copy of it remembers in the same place."""

    fingerprint = "spy"
    concurrency = None
    learned: ClassVar[list[Example]] = []
    asked: ClassVar[list[Any]] = []

    async def close(self) -> None:
        """Nothing is held."""

    def fit(self, examples: Any) -> None:
        self.learned.extend(examples)

    async def answer(self, input: JSON) -> Answer:
        self.asked.append(input)
        return Answer(["i0", "i1"])


def events(n_users: int = 40) -> list[dict[str, Any]]:
    """Each user keeps to one of two shelves; half of the events are after the other half."""
    random = np.random.default_rng(0)
    return [
        {"user": f"u{user}", "item": f"{'ab'[user % 2]}{item}", "time": 1_000 * place + user}
        for user in range(n_users)
        for place, item in enumerate(random.permutation(20)[:12].tolist())
    ]


def test_no_candidate_reads_what_comes_after_the_cut_and_coverage_has_an_interval(tmp_path: Path) -> None:
    cut = 6_000
    spy = Spy()
    task = make_task(
        events(),
        kind="recommendation",
        events={"cut": cut},
        candidates={"popularity": "popularity", "neighbours": "item-knn", "spy": spy},
        needs={"requirements": ["ndcg >= 0.3 @ 95%"]},
        robustness={"dropped_events": [0.5], "popularity_noise": [0.5]},
    )
    store = open_store(tmp_path / "store")
    done = run(task, store=store)
    learned = [time for e in spy.learned for part in (e.input, e.target) for time in part["times"]]
    seen = [time for input in spy.asked for time in input["times"]]
    assert max(learned) < cut
    assert max(seen) < cut
    assert len(spy.asked) == 120  # as they are, with events dropped, and with popular items in their place
    assert {len(input["items"]) for input in spy.asked} == {3, 6}
    quality = {standing.candidate: standing.quality.value for standing in done.decision.standings}
    assert quality["neighbours"] > quality["spy"] == 0.0
    shown = view_of(task, done.evaluation, done.decision, store=store)
    section = next(extra for extra in shown.extras if extra.id == "recommended")
    rows = dict(section.tables[0].rows)
    different, effective = rows["spy"]
    assert (different.value, effective.value) == (2.0, 2.0)
    assert different.high > 2.0
    assert rows["neighbours"][0].value > rows["popularity"][0].value >= 10
    assert {"hit", "ndcg", "mrr"} <= set(shown.measures.names) | {done.evaluation.scorer}
    store.close()
