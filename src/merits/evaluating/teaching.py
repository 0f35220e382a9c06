"""What models are taught by others is asked once and kept in the store, like every answer that is paid for.

It is kept under the tutor's version and the question, so that further folds, candidates and runs find it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from merits.candidates.batcher import in_thread
from merits.candidates.meter import Meter
from merits.candidates.studying import Studious, ask_in_groups
from merits.core.answer import Answer
from merits.core.doors import AnswerKey, Model, Store, StoredAnswer
from merits.core.errors import UsageError
from merits.core.identity import content_hash
from merits.core.task import Example

__all__ = ["Teaching", "key_of", "keys_of", "tutor_of"]


def tutor_of(model: Model) -> str:
    """The version under which the answers are stored that a model learns from; "" when it has no tutor."""
    return content_hash(["tutor", model.tutor.fingerprint]) if isinstance(model, Studious) else ""


def keys_of(model: Model, examples: Sequence[Example]) -> frozenset[AnswerKey]:
    """The keys of what a model asks its tutor about examples."""
    return frozenset(map(key_of, model.questions(examples))) if isinstance(model, Studious) else frozenset()


def key_of(question: str) -> AnswerKey:
    """The key of a question to a tutor."""
    return AnswerKey(content_hash(question))


class Teaching:
    """Lets models study in one run. Two that have one tutor do not ask it the same at the same time."""

    def __init__(self, store: Store, clock: Callable[[], float], *, may_ask: bool) -> None:
        self._store, self._clock, self._may_ask = store, clock, may_ask
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def study(
        self, model: Studious, examples: Sequence[Example], meter: Meter, took: Callable[[Iterable[Answer]], None]
    ) -> None:
        """Nothing, once the model knows what its tutor says; `took` hears of what was asked now, failures too.

        Raises AskFailed when the tutor could not be asked, PurseEmpty when that cannot be paid, and UsageError where
        nothing may be asked; what was answered by then is kept.
        """
        version = tutor_of(model)
        questions = {key_of(question): question for question in model.questions(examples)}
        store = self._store

        async def keep(answers: Mapping[str, Answer]) -> None:
            now = self._clock()
            records = [StoredAnswer(version, key_of(question), answer, now) for question, answer in answers.items()]
            await in_thread(lambda: store.add(records))
            took(answers.values())

        async with self._turns[version]:
            stored = await in_thread(lambda: store.answers(version, questions.keys()))
            said = {questions[key]: answer for key, answer in stored.items() if answer.failure is None}
            missing = [question for question in questions.values() if question not in said]
            if missing and not self._may_ask:
                raise UsageError(
                    f"{len(missing):,} answers that it learns from are not in the store. Nothing was asked.",
                    "Ask for them: the same command without --offline.",
                )
            said |= await ask_in_groups(meter, missing, keep) if missing else {}
        model.study({question: answer.output for question, answer in said.items()})
