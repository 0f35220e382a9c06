"""What judges will be asked in a run: what is stored and without a verdict, and what is yet to be answered.

A judge is driven with its stored answers up to the first that is missing; what follows counts as often as it asks for
a verdict (votes, and both orders of a pair). Corrections are not foreseen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from msgspec.structs import replace

from merits.core.answer import Answer
from merits.core.candidate import Candidate, Price
from merits.core.doors import AnswerKey
from merits.core.facts import ruled_out
from merits.core.identity import JSON
from merits.core.judge import JudgeScorer
from merits.core.needs import Needs
from merits.core.task import Example
from merits.evaluating.asker import Asker, key_of
from merits.evaluating.forecast import Story
from merits.evaluating.known import Known
from merits.evaluating.planning import Part
from merits.evaluating.work import Work
from merits.reading.values import text_of

__all__ = ["Foreseen", "Verdicts", "foreseen", "n_asks_of"]

_SAMPLE = 50  # questions to a judge that are looked at for their length
_TOLD = 500  # earlier answers of the judge that are looked at

Pair = tuple[Example, Answer, Answer | None]


@dataclass
class Verdicts:
    """The questions to one judge, counted: those that are `stored`, and those `to_ask`, with a sample of them."""

    judge: JudgeScorer
    asker: Asker
    n_stored: int = 0
    n_to_ask: int = 0
    sample: list[JSON] = field(default_factory=list)
    _seen: set[AnswerKey] = field(default_factory=set)

    def add(self, example: Example, answer: Answer, rival: Answer | None = None) -> None:
        """Counts what the judge asks about an answer that is there. Equal questions are asked once."""
        asking, n_known = self.judge.judge(example, answer, rival), 0
        try:
            ask = next(asking)
            while (known := self.asker.stored(ask)) is not None:
                n_known += 1
                ask = asking.send(known)
        except Exception:  # noqa: BLE001 (it has its verdict, or it cannot judge this and asks nobody)
            self.n_stored += n_known
            return
        finally:
            asking.close()
        self.n_stored += n_known
        if key_of(ask) in self._seen:
            return
        self._seen.add(key_of(ask))
        self.n_to_ask += max(1, n_asks_of(self.judge) - n_known)
        self._show(ask.messages)

    def add_unanswered(self, example: Example) -> None:
        """Counts what the judge will ask about an answer that is not there yet."""
        self.n_to_ask += n_asks_of(self.judge)
        if len(self.sample) >= _SAMPLE:
            return
        rival = Answer(example.target)
        asking = self.judge.judge(example, Answer(f"{text_of(example.target)}?"), rival)
        try:
            self._show(next(asking).messages)
        except Exception:  # noqa: BLE001 (then there is no sample)
            return
        finally:
            asking.close()

    def _show(self, messages: JSON) -> None:
        if len(self.sample) < _SAMPLE:
            self.sample.append(messages)


@dataclass(frozen=True)
class Foreseen:
    """A judge's part of a plan, and what is known of it; `n_each` calls to a verdict, none for its `rival`."""

    part: Part
    story: Story
    model: Candidate
    n_each: int
    rival: int | None

    @classmethod
    def of(cls, name: str, found: Verdicts, price: Price | None, rival: int | None = None) -> Foreseen:
        """From what was counted."""
        asker, said = found.asker, f"judge {name}"
        told = [answer for answer in islice(asker.answers(), _TOLD) if not answer.usage.unmetered]
        n_rows = found.n_stored + found.n_to_ask
        return cls(
            part=Part(said, asker.version, n_rows=n_rows, n_stored=found.n_stored, n_failed_before=0),
            story=Story(
                candidate=replace(asker.candidate, name=said),
                price=price,
                answers=tuple(told),
                inputs=tuple(found.sample),
                targets=(),
                n_asks=found.n_to_ask,
            ),
            model=asker.candidate,
            n_each=n_asks_of(found.judge),
            rival=rival,
        )


def n_asks_of(judge: JudgeScorer) -> int:
    """How often a judge asks for one verdict; once, where it does not say (`n_asks`)."""
    return int(getattr(judge, "n_asks", 1))


def foreseen(
    works: Sequence[Work], found: Sequence[Known], needs: Needs, price_of: Callable[[Candidate], Price | None]
) -> tuple[Foreseen, ...]:
    """What each judge will be asked of these candidates, answered or not, if nothing but the plan is asked."""
    if not works:  # before sets are made of a million questions
        return ()
    to_ask = [set() if ruled_out(known.candidate, needs) else set(known.to_ask) for known in found]
    return tuple(_of_work(work, found, to_ask, price_of(work.asker.candidate)) for work in works)


def _of_work(work: Work, found: Sequence[Known], to_ask: Sequence[set[int]], price: Price | None) -> Foreseen:
    verdicts, rival = Verdicts(work.judge, work.asker), work.rival
    others = {} if rival is None else dict(_answered(found[rival], to_ask[rival]))
    for k, known in enumerate(found):
        if k == rival:
            continue
        examples = known.rows.examples
        for q, answer in _answered(known, to_ask[k]):
            if answer.refused or (rival is not None and q in others and others[q].refused):
                continue
            for row in known.rows.rows_of[q]:
                if rival is None or q in others:
                    verdicts.add(examples[row], answer, others.get(q))
                elif q in to_ask[rival]:
                    verdicts.add_unanswered(examples[row])
        for q in to_ask[k]:
            if rival is None or q in to_ask[rival] or (q in others and not others[q].refused):
                for row in known.rows.rows_of[q]:
                    verdicts.add_unanswered(examples[row])
    return Foreseen.of(work.name, verdicts, price, rival)


def _answered(known: Known, to_ask: set[int]) -> Iterator[tuple[int, Answer]]:
    return ((q, answer) for q, answer in known.answers() if answer.failure is None and q not in to_ask)
