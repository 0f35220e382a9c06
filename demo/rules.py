"""Two rules as candidates: what a team writes in an afternoon, and the well-known VADER lexicon."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

GOOD = frozenset(
    "good great love loved best excellent perfect nice happy amazing awesome well fun enjoy easy like".split()
)
BAD = frozenset(
    "bad worst hate poor boring terrible awful problem waste disappointed not never no broken wrong".split()
)


def keywords(text: str) -> str:
    """The sign of good words minus bad words; positive when they balance."""
    words = re.findall(r"[a-z']+", text.lower())
    return "negative" if sum(word in BAD for word in words) > sum(word in GOOD for word in words) else "positive"


def vader(text: str) -> dict[str, object]:
    """The sign of VADER's compound score, which also gives a confidence."""
    score = _analyser().polarity_scores(text)["compound"]
    return {"label": "positive" if score >= 0 else "negative", "confidence": 0.5 + abs(score) / 2}


@cache
def _analyser() -> SentimentIntensityAnalyzer:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()
