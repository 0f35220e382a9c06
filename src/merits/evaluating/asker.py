"""A judge's model: asked what is not stored, each of its answers on disk before it counts.

A judge's answer is stored under the judge's own version (recipe and fingerprint) and the hash of what it was asked, so
it is paid for once, whoever scores with it and however often. Knows nothing about what judges say.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Iterable
from typing import Literal

import numpy as np

from merits.candidates.meter import Purse, PurseEmpty
from merits.candidates.registry import LoadContext, load
from merits.core.answer import STANDARD, Answer, Usage
from merits.core.candidate import Candidate
from merits.core.doors import AnswerKey, Model, Store, StoredAnswer, Trainable
from merits.core.errors import CandidateError
from merits.core.evaluation import Calls
from merits.core.identity import content_hash
from merits.core.judge import Ask
from merits.core.task import Settings
from merits.evaluating.asking import Health, meter_of
from merits.evaluating.columns import TOKENS

__all__ = ["Asker", "NotAsked", "key_of"]


class NotAsked(Exception):
    """The judge's model could not be asked; says why. Asked again on the next run."""


class Asker:
    """One judge's model: asks what is not stored, and stores what it says before handing it on.

    Equal questions are asked once, also when they come at the same time. Failed answers are stored and asked again in
    the next run. `used` are the answers that were handed out, by their key. `why_not` is why nothing may be asked (a
    run without a network), "" if it may. `role` is what the model is called in what readers are told.
    """

    def __init__(
        self,
        candidate: Candidate,
        context: LoadContext,
        store: Store,
        *,
        settings: Settings,
        clock: Callable[[], float],
        role: Literal["judge", "paraphraser"] = "judge",
    ) -> None:
        self.why_not, self._role = "", role
        self.candidate = candidate
        # A judge answers with a verdict: the task's labels are nothing to it.
        self.model: Model = load(candidate, dataclasses.replace(context, task_kind="generation", classes=()))
        if isinstance(self.model, Trainable):
            verb = "judge" if role == "judge" else "paraphrase"
            raise CandidateError(
                f"{candidate.name!r} learns from examples, so it cannot {verb}.", "Name another model."
            )
        self.version = content_hash([candidate.id, self.model.fingerprint])
        self.n_asked = 0
        self.used: dict[AnswerKey, Usage] = {}
        self.health = Health(timed=bool(getattr(self.model, "timed", False)))
        self._settings, self._store = settings, store
        self._meter = meter_of(self.model, candidate, settings)
        self._journal = _Journal(store, self.version, clock)
        stored = store.answers(self.version)
        self._known = {key: answer for key, answer in stored.items() if answer.failure is None}
        self._coming: dict[AnswerKey, asyncio.Future[Answer]] = {}

    def pay_from(self, purse: Purse) -> None:
        """From now on every attempt is paid from a purse."""
        self._meter = meter_of(self.model, self.candidate, self._settings, purse)

    def stored(self, ask: Ask) -> Answer | None:
        """The answer to a question if it is there already."""
        return self._known.get(key_of(ask))

    def answers(self) -> Iterable[Answer]:
        """All that the model answered as a judge, whoever's question it was."""
        return self._known.values()

    def calls(self) -> Calls:
        """What the answers that were used took, in the order in which they were used; of stored ones too."""
        used, at = list(self.used.values()), {one.key: one.at for one in self._store.paid(self.version)}
        tokens = {kind: np.array([getattr(usage, f"{kind}_tokens") for usage in used], float) for kind in TOKENS}
        tiers = {usage.service_tier for usage in used if usage.service_tier not in STANDARD}
        return Calls(
            tokens={kind: counts for kind, counts in tokens.items() if counts.any()},
            machine_s=np.array([usage.machine_s for usage in used], float),
            attempts=np.array([usage.attempts for usage in used], np.int32),
            unmetered=np.array([usage.unmetered for usage in used], np.int32),
            services={tier: np.array([usage.service_tier == tier for usage in used]) for tier in tiers},
            at=np.array([at.get(key, 0.0) for key in self.used], float),
        )

    async def answer(self, ask: Ask) -> Answer:
        """The answer to a question, stored. Raises NotAsked where there is none."""
        key = key_of(ask)
        known = self._known.get(key)
        if known is None:
            coming = self._coming.get(key)
            if coming is None:
                coming = self._coming[key] = asyncio.ensure_future(self._asked(key, ask))
            try:
                known = await asyncio.shield(coming)
            except asyncio.CancelledError:
                if not coming.cancelled():
                    raise
                raise NotAsked(f"the {self._role} was given up: {self.health.given_up}") from None
        self.used[key] = known.usage
        if known.failure is not None:
            raise NotAsked(f"the {self._role} could not be asked: {known.failure.message}")
        return known

    async def close(self) -> None:
        """Stops what is being asked, waits until what was answered is stored, and closes the model."""
        for coming in self._coming.values():
            coming.cancel()
        await asyncio.gather(*self._coming.values(), return_exceptions=True)
        await self._journal.settle()
        await self.model.close()

    async def _asked(self, key: AnswerKey, ask: Ask) -> Answer:
        try:
            if self.why_not:
                raise NotAsked(self.why_not)
            if self.health.given_up:
                raise NotAsked(f"the {self._role} was given up: {self.health.given_up}")
            self.n_asked += 1
            try:
                answer = await self._meter.answer(ask.messages)
            except PurseEmpty:
                self.n_asked -= 1
                raise NotAsked(f"the budget ended before the {self._role} was asked") from None
            self._note(key, answer)
            await self._journal.add(key, answer)
            if answer.failure is None:
                self._known[key] = answer
            return answer
        except asyncio.CancelledError:
            if not self.health.given_up:
                raise
            raise NotAsked(f"the {self._role} was given up: {self.health.given_up}") from None
        finally:
            self._coming.pop(key, None)

    def _note(self, key: AnswerKey, answer: Answer) -> None:
        """Calls off all else that is on its way, once this answer shows that the judge is out of reach."""
        self.health.note(answer)
        if self.health.given_up:
            for other, coming in self._coming.items():
                if other != key:
                    coming.cancel()


def key_of(ask: Ask) -> AnswerKey:
    """The key that the answer to a question is stored under."""
    return AnswerKey(content_hash(ask.messages), ask.repeat)


class _Journal:
    """Stores answers in groups: whoever adds one waits until the group that it is in is on disk."""

    def __init__(self, store: Store, version: str, clock: Callable[[], float]) -> None:
        self._store, self._version, self._clock = store, version, clock
        self._pending: list[tuple[StoredAnswer, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def add(self, key: AnswerKey, answer: Answer) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append((StoredAnswer(self._version, key, answer, self._clock()), done))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(self._write())
        await done

    async def settle(self) -> None:
        """Waits until nothing is left to be written."""
        if self._writing is not None:
            await asyncio.gather(self._writing, return_exceptions=True)

    async def _write(self) -> None:
        while self._pending:
            group, self._pending = self._pending, []
            problem: BaseException | None = None
            try:
                await asyncio.to_thread(self._store.add, [record for record, _ in group])
            except Exception as raised:  # noqa: BLE001 (handed to those who wait for it)
                problem = raised
            for _, done in group:
                if done.cancelled():
                    continue
                if problem is None:
                    done.set_result(None)
                else:
                    done.set_exception(problem)
