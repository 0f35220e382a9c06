"""Draws stored answers by chance for people to label, so that what they say can correct the scorer's verdicts."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence

import msgspec

from merits.core.doors import AnswerKey, Store
from merits.core.errors import UsageError
from merits.core.evaluation import Evaluation
from merits.core.identity import JSON
from merits.core.judge import HumanLabel
from merits.core.outcome import Status
from merits.core.task import Example
from merits.core.validate import did_you_mean
from merits.evaluating.labelled import rows_of

__all__ = ["Drawn", "draw_answers"]


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """Answers to be labelled: `blank` labels in the order of the draw, the answers to one example side by side.

    `counts` says how many were drawn of each candidate, and `left` how many answers of it are in no table yet.
    """

    blank: tuple[HumanLabel, ...]
    counts: dict[str, int]
    left: dict[str, int]


def draw_answers(
    evaluation: Evaluation,
    examples: Mapping[str, Example],
    store: Store,
    n: int,
    *,
    candidates: Sequence[str] = (),
    taken: Collection[tuple[str, str, int]] = (),
    rng: random.Random,
) -> Drawn:
    """n answers of each candidate (all unless named), or as many as there are: uniform, without replacement.

    Only answers with a verdict are drawn, as only these are corrected, and none of `taken`: (candidate, example,
    repeat). One order of the examples holds for all candidates, so they share all that they can: labels of the same
    examples say most of a difference. The first few of the draw are a random draw too, if people stop early. Raises
    UsageError for a name that is not there, and where nothing is left.
    """
    for name in candidates:
        if name not in evaluation.names:
            raise UsageError(f"no answers of {name!r} are stored.", did_you_mean(name, evaluation.names))
    order = list(rows_of(evaluation).items())
    rng.shuffle(order)
    names = list(candidates or evaluation.names)
    drawn, left = {}, {}
    for name in dict.fromkeys(names):
        scored = evaluation.status[evaluation.index(name)] == Status.SCORED
        free = [(at, row) for at, row in order if scored[row] and (name, *at) not in taken]
        said = _outputs(evaluation, evaluation.index(name), free[:n], store)
        drawn[name] = said
        left[name] = len(free) - len(said)
    if not any(drawn.values()):
        raise UsageError(
            "no answer is left to draw: all that have a verdict are in the table.", "Ask more examples: merits run"
        )
    blank: list[HumanLabel] = []
    for at, _ in order:
        who = [name for name in drawn if at in drawn[name]]
        rng.shuffle(who)  # so that nobody is always read first
        blank.extend(_label(examples[at[0]], at[1], name, drawn[name][at]) for name in who)
    return Drawn(blank=tuple(blank), counts={name: len(said) for name, said in drawn.items()}, left=left)


def _outputs(
    evaluation: Evaluation, k: int, rows: Sequence[tuple[tuple[str, int], int]], store: Store
) -> dict[tuple[str, int], JSON]:
    """What candidate k said at these (example, repeat)."""
    keys = {at: AnswerKey(str(evaluation.input_hashes[row]), at[1]) for at, row in rows}
    stored = store.answers(evaluation.versions[k], set(keys.values()))
    return {at: stored[key].output for at, key in keys.items() if key in stored}


def _label(example: Example, repeat: int, candidate: str, output: JSON) -> HumanLabel:
    return HumanLabel(
        solved=None,
        example=example.id,
        candidate=candidate,
        repeat=repeat,
        input=example.input,
        target=example.target,
        answer=output,
    )
