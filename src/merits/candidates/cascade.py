"""One part after the other, cheap to dear, until one is sure enough, two agree, or the last has spoken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

import msgspec

from merits.candidates.registry import LoadContext
from merits.candidates.routing.linear import weighted
from merits.candidates.routing.reading import UNASKABLE, said, spoken, sure
from merits.candidates.routing.surface import SURFACE, surface
from merits.candidates.texts import as_text
from merits.core.answer import Answer
from merits.core.doors import Composite
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.steps import Last, Steps

__all__ = ["PARTS", "Cascade", "Params", "Rule", "load", "surely"]

PARTS = (2, None)
ON_PREMISES = True


class Rule(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """What holds after the first part said one label."""

    threshold: Annotated[float, msgspec.Meta(description="The answer is final where the part is at least so sure.")]
    next: Annotated[int, msgspec.Meta(ge=1, description="Which part is asked otherwise, counted from 0.")] = 1


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Asks its parts in their order until an answer is sure enough; one that failed or refused is never sure."""

    thresholds: Annotated[
        list[float],
        msgspec.Meta(description="One for each part but the last: an answer that is at least so sure is final."),
    ] = []
    decides: Annotated[
        Literal["confidence", "agreement", "surface"],
        msgspec.Meta(
            description="What makes an answer final: the part's own confidence (its highest probability where it gives"
            " probabilities), that two parts said the same, or a score of how the answer looks."
        ),
    ] = "confidence"
    together: Annotated[
        int, msgspec.Meta(ge=2, description="By agreement: how many parts are asked at once at first.")
    ] = 2
    rules: Annotated[
        dict[str, Rule],
        msgspec.Meta(description="By confidence: a threshold and whom to ask next, by the label the first part said."),
    ] = {}
    surface: Annotated[
        list[list[float]],
        msgspec.Meta(
            description="By surface: for each part but the last an intercept, a weight for its confidence, and one for"
            " each of the 17 features of its answer's text. `merits improve` finds them."
        ),
    ] = []

    def __post_init__(self) -> None:
        if self.decides == "agreement" and (self.thresholds or self.rules):
            raise ValueError("agreement takes neither thresholds nor rules: two say the same, or they do not")
        if self.rules and self.decides != "confidence":
            raise ValueError("rules go with decides: confidence")
        if bool(self.surface) != (self.decides == "surface"):
            raise ValueError("surface weights and decides: surface go together")
        if any(len(weights) != len(SURFACE) + 2 for weights in self.surface):
            raise ValueError(f"surface weights of a part are {len(SURFACE) + 2} numbers")


def surely(weights: Sequence[float], answer: Answer) -> float:
    """How sure the look of an answer makes one: the weighted sum of its confidence and of its text's features."""
    confidence = sure(answer)
    if confidence == UNASKABLE:
        return UNASKABLE
    return weighted(weights, (confidence, *surface(as_text(answer.output))))


class Cascade:
    """A composite that asks one part after the other."""

    fingerprint = "cascade 1"

    def __init__(self, params: Params, n_parts: int) -> None:
        self._params, self._n = params, n_parts
        self._rules = {spoken(label): rule for label, rule in params.rules.items()}

    def steps(self, input: JSON) -> Steps:
        """Asks as the recipe says. Where all that is left failed, the latest answer that did not is the final one."""
        return self._agreeing() if self._params.decides == "agreement" else self._one_by_one()

    def _one_by_one(self) -> Steps:
        part, held = 0, None
        while True:
            (answer,) = yield Last((part,)) if part == self._n - 1 else [part]
            threshold, following = self._gate(part, answer)
            held = answer if held is None or sure(answer) > UNASKABLE else held
            if part == self._n - 1 or self._surely(part, answer) >= threshold:
                return held
            part = following

    def _gate(self, part: int, answer: Answer) -> tuple[float, int]:
        """The threshold that an answer must reach, and who is asked where it does not."""
        if part == self._n - 1:
            return 0.0, part
        rule = self._rules.get(said(answer)) if part == 0 and self._rules else None
        return (self._params.thresholds[part], part + 1) if rule is None else (rule.threshold, rule.next)

    def _surely(self, part: int, answer: Answer) -> float:
        if self._params.decides == "surface":
            return surely(self._params.surface[part], answer)
        return sure(answer)

    def _agreeing(self) -> Steps:
        heard: set[str] = set()
        held = None
        for asked in self._in_turn():
            answers = yield asked
            for answer in answers:
                if sure(answer) == UNASKABLE:
                    held = held or answer
                    continue
                words = said(answer)
                if words in heard:
                    return answer
                heard.add(words)
                held = answer
        assert held is not None, "a cascade has parts"
        return held

    def _in_turn(self) -> Iterator[Sequence[int]]:
        first = min(self._params.together, self._n)
        yield list(range(first))
        for part in range(first, self._n):
            yield Last((part,)) if part == self._n - 1 else [part]


def load(params: Params, context: LoadContext) -> Composite:
    """A cascade of the recipe's parts; CandidateError where thresholds or rules do not fit their number.

    >>> from merits.core.candidate import Candidate
    >>> from merits.core.steps import replay
    >>> parts = tuple(Candidate(name=name, kind="constant", params={"output": name}) for name in ("small", "large"))
    >>> cascade = load(Params(thresholds=[0.8]), LoadContext(parts=parts))
    >>> answers = [Answer(output="maybe", confidence=0.6), Answer(output="yes", confidence=0.7)]
    >>> replay(cascade.steps("?"), answers.__getitem__).output
    'yes'
    """
    n = len(context.parts)
    if params.decides != "agreement" and len(params.thresholds) != n - 1:
        raise CandidateError(
            f"it has {n} parts and {len(params.thresholds)} thresholds.",
            f"Give one for each part but the last: thresholds: {[0.8] * (n - 1)}",
        )
    if params.decides == "surface" and len(params.surface) != n - 1:
        raise CandidateError(
            f"it has {n} parts and weights of the surface of {len(params.surface)}.",
            "Give weights for each part but the last; `merits improve` finds them.",
        )
    stray = [rule.next for rule in params.rules.values() if rule.next >= n]
    if stray:
        raise CandidateError(f"a rule asks part {stray[0]}, and the last is {n - 1}.", "Count the parts from 0.")
    return Cascade(params, n)
