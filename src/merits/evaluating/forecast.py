"""What a run is likely to use and cost, before its first call: from stored usage, or else from a sample of prompts.

With stored answers of the same candidate the interval is a prediction interval for the sum of further ones. Without,
it is a range between rules of thumb (a token is four bytes, an answer is like its target), and says so.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.core.answer import STANDARD, Answer
from merits.core.candidate import Candidate, Price
from merits.core.estimate import Estimate, Unit
from merits.core.identity import JSON
from merits.core.task import Task
from merits.evaluating.asking import AT_ONCE
from merits.evaluating.columns import TOKENS
from merits.evaluating.rows import Rows

__all__ = ["Forecast", "Predicted", "Story", "lesson_of", "predict", "story_of"]

Floats: TypeAlias = NDArray[np.float64]
Asks: TypeAlias = tuple[Rows, Sequence[int]]
_LEVEL = 0.95
_TRIES = 2  # calls to a question, at most on average: a provider that fails more often than that is a fault of its own
_ENOUGH = 8  # stored answers from which their spread says something
_SAMPLE = 200
_BYTES_A_TOKEN = 4.0
_INPUT = np.array([0.6, 1.0, 2.0])  # times what the rule of thumb says: digits, code and other scripts take more
_OUTPUT = np.array([0.3, 2.0, 20.0])  # times the target's tokens: a bare label, or an explanation around it
_NO_TARGET = np.array([10.0, 200.0, 2000.0])
_PROMPT_PARAMS = ("prompt", "system", "examples")
_LIMITS = ("max_completion_tokens", "max_tokens", "max_output_tokens")


class Predicted(msgspec.Struct, frozen=True, kw_only=True):
    """What one candidate is likely to use for `n_asks` questions. None: there is nothing to tell it by.

    `calls` reaches up to two tries each; `cost` is None without a price.
    """

    candidate: str
    n_asks: int
    calls: Estimate
    tokens: Estimate | None
    cost: Estimate | None
    seconds: Estimate | None


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """All candidates; what is summed is summed end by end, which is wide on purpose. `unpriced` have no known cost."""

    parts: tuple[Predicted, ...]
    cost: Estimate | None
    tokens: Estimate | None
    seconds: Estimate | None
    unpriced: tuple[str, ...]
    currency: str

    def __str__(self) -> str:
        said = [f"about {figure.text()}" for figure in (self.cost,) if figure is not None]
        if self.tokens is not None and self.tokens.high:
            said.append(f"about {self.tokens.text()} tokens")
        if self.seconds is not None:
            said.append(f"about {self.seconds.text()}")
        return ", ".join(said)


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one candidate before it is asked: its price, its stored answers, and the inputs to come.

    `in_batches`: they are to be asked as batches, at what those cost. `embeds`: no answer takes tokens. `at_once` is
    how many questions go into one call. `learner` is who learns from the answers, "" where they are its own.
    """

    candidate: Candidate
    price: Price | None
    answers: tuple[Answer, ...]
    inputs: tuple[JSON, ...]
    targets: tuple[JSON, ...]
    n_asks: int
    in_batches: bool = False
    embeds: bool = False
    at_once: int = 1
    learner: str = ""


def predict(task: Task, stories: Sequence[Story]) -> Forecast:
    """What the questions of these stories are likely to use and to cost."""
    asked = [story for story in stories if story.n_asks]
    parts = tuple(_predicted(task, story) for story in asked)
    names = (story.learner or part.candidate for story, part in zip(asked, parts, strict=True) if part.cost is None)
    unpriced = tuple(dict.fromkeys(names))
    return Forecast(
        parts=parts,
        cost=_summed([part.cost for part in parts]) if parts else _nothing("money", task.needs.currency),
        tokens=_summed([part.tokens for part in parts]) if parts else _nothing("count"),
        seconds=_longest([part.seconds for part in parts]),
        unpriced=unpriced,
        currency=task.needs.currency,
    )


def story_of(
    candidate: Candidate,
    price: Price | None,
    answers: Iterable[Answer],
    asks: Asks,
    *,
    seed: int,
    in_batches: bool = False,
    embeds: bool = False,
) -> Story:
    """What is known of a candidate: what it answered so far, and a sample of what it is to be asked."""
    rows, to_ask = asks
    sample = random.Random(seed).sample(to_ask, min(_SAMPLE, len(to_ask)))
    examples = [rows.example_of(question) for question in sample]
    return Story(
        candidate=candidate,
        price=price,
        answers=tuple(answer for answer in answers if answer.failure is None and not answer.usage.unmetered),
        inputs=tuple(example.input for example in examples),
        targets=tuple(example.target for example in examples),
        n_asks=len(to_ask),
        in_batches=in_batches,
        embeds=embeds,
    )


def lesson_of(candidate: Candidate, price: Price | None, texts: Sequence[JSON], *, at_once: int, seed: int) -> Story:
    """What is known of the questions to another model from whose answers a candidate learns, `at_once` in a call."""
    return Story(
        candidate=msgspec.structs.replace(candidate, name=f"training of {candidate.name}"),
        price=price,
        answers=(),
        inputs=tuple(random.Random(seed).sample(texts, min(_SAMPLE, len(texts)))),
        targets=(),
        n_asks=len(texts),
        embeds=True,
        at_once=at_once,
        learner=candidate.name,
    )


def _predicted(task: Task, story: Story) -> Predicted:
    n, settings = story.n_asks, task.settings
    told = len(story.answers) >= _ENOUGH
    n_calls = -(-n // story.at_once)
    calls = _estimate((n_calls, n_calls, n_calls * _TRIES), "count", "once, up to twice")
    latency_s = np.array([answer.latency_s for answer in story.answers])
    seconds = _sum_of(latency_s / (settings.concurrency or AT_ONCE), n, "seconds") if told and latency_s.any() else None
    tokens = _stored_tokens(story) if told else _thumb_tokens(task, story)
    total = np.sum(list(tokens.values()), axis=0) if tokens else np.zeros(len(_INPUT))
    used = _sum_of(total, n, "count") if told and tokens else _estimate(total * n, "count", _THUMB)
    return Predicted(
        candidate=story.candidate.name,
        n_asks=n,
        calls=calls,
        tokens=used if np.any(total) else None,
        cost=_cost(task, story, tokens, told=told),
        seconds=seconds,
    )


_THUMB = "from a sample of prompts, four bytes a token"


def _cost(task: Task, story: Story, tokens: Mapping[str, Floats], *, told: bool) -> Estimate | None:
    from merits.prices import costs

    if story.price is None:
        return None
    n, currency = len(story.answers) if told else len(_INPUT), task.needs.currency
    seconds = [answer.usage.machine_s for answer in story.answers] if told else [0.0] * n
    by_machine_only = story.price.machine_per_hour is not None and not story.price.paid_by_use
    known = costs(
        story.price,
        tokens=tokens,
        machine_s=np.array(seconds),
        attempts=np.ones(n, np.int32),
        services=_services(story, n, told=told),
        asked_at=time.time(),
    )
    if known is None or (by_machine_only and not told):
        return None
    if told:
        return _sum_of(known, story.n_asks, "money", currency)
    if np.ptp(known) == 0.0 and story.price.per_call:
        return _estimate(known * story.n_asks * [1, 1, _TRIES], "money", "price by call, up to two tries", currency)
    return _estimate(known * story.n_asks, "money", _THUMB, currency)


def _services(story: Story, n: int, *, told: bool) -> dict[str, NDArray[np.bool_]]:
    """How further answers will be served: as batches, or as the stored ones were that were no batches."""
    if story.in_batches:
        return {"batch": np.ones(n, np.bool_)}
    served = [answer.usage.service_tier for answer in story.answers] if told else []
    return {tier: np.array([one == tier for one in served]) for tier in set(served).difference(STANDARD, ["batch"])}


def _stored_tokens(story: Story) -> dict[str, Floats]:
    """Tokens by kind of each stored answer."""
    counts = {kind: [getattr(answer.usage, f"{kind}_tokens") for answer in story.answers] for kind in TOKENS}
    return {kind: np.array(numbers, np.float64) for kind, numbers in counts.items() if any(numbers)}


def _thumb_tokens(task: Task, story: Story) -> dict[str, Floats]:
    """The least, the likely and the most tokens of an answer by rules of thumb; none for what is paid otherwise."""
    price = story.price
    if price is not None and not (price.input_per_million or price.output_per_million):
        return {}
    if price is None and "model" not in story.candidate.params:
        return {}
    params = story.candidate.params
    fixed = sum(_n_tokens(params[name]) for name in _PROMPT_PARAMS if name in params)
    fixed += 0.0 if story.embeds else sum(map(_n_tokens, task.classes))
    shown = params.get("few_shot")
    each = _mean(story.inputs) * (1 + (shown if isinstance(shown, int) else 0))
    said = _mean(story.targets) * _OUTPUT + 1.0 if any(t is not None for t in story.targets) else _NO_TARGET
    given = params.get("parameters")
    limits = [given[name] for name in _LIMITS if name in given] if isinstance(given, dict) else []
    limit = next((float(limit) for limit in limits if isinstance(limit, int | float)), math.inf)
    if isinstance(given, dict) and "reasoning_effort" in given:
        said = said + _NO_TARGET
    read = {"input": (fixed + each) * _INPUT}
    return read if story.embeds else {**read, "output": np.minimum(said, limit)}


def _mean(things: Sequence[JSON]) -> float:
    return sum(map(_n_tokens, things)) / len(things) if things else 0.0


def _n_tokens(thing: JSON) -> float:
    if thing is None:
        return 0.0
    text = thing.encode("utf-8", "replace") if isinstance(thing, str) else msgspec.json.encode(thing)
    return len(text) / _BYTES_A_TOKEN


def _sum_of(values: Floats, n: int, unit: Unit, currency: str = "") -> Estimate:
    """The sum of `n` further values like these: a prediction interval by Student's t, var = s² (n + n²/m).

    >>> print(_sum_of(np.array([1.0, 2.0, 3.0] * 5), 100, "money", "USD"))
    200 USD [150–250 USD], n = 15
    """
    from scipy.special import stdtrit

    m, mean = len(values), float(values.mean())
    spread = float(values.std(ddof=1)) * math.sqrt(n + n * n / m) * float(stdtrit(m - 1, 0.5 + _LEVEL / 2.0))
    ends = (max(0.0, n * mean - spread), n * mean, n * mean + spread)
    return _estimate(ends, unit, f"mean of {m:,} stored answers", currency, n=m)


def _estimate(ends: Sequence[float] | Floats, unit: Unit, method: str, currency: str = "", n: int = 0) -> Estimate:
    low, value, high = (float(end) for end in ends)
    return Estimate(value=value, low=low, high=high, level=_LEVEL, n=n, unit=unit, method=method, currency=currency)


def _summed(parts: Sequence[Estimate | None]) -> Estimate | None:
    known = [part for part in parts if part is not None]
    if not known:
        return None
    ends = [sum(getattr(part, end) for part in known) for end in ("low", "value", "high")]
    methods = "; ".join(dict.fromkeys(part.method for part in known))
    return _estimate(ends, known[0].unit, methods, known[0].currency, n=min(part.n for part in known))


def _nothing(unit: Unit, currency: str = "") -> Estimate:
    return _estimate((0.0, 0.0, 0.0), unit, "nothing is asked", currency)


def _longest(parts: Sequence[Estimate | None]) -> Estimate | None:
    known = [part for part in parts if part is not None and part.value is not None]
    return max(known, key=lambda part: part.value or 0.0, default=None)
