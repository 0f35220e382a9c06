"""How well candidates do on perturbed inputs: curves of quality against strength, drops, and what was asked.

Knows nothing about how an input is perturbed: it is given the perturbed inputs of the few examples that are shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec
import numpy as np

from merits.core.doors import AnswerKey
from merits.core.estimate import Estimate
from merits.core.identity import JSON
from merits.core.on_demand import outlines
from merits.core.robustness import Level
from merits.core.task import Example
from merits.deciding.cases import Cases
from merits.deciding.corpus import counted_measure
from merits.deciding.drops import drop_of_rows, drop_of_sums
from merits.report.cases.blocks import Block, Figure, Items, Text, Words, aligned, blocks_of
from merits.report.cases.registry import case_of
from merits.report.plain import one_line, target_text
from merits.report.sections.examples import Reply, Source, input_text, reply_of
from merits.report.sections.subject import Bools, Subject
from merits.scorers.counted import STATISTICS

__all__ = ["PerturbedCase", "RobustnessCurve", "RobustnessLine", "RobustnessSection", "robustness_section", "shorter"]

_MOST_CASES = 3  # a perturbation
_MOST_CANDIDATES = 6  # whose replies are shown with a case
_MOST_ITEMS = 5  # of a list that was said, as there are two of each


class RobustnessLine(msgspec.Struct, frozen=True):
    """One candidate under one perturbation: its quality and what it lost, strength by strength; None: no answer."""

    name: str
    quality: tuple[Estimate | None, ...]
    drops: tuple[Estimate | None, ...]


class RobustnessCurve(msgspec.Struct, frozen=True, kw_only=True):
    """One perturbation: its strengths in the order to show, what a strength is, and the line of each candidate.

    `clean` is the quality of each candidate on the same `n` examples as they are.
    """

    name: str
    scale: str
    levels: tuple[str, ...]
    strengths: tuple[float | None, ...]
    n: int
    clean: tuple[Estimate | None, ...]
    lines: tuple[RobustnessLine, ...]


class Before(msgspec.Struct, frozen=True):
    """What a candidate said to an example as it is, and perturbed."""

    candidate: str
    as_it_is: Reply
    perturbed: Reply


class PerturbedCase(msgspec.Struct, frozen=True, kw_only=True):
    """An example as it is and as it was asked: texts aligned word by word, pictures, sounds and lists side by side.

    `shown_target` is what to draw in place of the target's text, where that is more.
    """

    id: str
    level: str
    target: str
    as_it_is: tuple[Block, ...]
    asked: tuple[Block, ...]
    shown_target: tuple[Block, ...]
    replies: tuple[Before, ...]


class RobustnessSection(msgspec.Struct, frozen=True, kw_only=True):
    """`measure` is what quality is here, in words; where `higher_is_better` is false a drop is how much it rises."""

    measure: str
    higher_is_better: bool
    curves: tuple[RobustnessCurve, ...]
    cases: tuple[PerturbedCase, ...]


def robustness_section(subject: Subject, source: Source) -> RobustnessSection | None:
    """None where nothing was perturbed."""
    evaluation = subject.evaluation
    levels = [level for level in evaluation.levels if level.id in subject.cases.levels]
    shown = [k for k in subject.order if k in subject.cases.assessed]
    if not levels or not shown:
        return None
    counted = evaluation.counts.get(evaluation.scorer)
    names = dict.fromkeys(level.name for level in levels)
    by_name = [[level for level in levels if level.name == name] for name in names]
    return RobustnessSection(
        measure="cases solved" if counted is None else STATISTICS[counted.statistic].name,
        higher_is_better=counted is None or STATISTICS[counted.statistic].higher_is_better,
        curves=tuple(_curve(subject, these, shown) for these in by_name),
        cases=tuple(case for these in by_name for case in _cases(subject, these, source)),
    )


def _curve(subject: Subject, levels: Sequence[Level], shown: Sequence[int]) -> RobustnessCurve:
    evaluation = subject.evaluation
    noisy = [replace(subject.cases, perturbation=level.id) for level in levels]
    asked = np.isin(evaluation.examples, np.unique(evaluation.examples[noisy[0].clean]))
    clean = replace(subject.cases, within=np.asarray(asked))
    return RobustnessCurve(
        name=levels[0].name,
        scale=levels[0].scale,
        levels=tuple(level.id for level in levels),
        strengths=tuple(level.strength for level in levels),
        n=len(np.unique(evaluation.examples[noisy[0].clean])),
        clean=tuple(_quality(subject, clean, k) for k in shown),
        lines=tuple(
            RobustnessLine(
                subject.name(k),
                tuple(_quality(subject, cases, k) for cases in noisy),
                tuple(_drop(subject, clean, cases, k) for cases in noisy),
            )
            for k in shown
        ),
    )


def _quality(subject: Subject, cases: Cases, k: int) -> Estimate | None:
    level, name = subject.decision.level, subject.evaluation.scorer
    if name in subject.evaluation.counts:
        return counted_measure(cases, name, k, level)
    mask: Bools = cases.counted[k]
    return cases.rate(cases.solved[k], mask, level) if mask.any() else None


def _drop(subject: Subject, clean: Cases, noisy: Cases, k: int) -> Estimate | None:
    """With a two-sided interval: each end holds at half of what is left of certainty."""
    level, name = subject.decision.level, subject.evaluation.scorer
    one_sided = (1.0 + level) / 2.0
    if name in subject.evaluation.counts:
        found = drop_of_sums(clean, noisy, name, k, one_sided)
    else:
        values, perturbed = ((c.solved[k].astype(np.float64), c.counted[k]) for c in (clean, noisy))
        found = drop_of_rows(clean, noisy, values, perturbed, one_sided)
    if found is None:
        return None
    return msgspec.structs.replace(found, level=level, method=found.method.replace(", each end one-sided", ""))


# Cases -----------------------------------------------------------------------------------------------------------


def _cases(subject: Subject, levels: Sequence[Level], source: Source) -> list[PerturbedCase]:
    """Some examples of one perturbation, one strength after the other from the strongest: first those that turned."""
    chosen = list(_chosen(subject, levels))
    wanted = {str(subject.evaluation.examples[row]) for row, _ in chosen}
    known = {one.id: source.examples[at] for at, one in enumerate(outlines(source.examples)) if one.id in wanted}
    found = []
    for row, level in chosen:
        example = known.get(str(subject.evaluation.examples[row]))
        asked = None if example is None else source.perturbed(example, level)
        if example is not None and asked is not None:
            found.append(_case(subject, source, (row, level), example, asked))
    return found


def _chosen(subject: Subject, levels: Sequence[Level]) -> list[tuple[int, Level]]:
    """Rows of different examples, with their levels: the first that the candidate in focus solved only as it is."""
    focus, evaluation = subject.focus, subject.evaluation
    found: list[tuple[int, Level]] = []
    seen: set[str] = set()
    solved = {str(evaluation.examples[row]) for row in np.flatnonzero(subject.cases.solved[focus])}
    for turn in range(_MOST_CASES):
        level = levels[-1 - turn % len(levels)]
        noisy = replace(subject.cases, perturbation=level.id)
        rows = np.flatnonzero(noisy.clean & (evaluation.repeats == 0))
        lost = [row for row in rows if noisy.wrong[focus, row] and str(evaluation.examples[row]) in solved]
        fresh = [int(row) for row in (*lost, *rows) if str(evaluation.examples[row]) not in seen]
        if fresh:
            seen.add(str(evaluation.examples[fresh[0]]))
            found.append((fresh[0], level))
    return found


def _case(subject: Subject, source: Source, at: tuple[int, Level], example: Example, asked: JSON) -> PerturbedCase:
    (row, level), evaluation, files = at, subject.evaluation, source.files
    same = (evaluation.examples == evaluation.examples[row]) & (evaluation.repeats == 0)
    clean_row = int(np.flatnonzero(same & (evaluation.perturbations == ""))[0])
    keys = [AnswerKey(example.input_hash), AnswerKey(example.input_hash, 0, level.asked_as)]
    case = case_of(evaluation.kind, source.scorers)
    before = case.shown_input(example, files) or blocks_of(example.input, files)
    noisy = msgspec.structs.replace(example, input=asked)
    after = case.shown_input(noisy, files) or blocks_of(asked, files)
    after = tuple(_named(block, level.id) for block in after)
    replies = []
    for k in subject.order[:_MOST_CANDIDATES]:
        said = source.answers(evaluation.versions[k], keys)
        as_it_is, perturbed = (
            reply_of(subject, k, row, said.get(key), example, case=case, files=files)
            for row, key in zip((clean_row, row), keys, strict=True)
        )
        replies.append(Before(subject.name(k), shorter(as_it_is), shorter(perturbed)))
    is_text = all(isinstance(block, Text) for block in (*before, *after))
    return PerturbedCase(
        id=one_line(example.id, 60),
        level=level.id,
        target=target_text(example.target, 200),
        as_it_is=() if is_text else before,
        asked=_aligned(example.input, asked) if is_text else after,
        shown_target=case.shown_target(example, files),
        replies=tuple(replies),
    )


def shorter(reply: Reply) -> Reply:
    """The reply with its lists cut to the first five: they stand twice, as it is and perturbed."""
    shown = (
        Items(block.items[:_MOST_ITEMS], block.n_more + len(block.items[_MOST_ITEMS:]))
        if isinstance(block, Items)
        else block
        for block in reply.shown
    )
    return msgspec.structs.replace(reply, shown=tuple(shown))


def _named(block: Block, name: str) -> Block:
    """A perturbed file is called by what was done to it: its own name is a hash."""
    return msgspec.structs.replace(block, name=name) if isinstance(block, Figure) else block


def _aligned(given: JSON, asked: JSON) -> tuple[Block, ...]:
    """What was asked beside what it was made of, word by word, column by column."""
    if isinstance(given, Mapping) and isinstance(asked, Mapping):
        cells = {
            name: [one_line(columns.get(name, ""), 120) for columns in (given, asked)] for name in {**given, **asked}
        }
        return tuple(Words(aligned(*both), one_line(name, 40)) for name, both in cells.items() if any(both))
    return (Words(aligned(input_text(given), input_text(asked))),)
