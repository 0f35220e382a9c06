"""What the store knows of a contender, and which questions that leaves to ask.

missing     what has no answer: new questions, and those that failed (the default; a resumed run)
nothing     nothing: what is stored must do
everything  all of it anew; what was answered before counts no more
failed      what failed or was refused before, and nothing new
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Sequence
from typing import Literal, TypeAlias

from merits.candidates.batching import takes_batches
from merits.candidates.studying import Studious
from merits.core.answer import Answer
from merits.core.doors import AnswerKey, Refreshed, Store
from merits.core.errors import UsageError
from merits.core.facts import ruled_out
from merits.core.needs import Needs
from merits.evaluating.contenders import Contender
from merits.evaluating.planning import Part
from merits.evaluating.rows import Rows
from merits.evaluating.teaching import key_of, tutor_of

__all__ = ["Asking", "Known", "begin_refresh", "check_all_stored", "ends_of_refresh", "goes_on", "known_of"]

Asking: TypeAlias = Literal["missing", "nothing", "everything", "failed"]
_MOST_NAMED = 5


class Known:
    """The answers of one contender that count, and `to_ask`: the questions of these rows that remain to be asked.

    Where everything is asked anew, it knows what a refresh that has not ended was answered, and nothing else.
    """

    def __init__(self, store: Store, each: Contender, rows: Rows, ask: Asking) -> None:
        self._stored = store.answers(each.version, rows.keys)
        if ask == "everything":
            begun = store.refreshing(each.version)
            self._stored = {key: answer for key in begun if (answer := self._stored.get(key)) is not None}
        self.rows, self.candidate, self.version = rows, each.candidate, each.version
        self.tutor = tutor_of(each.model)
        self._store, self._each, self._anew = store, each, ask == "everything"
        self.takes_batches = takes_batches(each.model)
        self.without: Sequence[int] = range(len(rows.keys))
        if self._stored:
            questions = enumerate(rows.keys)
            self.without = array("i", (q for q, key in questions if (a := self._stored.get(key)) is None or a.failure))
        self.to_ask: Sequence[int] = self.without
        if ask == "failed":
            self.to_ask = [q for q, key in enumerate(rows.keys) if (a := self._stored.get(key)) and _may_be_better(a)]
        elif ask == "nothing":
            self.to_ask = [q for q in self.without if rows.keys[q] not in self._stored]

    def answers(self) -> Iterable[tuple[int, Answer]]:
        """What counts, question by question, failures too."""
        stored = self._stored
        keys = self.rows.keys if stored else ()
        return ((q, answer) for q, key in enumerate(keys) if (answer := stored.get(key)) is not None)

    def not_in_flight(self) -> Sequence[int]:
        """Those of the questions to ask that are in no batch: only they are still to be paid for."""
        open_now = (each for each in self._store.submissions(self.version) if each.is_open)
        flying = {tuple(key) for each in open_now for key in each.keys}
        return [q for q in self.to_ask if self.rows.keys[q] not in flying] if flying else self.to_ask

    def to_learn(self) -> list[str]:
        """What remains to be asked of whoever it learns from; nothing where it has no tutor, or is asked nothing."""
        model = self._each.model
        if not isinstance(model, Studious) or not self.to_ask:
            return []
        lessons = (model.questions(lesson.examples or ()) for lesson in self._each.lessons)
        texts = {key_of(text): text for each in lessons for text in each}
        stored = self._store.answers(self.tutor, texts.keys())
        counts = self._store.refreshing(self.tutor) if self._anew else texts.keys()
        done = {key for key, answer in stored.items() if answer.failure is None and key in counts}
        return [text for key, text in texts.items() if key not in done]

    def part(self, needs: Needs) -> Part:
        """The contender's part of a plan."""
        failed = [q for q in self.to_ask if self.rows.keys[q] in self._stored] if self._stored else []
        left_out = [] if self.to_ask is self.without else sorted(set(self.without).difference(self.to_ask))
        n_asked, n_left_out = self._count(self.to_ask), self._count(left_out)
        return Part(
            self.candidate.name,
            self.version,
            n_rows=len(self.rows),
            n_stored=len(self.rows) - n_asked - n_left_out,
            n_failed_before=self._count(failed),
            ruled_out=ruled_out(self.candidate, needs),
            n_left_out=n_left_out,
            tutor=self.tutor,
        )

    def _count(self, questions: Iterable[int]) -> int:
        return sum(len(self.rows.rows_of[q]) for q in questions)


def _may_be_better(answer: Answer) -> bool:
    return answer.failure is not None or answer.refused


def known_of(store: Store, contenders: Sequence[Contender], rows: Rows, ask: Asking, n: int) -> list[Known]:
    """What is known of each; past the first n, which are parts of those, to ask is at most what these may ask them."""
    found = [Known(store, each, rows, ask) for each in contenders]
    wanted: dict[int, set[int]] = {}
    for k, each in enumerate(contenders[:n]):
        if each.parts:
            _want(contenders, each, set(found[k].to_ask), wanted)
    for k in range(n, len(contenders)):
        found[k].to_ask = [question for question in found[k].to_ask if question in wanted.get(k, ())]
    return found


def _want(contenders: Sequence[Contender], each: Contender, questions: set[int], wanted: dict[int, set[int]]) -> None:
    for part in each.parts:
        wanted.setdefault(part, set()).update(questions)
        _want(contenders, contenders[part], questions, wanted)


def begin_refresh(store: Store, contenders: Sequence[Contender], rows: Rows, needs: Needs, *, at: float) -> None:
    """Nothing; from here on no answer of before counts for these questions. All or nothing, also when it is killed.

    Questions of a refresh that has not ended are left as they are, so that what it has paid for is not paid twice.
    """
    asked = _asked([each for each in contenders if not ruled_out(each.candidate, needs)], rows)
    marks = []
    for version, keys in asked.items():
        begun = store.refreshing(version)
        marks += [Refreshed(version, key, at) for key in keys if key not in begun]
    store.add(marks)


def _asked(contenders: Sequence[Contender], rows: Rows) -> dict[str, Collection[AnswerKey]]:
    """What is asked of whom by version: of the contenders, and of those that some learn from."""
    tutors: dict[str, Collection[AnswerKey]] = {}
    for each in contenders:
        tutor, keys = each.studied
        if tutor:
            tutors[tutor] = keys | frozenset(tutors.get(tutor, ()))
    return {**tutors, **{each.version: rows.keys for each in contenders}}


def goes_on(store: Store, contenders: Sequence[Contender], rows: Rows) -> bool:
    """Whether a refresh of some of these questions was begun and has not ended, whichever task began it."""
    return any(not store.refreshing(each.version).isdisjoint(rows.keys) for each in contenders)


def ends_of_refresh(store: Store, contenders: Sequence[Contender], rows: Rows, *, at: float) -> list[Refreshed]:
    """The ends of what refreshes there are of these questions, to be stored once everything was asked."""
    ends = []
    for version, keys in _asked(contenders, rows).items():
        begun = store.refreshing(version)
        ends += [Refreshed(version, key, at, ended=True) for key in keys if key in begun]
    return ends


def check_all_stored(contenders: Sequence[Contender], to_ask: Sequence[Sequence[int]], *, raced: bool = False) -> None:
    """Nothing, if nothing remains to be asked; else a UsageError that says how much is missing of whom.

    In a race (`raced`) it is what the race cannot go on without.
    """
    missing = {each.candidate.name: len(mine) for each, mine in zip(contenders, to_ask, strict=True) if mine}
    if not missing:
        return
    named = [f"{n:,} of {name}" for name, n in list(missing.items())[:_MOST_NAMED]]
    more = f" and of {len(missing) - _MOST_NAMED} more candidates" if len(missing) > _MOST_NAMED else ""
    needed = "answers that the race needs are" if raced else "answers are"
    raise UsageError(
        f"{sum(missing.values()):,} {needed} not in the store: {', '.join(named)}{more}. Nothing was asked.",
        "Ask for them: the same command without --offline.",
    )
