"""What the measures of translations share: sacreBLEU counts each answer, and its signature says how (Post 2018).

Knows nothing about when a translation counts as solved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from merits.core.answer import Answer
from merits.core.errors import MissingExtra
from merits.core.identity import JSON
from merits.core.outcome import Counts, Score
from merits.core.task import Example
from merits.reading.values import text_of
from merits.scorers.reading import CannotJudge, targets_of

__all__ = ["Counted", "SacreScorer", "metrics"]

_LONGEST = 20_000  # characters of an answer that are read: no translation of a sentence is longer
_VARIOUS = -1  # sacreBLEU's own word for examples with different numbers of references

Counted = tuple[Counts, float, str]  # what one answer adds, its own value from 0 to 1, and that in words


def metrics(scorer: str) -> Any:
    """The package sacrebleu; MissingExtra naming the extra when it is not installed."""
    try:
        import sacrebleu
    except ImportError:
        raise MissingExtra(
            f"the scorer {scorer} needs the package sacrebleu.", "pip install 'merits[translation]'"
        ) from None
    return sacrebleu


@dataclass(frozen=True)
class SacreScorer:
    """A scorer around one of sacreBLEU's metrics; `count` says what an answer comes to beside its references.

    Several targets are several references, as in sacreBLEU. An example whose targets hold no text cannot be judged.
    """

    metric: Any
    count: Callable[[str, Sequence[str]], Counted]
    solved_from: float

    def __call__(self, example: Example, answer: Answer) -> Score:
        references = _references(targets_of(example))
        if not references:
            raise CannotJudge(f"the reference of example {example.id!r} is empty")
        counts, value, said = self.count(text_of(answer.output)[:_LONGEST], references)
        value = min(max(value, 0.0), 1.0)
        return Score(value, value >= self.solved_from, said, counts)

    def signature(self, targets: Iterable[JSON]) -> str:
        """sacreBLEU's signature of the figure over examples with these targets: what others need to repeat it."""
        numbers = {len(_references(target if isinstance(target, list | tuple) else (target,))) for target in targets}
        numbers.discard(0)
        self.metric.num_refs = numbers.pop() if len(numbers) == 1 else _VARIOUS
        return str(self.metric.get_signature().format())


def _references(targets: Sequence[JSON]) -> list[str]:
    return [text for text in map(text_of, targets) if text.strip()]
