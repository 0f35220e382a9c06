"""How good a list of items is, by what the user chose later: measures of ir-measures, which computes them.

One answer is one ranking; what is not in the target is not relevant. Ratings in a target are gains of NDCG; every other
measure counts an item as chosen or not. Names an item that a list has twice at its first place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec

from merits.core.answer import Answer
from merits.core.doors import Scorer
from merits.core.errors import MissingExtra
from merits.core.interactions import ratings_of
from merits.core.outcome import Counts, Score
from merits.core.task import Example
from merits.reading.lists import ranked
from merits.scorers.reading import CannotJudge

__all__ = ["AVERAGE_PRECISION", "HIT", "NDCG", "RECALL", "RECIPROCAL_RANK", "RankingKind"]


class _Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """How much of the list counts, and when it counts as solved."""

    k: Annotated[int, msgspec.Meta(ge=1, description="So many items of the list count, from the first.")] = 10
    solved_from: Annotated[
        float, msgspec.Meta(ge=0, le=1, description="The value from which an answer counts as solved, if above 0.")
    ] = 0.0


class HitParams(_Params, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Solved when one of the first k items was chosen (success at k)."""


class NdcgParams(_Params, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Normalised discounted cumulative gain of the first k items: the gain is the rating, or 1."""


class RecallParams(_Params, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """The share of what was chosen that is among the first k items."""


class ReciprocalRankParams(_Params, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """One over the place of the first of the k items that was chosen; 0 where none was. Its mean is the MRR."""


class AveragePrecisionParams(_Params, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """The mean precision at the places of what was chosen, 0 for what is not among the k. Its mean is the MAP."""


@dataclass(frozen=True)
class RankingKind:
    """A kind of scorer: a measure of ir-measures by its name there."""

    measure: str
    Params: type[_Params]

    def load(self, params: _Params, *, classes: tuple[str, ...], folder: Path) -> Scorer:
        """A scorer of lists of items. MissingExtra without the package.

        >>> score = NDCG.load(NdcgParams(k=3), classes=(), folder=Path())
        >>> example = Example(id="1", input={"user": "7", "items": []}, target=["Alien", "Brazil"])
        >>> round(score(example, Answer(output=["Casablanca", "Alien", "Duel"])).value, 3)
        0.387
        """
        compute = _computing(self.measure, params.k)
        is_mean = self.measure != "Success"  # the mean of that is the share solved, which is measured anyway
        graded = self.measure == "nDCG"

        def score(example: Example, answer: Answer) -> Score:
            gains = _gains(example, graded=graded)
            listed = ranked(answer.output)[: params.k]
            value = min(max(compute(gains, listed), 0.0), 1.0) if listed else 0.0
            n = len(gains.keys() & set(listed))
            reason = f"{n} of {len(gains)} chosen among {len(listed)}"
            solved = value > 0 and value >= params.solved_from
            return Score(value, solved, reason, Counts("ratio", (value, 1.0)) if is_mean else None)

        return score


HIT = RankingKind("Success", HitParams)
NDCG = RankingKind("nDCG", NdcgParams)
RECALL = RankingKind("R", RecallParams)
RECIPROCAL_RANK = RankingKind("RR", ReciprocalRankParams)
AVERAGE_PRECISION = RankingKind("AP", AveragePrecisionParams)


def _gains(example: Example, *, graded: bool) -> dict[str, int]:
    """What each item of the target is worth. CannotJudge where there is none."""
    gains = {item: int(rating) if graded else 1 for item, rating in ratings_of(example.target).items()}
    if not any(gains.values()):
        raise CannotJudge(f"example {example.id!r} has no target to compare with")
    return gains


def _computing(measure: str, k: int) -> Callable[[dict[str, int], list[str]], float]:
    try:
        import ir_measures
    except ImportError:
        raise MissingExtra(
            "the measures of lists need the package ir-measures.", "pip install 'merits[recommendation]'"
        ) from None
    of: Any = ir_measures.parse_measure(f"{measure}@{k}")

    def compute(gains: dict[str, int], listed: list[str]) -> float:
        # By number: names may hold what the library written in C cannot take.
        numbers = {item: str(number) for number, item in enumerate({**gains, **dict.fromkeys(listed)})}
        qrels = {"q": {numbers[item]: gain for item, gain in gains.items()}}
        run = {"q": {numbers[item]: float(-place) for place, item in enumerate(listed)}}
        return float(next(iter(of.iter_calc(qrels, run))).value)

    return compute
