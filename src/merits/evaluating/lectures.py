"""What candidates learn from other candidates: these are asked first, by an evaluation of their own that is not kept.

Their answers to dev are those that they give after learning from the rest of it (cross-validation), where they learn
at all; what else they are asked (texts without targets) they answer after learning from all of dev. Every answer is
stored under the version of whoever gave it, so that it is paid for once, whoever learns from it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from merits.candidates.registry import LoadContext
from merits.core.answer import Answer
from merits.core.candidate import Candidate, Price
from merits.core.doors import AnswerKey, Pupil, Store
from merits.core.errors import ProviderError
from merits.core.evaluation import Evaluation, Taught
from merits.core.racing import Budget
from merits.core.robustness import Robustness
from merits.core.task import Example, ScorerSpec, Split, Task
from merits.evaluating.asking import Health
from merits.evaluating.composing import Exchange
from merits.evaluating.contenders import Contender, contenders
from merits.evaluating.forecast import Story, story_of
from merits.evaluating.known import Known
from merits.evaluating.planning import Part
from merits.evaluating.purse import Purse
from merits.evaluating.rows import Rows

__all__ = ["Lectures", "lessons_foreseen", "said_before"]

Said = dict[int, dict[str, Answer]]


@dataclass(frozen=True)
class _Class:
    """What the teachers of one pupil are asked: the examples of a split of `task`."""

    task: Task
    teachers: tuple[Candidate, ...]
    split: Split


def _classes(task: Task, each: Contender, pupil: Pupil) -> Iterator[_Class]:
    dev = tuple(task.split("dev"))
    known = {example.input_hash for example in dev}
    wanted = pupil.asks(dev)
    beyond = {example.input_hash: example for example in wanted if example.input_hash not in known}
    names = [f"{each.candidate.parts[n].name} (teaches {each.candidate.name})" for n in pupil.teachers]
    teachers = tuple(
        msgspec.structs.replace(
            each.candidate.parts[n], name=f"{name}, part {n + 1}" if names.count(name) > 1 else name
        )
        for n, name in zip(pupil.teachers, names, strict=True)
    )
    others = (
        msgspec.structs.replace(example, id=f"beyond {n}", split="test") for n, example in enumerate(beyond.values())
    )
    school = msgspec.structs.replace(
        task,
        examples=(*dev, *others),
        scorers=(ScorerSpec("exact"),),  # nobody looks at the scores: a judge would have to be paid
        robustness=Robustness(),
        settings=msgspec.structs.replace(task.settings, repeats=1),
    )
    if len(beyond) < len({example.input_hash for example in wanted}):
        yield _Class(school, teachers, "dev")
    if beyond:
        yield _Class(school, teachers, "test")


def lessons_foreseen(
    task: Task,
    all_: Sequence[Contender],
    found: Sequence[Known],
    *,
    store: Store,
    context: LoadContext,
    price_of: Callable[[Candidate], Price | None],
) -> list[tuple[Part, Story]]:
    """What teachers will be asked for those that have something to answer: their parts of a plan, and their stories."""
    foreseen: list[tuple[Part, Story]] = []
    seen: set[tuple[str, AnswerKey]] = set()
    for each, known in zip(all_, found, strict=True):
        pupil = each.pupil
        if pupil is None or not len(known.to_ask):
            continue
        for lesson in _classes(task, each, pupil):
            rows = Rows.of(lesson.task.split(lesson.split), repeats=1)
            teachers = contenders(
                lesson.task, lesson.teachers, rows, lesson.split, context=context, exchange=_no_exchange
            )
            for teacher in teachers[: len(lesson.teachers)]:
                mine = Known(store, teacher, rows, "missing")
                mine.to_ask = [q for q in mine.to_ask if (teacher.version, rows.keys[q]) not in seen]
                seen.update((teacher.version, rows.keys[q]) for q in mine.to_ask)
                part = mine.part(task.needs)
                answers = [answer for _, answer in mine.answers()]
                price = (
                    Price(per_call=0.0, currency=task.needs.currency) if teacher.parts else price_of(teacher.candidate)
                )
                story = story_of(teacher.candidate, price, answers, (rows, mine.to_ask), seed=task.settings.seed)
                foreseen.append((part, story))
    return foreseen


def said_before(
    task: Task, each: Contender, pupil: Pupil, *, store: Store, context: LoadContext
) -> dict[int, dict[str, Answer]]:
    """What the teachers of a pupil said in an evaluation, as it is stored; nobody is asked.

    By the number of the teacher and the hash of the input, without those that could not be asked.
    """
    said: Said = {n: {} for n in pupil.teachers}
    for lesson in _classes(task, each, pupil):
        rows = Rows.of(lesson.task.split(lesson.split), repeats=1)
        teachers = contenders(lesson.task, lesson.teachers, rows, lesson.split, context=context, exchange=_no_exchange)
        for n, teacher in zip(pupil.teachers, teachers, strict=False):  # after the teachers come parts of theirs
            answers = store.answers(teacher.version, rows.keys)
            said[n] |= {key.input_hash: answer for key, answer in answers.items() if answer.failure is None}
    return said


def _no_exchange() -> Exchange:
    raise AssertionError("nobody is asked for a plan")


class Nested(Protocol):
    """Runs an evaluation of teachers that is not kept, with this much to spend (None: no limit)."""

    def __call__(
        self, task: Task, teachers: Sequence[Candidate], split: Split, budget: Budget | None
    ) -> Awaitable[Evaluation]: ...


@dataclass
class Lectures:
    """What was said to those who learn, by the number of the contender. `purse_of` is what asking is paid from."""

    task: Task
    contenders: Sequence[Contender]
    health: Sequence[Health]
    store: Store
    nested: Nested
    purse_of: Callable[[], Purse | None]
    note: Callable[[str], None]
    _said: dict[int, Said] = field(default_factory=dict)
    _taught: list[Taught] = field(default_factory=list)
    _shares: dict[str, tuple[int, int]] = field(default_factory=dict)

    async def give(self, missing: Sequence[Sequence[int]]) -> None:
        """Asks the teachers of everybody who has something to answer."""
        for each in self.contenders:
            pupil = each.pupil
            if pupil is not None and self._is_needed(each.index, missing):
                await self._give(each, pupil)

    def _is_needed(self, k: int, missing: Sequence[Sequence[int]]) -> bool:
        """Whether a contender has something to answer, or somebody that asks it has."""
        if k < len(missing) and len(missing[k]):
            return True
        return any(self._is_needed(other.index, missing) for other in self.contenders if k in other.parts)

    async def _give(self, each: Contender, pupil: Pupil) -> None:
        said: Said = {n: {} for n in pupil.teachers}
        n_asked = 0
        try:
            for lesson in _classes(self.task, each, pupil):
                found = await self.nested(lesson.task, lesson.teachers, lesson.split, self._left())
                self._end_purse(found)
                keys = {AnswerKey(input_hash) for input_hash in found.input_hashes.tolist()}
                n_asked += len(keys) * len(pupil.teachers)
                for n, version, teacher in zip(pupil.teachers, found.versions, found.candidates, strict=True):
                    answers = self.store.answers(version, keys)
                    said[n] |= {key.input_hash: a for key, a in answers.items() if a.failure is None}
                    self._note_taught(version, each.candidate.name, teacher)
        except ProviderError as problem:
            self.health[each.index].given_up = f"nobody taught it: {problem.found}"
        self._said[each.index] = said
        n_said = sum(map(len, said.values()))
        self._shares[each.candidate.name] = (n_said, n_asked)
        if n_said < n_asked:
            self.note(
                f"{each.candidate.name}: learns from {n_said:,} of {n_asked:,} answers of others "
                f"({n_said / n_asked:.0%}); the others failed, or could not be paid."
            )

    def said(self, each: Contender, pupil: Pupil, examples: Sequence[Example]) -> Mapping[int, Mapping[str, Answer]]:
        """What teachers said to what a pupil asks when it learns from these examples."""
        wanted = {example.input_hash for example in pupil.asks(examples)}
        return {n: {key: a for key, a in s.items() if key in wanted} for n, s in self._said[each.index].items()}

    def facts(self) -> dict[str, str]:
        """How many of the answers that were wanted each pupil learned from."""
        shares = self._shares.items()
        return {
            f"{name} learned from others": f"{n:,} of {of:,} answers ({n / of:.1%})" for name, (n, of) in shares if of
        }

    def taught(self) -> tuple[Taught, ...]:
        """Who learned from whom."""
        return tuple(self._taught)

    def _note_taught(self, version: str, pupil: str, teacher: Candidate) -> None:
        for number, known in enumerate(self._taught):
            if known.version == version:
                names = tuple(dict.fromkeys((*known.candidates, pupil)))
                self._taught[number] = msgspec.structs.replace(known, candidates=names)
                return
        plain = msgspec.structs.replace(teacher, name=teacher.name.split(" (teaches ")[0])
        self._taught.append(Taught(version, (pupil,), plain))

    def _left(self) -> Budget | None:
        purse = self.purse_of()
        if purse is None:
            return None
        return Budget(max(0.0, purse.budget.amount - purse.spent), purse.budget.unit)

    def _end_purse(self, found: Evaluation) -> None:
        purse = self.purse_of()
        if purse is not None and found.budget is not None:
            purse.ended |= found.budget.ended
