"""Which columns of a wide table are no candidates: what such tables hold beside scores, by its usual names."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["not_candidates"]

_FACTS = frozenset(
    [
        "cost",
        "costs",
        "price",
        "prices",
        "usd",
        "eur",
        "dollars",
        "spend",
        "latency",
        "duration",
        "time",
        "timestamp",
        "date",
        "elapsed",
        "runtime",
        "tokens",
        "token_count",
        "n_tokens",
        "input_tokens",
        "output_tokens",
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "difficulty",
        "error",
        "errors",
        "failed",
        "failure",
        "confidence",
        "probability",
        "weight",
        "repeat",
        "epoch",
        "trial",
        "attempt",
        "seed",
        "split",
        "fold",
        "index",
        "row",
        "category",
        "group",
        "topic",
        "language",
        "length",
        "n_words",
        "n_chars",
        "input",
        "output",
        "target",
        "expected",
        "answer",
        "question",
        "prompt",
        "response",
    ]
)
_UNIT = re.compile(r"_(?:s|ms|sec|secs|seconds|usd|eur|dollars|cents|pct|count|total|mean|avg)$")


def not_candidates(names: Sequence[str]) -> list[str]:
    """The columns whose names say that they hold something else than a candidate's scores.

    >>> not_candidates(["gpt", "claude", "Cost (USD)", "latency_ms", "difficulty", "gpt_cost", "low-cost"])
    ['Cost (USD)', 'latency_ms', 'difficulty', 'gpt_cost']
    """
    plain = [_plain(name) for name in names]
    return [name for name, word in zip(names, plain, strict=True) if _is_fact(word) or _is_of_one(word, plain)]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")


def _is_fact(word: str) -> bool:
    return word in _FACTS or _UNIT.sub("", word) in _FACTS


def _is_of_one(word: str, names: Sequence[str]) -> bool:
    """Whether a fact's name stands behind that of another column: `gpt_cost` beside `gpt`."""
    return any(name and word.startswith(f"{name}_") and _is_fact(word[len(name) + 1 :]) for name in names)
