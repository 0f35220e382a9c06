"""Makes answers durable, then scores them: one thread commits in groups, another scores, and the loop goes on asking.

An answer counts only when its commit has returned. Scorers run on neither the loop nor the thread that commits: a slow
one (programs that run, networks that look at pictures) must not distort the seconds that remote models take, nor keep
answers that are paid for from the disk. Knows nothing about how answers are got.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeAlias

from merits.core.answer import Answer
from merits.core.doors import Store, StoredAnswer
from merits.core.errors import MeritsError, StoreError
from merits.evaluating.columns import Columns

__all__ = ["Recorder"]

Recorded: TypeAlias = Callable[[int, int, int], None]
Group: TypeAlias = list[tuple[int, int, Answer]]

_GROUP = 1_000
_MOST = 4_000
_FLUSH_S = 0.01  # between commits; what was answered since the last one is all that `kill -9` can lose
_BACKLOG = 16_000  # answers in memory that are not on disk and scored; past that, asking waits


class Recorder:
    """Takes answers on the event loop and records them in threads: committed first, then scored in the same order.

    `recorded(candidate, n_rows, n_failed)` is called on the loop once a group is scored. When the store fails,
    `problem` is set and `on_problem` is called on the loop: asking should stop. What was committed before stays.
    """

    def __init__(
        self,
        store: Store,
        columns: Columns,
        versions: tuple[str, ...],
        clock: Callable[[], float],
        recorded: Recorded,
    ) -> None:
        self._store = store
        self._columns = columns
        self._versions = versions
        self._clock = clock
        self._recorded = recorded
        self._loop = asyncio.get_running_loop()
        self._pending: deque[tuple[int, int, Answer]] = deque()
        self._wake = threading.Event()
        self._room = asyncio.Event()
        self._closing = False
        self._n_put = self._n_recorded = 0
        self._all_recorded = asyncio.Event()
        self.problem: BaseException | None = None
        self.on_problem: Callable[[], object] = lambda: None
        self._committed: SimpleQueue[Group] = SimpleQueue()  # an empty group ends it
        self._threads = [
            threading.Thread(target=self._commit_all, name="merits-recorder", daemon=True),
            threading.Thread(target=self._score_all, name="merits-scorer", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def put(self, candidate: int, question: int, answer: Answer) -> bool:
        """Whether there is room for more; when there is not, wait for `room`."""
        self._pending.append((candidate, question, answer))
        self._n_put += 1
        n = len(self._pending)
        if n in (1, _GROUP):
            self._wake.set()
        return self._n_waiting < _BACKLOG and self.problem is None

    async def room(self) -> None:
        """Waits until there is room. Raises what went wrong with recording."""
        while self.problem is None and self._n_waiting >= _BACKLOG:
            self._room.clear()
            await self._room.wait()
        self.check()

    async def flush(self) -> None:
        """Waits until all that was put is on disk and scored. Raises what went wrong with recording."""
        while self.problem is None and self._n_recorded < self._n_put:
            self._all_recorded.clear()
            self._wake.set()
            await self._all_recorded.wait()
        self.check()

    def check(self) -> None:
        """Raises what went wrong with recording, if anything did."""
        if self.problem is not None:
            raise self.problem

    def close(self) -> None:
        """Blocks until all that was put is recorded, or until that failed."""
        self._closing = True
        self._wake.set()
        for thread in self._threads:
            thread.join()

    @property
    def _n_waiting(self) -> int:
        return self._n_put - self._n_recorded

    # in the thread that commits

    def _commit_all(self) -> None:
        last = 0.0
        try:
            while not (self._closing and not self._pending):
                self._wake.wait()
                self._wake.clear()
                since = time.monotonic() - last
                if len(self._pending) < _GROUP and not self._closing and since < _FLUSH_S:
                    self._wake.wait(_FLUSH_S - since)
                    self._wake.clear()
                self._commit(self._take())
                last = time.monotonic()
                if self._pending:
                    self._wake.set()
        except BaseException as problem:  # noqa: BLE001 (raised again on the loop)
            self.problem = problem
        self._committed.put([])
        self._tell({})

    def _take(self) -> Group:
        pending = self._pending
        return [pending.popleft() for _ in range(min(len(pending), _MOST))]

    def _commit(self, group: Group) -> None:
        if not group:
            return
        now, keys, versions = self._clock(), self._columns.rows.keys, self._versions
        self._add([StoredAnswer(versions[candidate], keys[q], answer, now) for candidate, q, answer in group])
        self._committed.put(group)

    def _add(self, answers: list[StoredAnswer]) -> None:
        try:
            self._store.add(answers)
        except MeritsError:
            raise
        except Exception as problem:
            raise StoreError(f"the store did not take the answers: {type(problem).__name__}: {problem}.") from problem

    # in the thread that scores

    def _score_all(self) -> None:
        try:
            while group := self._committed.get():
                self._score(group)
        except BaseException as problem:  # noqa: BLE001 (raised again on the loop)
            self.problem = self.problem or problem
        self._tell({})

    def _score(self, group: Group) -> None:
        by_candidate: dict[int, list[tuple[int, Answer]]] = {}
        for candidate, question, answer in group:
            by_candidate.setdefault(candidate, []).append((question, answer))
        for candidate, answers in by_candidate.items():
            self._columns.record(candidate, answers)
        self._tell(by_candidate, len(group))

    # in either

    def _tell(self, by_candidate: dict[int, list[tuple[int, Answer]]], n_answers: int = 0) -> None:
        rows_of = self._columns.rows.rows_of
        counts = [
            (
                candidate,
                sum(len(rows_of[question]) for question, _ in answers),
                sum(len(rows_of[question]) for question, answer in answers if answer.failure is not None),
            )
            for candidate, answers in by_candidate.items()
        ]
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._told, counts, n_answers)

    # on the loop

    def _told(self, counts: list[tuple[int, int, int]], n_answers: int) -> None:
        self._n_recorded += n_answers
        self._room.set()
        self._all_recorded.set()
        if self.problem is not None:
            self.on_problem()
        for count in counts:
            self._recorded(*count)
