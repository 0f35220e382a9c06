"""VADER as a candidate: a lexicon of 7,500 words and signs with how good or bad they are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer


def vader(row: Mapping[str, str]) -> dict[str, object]:
    """The sign of VADER's compound score of the text, which also gives a confidence."""
    score = _analyser().polarity_scores(row["text"])["compound"]
    return {"label": "positive" if score >= 0 else "negative", "confidence": 0.5 + abs(score) / 2}


@cache
def _analyser() -> SentimentIntensityAnalyzer:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()
