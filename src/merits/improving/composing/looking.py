"""Where texts lie, asked of a local embedding model: what a router may look at, at a cost, before it asks a part.

An improver loads no model, so it asks a candidate (`kind: embedding`) questions of its own, many texts in each: stored
and paid for like any other, and answered the same when a search goes on.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from merits.candidates.routing.vectors import vectors_in
from merits.candidates.texts import as_text
from merits.core.candidate import Candidate, Price
from merits.core.doors import Brief
from merits.core.identity import JSON
from merits.improving.composing.pool import Floats, Looking, Pool
from merits.improving.naming import unused

__all__ = ["with_looking"]

_AT_ONCE = 64  # texts a question: some seconds at most, and a kilobyte each in the store
_SHARE = 0.5  # of the time that is left
_EMBEDS = "embeddings-linear"


def with_looking(brief: Brief, pool: Pool) -> Pool:
    """The pool with the embedding of each of its texts, and what that costs.

    Without, where there are no texts, nobody can be asked, no embedding model is at hand, its seconds have no price, or
    it would take more than half of the time that is left. The model is that of a candidate that embeds, if any.
    """
    hourly = brief.task.machine_per_hour
    if pool.texts is None or not pool.inputs or brief.ask is None or hourly is None:
        return pool
    looker = _looker(brief, hourly)
    vectors: list[Floats] = []
    seconds: list[float] = []
    for texts in _in_questions([as_text(input) for input in pool.inputs]):
        begun = time.monotonic()
        answer = brief.ask(looker, texts)
        found = vectors_in(answer)
        if found is None or len(found) != len(texts):
            return pool
        vectors.append(found)
        seconds += [answer.usage.machine_s / len(texts)] * len(texts)
        left_to_ask = (pool.n - len(seconds)) / len(texts) * (time.monotonic() - begun)
        if left_to_ask > _SHARE * brief.seconds_left():
            return pool
    looking = Looking(looker, np.concatenate(vectors), np.array(seconds) * hourly / 3600.0)
    return replace(pool, looking=looking)


def _looker(brief: Brief, hourly: float) -> Candidate:
    params: dict[str, JSON] = {}
    for seed in brief.seeds:
        if seed.kind == _EMBEDS:
            params = {name: seed.params[name] for name in ("model", "sha256") if name in seed.params}
            break
    price = Price(currency=brief.task.needs.currency, machine_per_hour=hourly, source="machine_per_hour of the task")
    name = unused("embedding of the text", {seed.name for seed in brief.seeds})
    return Candidate(name=name, kind="embedding", params=params, price=price)


def _in_questions(texts: Sequence[str]) -> list[list[JSON]]:
    return [list(texts[start : start + _AT_ONCE]) for start in range(0, len(texts), _AT_ONCE)]
