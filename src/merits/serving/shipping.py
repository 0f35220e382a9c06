"""Brings what is in a worker's journal to the live store, in batches, from a thread of its own.

A store that is away is tried again until it is back; answering goes on meanwhile.
"""

from __future__ import annotations

import asyncio
import errno
import os
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from merits.core.doors import LiveStore
from merits.core.errors import MeritsError, StoreError
from merits.core.live import Served
from merits.core.serving import Sync
from merits.serving.journal import Entry, Journal, Segment, segments_of
from merits.serving.set_aside import set_aside

__all__ = ["Shipper"]

_EVERY_S = 0.2
_AT_ONCE = 1000
_LONGEST_WAIT_S = 10.0
_OF_THE_RECORD = (MeritsError, ValueError, TypeError, OverflowError)  # msgspec's errors are among them
_force_onto_disk = getattr(os, "fdatasync", os.fsync)  # macOS has only the second


class Shipper:
    """The thread. `note` is told what went wrong (once for each change).

    `is_up` says whether the store took what it was given last. `synced` waits until what was written is forced onto the
    disk, where `sync` is "always": one force serves all that wait.
    """

    def __init__(
        self,
        journal: Journal,
        store: LiveStore,
        *,
        sync: Sync = "interval",
        every_s: float = _EVERY_S,
        note: Callable[[str, str], object] = lambda event, text: None,
    ) -> None:
        self.journal, self.is_up, self.refused = journal, True, 0
        self._store, self._sync, self._every_s = store, sync, every_s
        self._note = note
        self._shipped: Callable[[list[Entry]], object] = lambda entries: None
        self._wake, self._stop = threading.Event(), threading.Event()
        self._wait_until, self._wait_s = 0.0, 0.5
        self._synced_at: tuple[Segment, int] | None = None
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
        self._waiting_lock = threading.Lock()
        self._sync_wake = threading.Event()
        self._threads = [threading.Thread(target=self._run, name="merits-shipper", daemon=True)]
        if sync == "always":
            self._threads.append(threading.Thread(target=self._run_sync, name="merits-sync", daemon=True))
        journal.on_rotation = self._wake.set

    def told(self, shipped: Callable[[list[Entry]], object]) -> None:
        """Sets who is told what the store has."""
        self._shipped = shipped

    def start(self) -> None:
        """Begins."""
        for thread in self._threads:
            thread.start()

    def stop(self, seconds: float = 5.0) -> bool:
        """Ships what is left, for so many seconds at most; whether the store has all of it."""
        self._stop.set()
        self._wake.set()
        self._sync_wake.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(timeout=seconds)
        return not self.journal.unshipped_bytes

    async def synced(self) -> None:
        """Waits for the disk, where that was asked for. OSError where the disk refused."""
        if self._sync != "always":
            return
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        with self._waiting_lock:
            self._waiting.append((loop, done))
        self._sync_wake.set()
        await done

    def ship(self) -> bool:
        """Ships what there is now; whether the store has all of it."""
        for segment in segments_of(self.journal):
            is_full = segment is not self.journal.current  # asked before: meanwhile more may come, and then a rotation
            if not self._ship(segment):
                return False
            if is_full and segment in self.journal.sealed:
                self.journal.sealed.remove(segment)
                if segment.is_damaged or segment.shipped < segment.end:
                    where = "in part" if segment.is_damaged else f"from byte {segment.shipped} on"
                    self._note("journal-damaged", f"{segment.path.name} cannot be read {where}; the file is kept")
                    segment.set_aside()
                else:
                    segment.remove()
        return True

    def _run(self) -> None:
        told = ""
        while not self._stop.is_set():
            self._wake.wait(self._every_s)
            self._wake.clear()
            try:
                self.journal.make_spare()
                if self._sync == "interval":
                    self._force()
                if time.monotonic() >= self._wait_until:
                    self.ship()
                told = ""
            except Exception as problem:  # noqa: BLE001 (what waits must be tried again, whatever it was)
                said = f"{type(problem).__name__}: {problem}"
                if said != told:
                    self._note("journal", f"nothing could be brought to the store: {said}")
                    told = said
        self.ship()

    def _ship(self, segment: Segment) -> bool:
        end = segment.end
        while segment.shipped < end:
            batch: list[Entry] = []
            upto = segment.shipped
            for entry, upto in segment.read(segment.shipped, end):  # noqa: B007 (used after the loop)
                batch.append(entry)
                if len(batch) >= _AT_ONCE:
                    break
            if not batch:
                return True  # nothing that can be read
            if not self._added(batch):
                return False
            segment.note_shipped(upto)
            self._shipped(batch)
        return True

    def _added(self, batch: list[Entry]) -> bool:
        try:
            self._store.add(batch)
        except StoreError as problem:
            self._away(str(problem))
            return False
        except _OF_THE_RECORD as problem:  # one that the store cannot hold must not stop the others
            if len(batch) > 1:
                return all(self._added([entry]) for entry in batch)
            if not self._refuse(batch[0], problem):
                return False
        except Exception as problem:  # noqa: BLE001 (of this process: no memory, no thread; what waits is kept)
            self._away(f"{type(problem).__name__}: {problem}")
            return False
        if not self.is_up:
            self.is_up = True
            self._note("store-back", "the live store takes records again")
        self._wait_s = 0.5
        return True

    def _away(self, text: str) -> None:
        self._wait_until = time.monotonic() + self._wait_s * random.uniform(0.5, 1.0)
        self._wait_s = min(_LONGEST_WAIT_S, self._wait_s * 2)
        if self.is_up:
            self.is_up = False
            self._note("store-away", text)

    def _refuse(self, entry: Entry, problem: Exception) -> bool:
        """Sets a record aside that the store cannot hold, to be looked at; whether there was room for it."""
        kind = "served" if isinstance(entry, Served) else "feedback"
        said = str(problem) if isinstance(problem, MeritsError) else f"{type(problem).__name__}: {problem}"
        try:
            set_aside(self.journal.folder, entry, said)
        except OSError as full:
            self._away(f"a record that the store does not take cannot be set aside: {full}")
            return False
        self.refused += 1
        self._note("record-refused", f"{kind} {entry.request}: {said}")
        return True

    def _run_sync(self) -> None:
        while not self._stop.is_set() or self._waiting:
            self._sync_wake.wait(1.0)
            self._sync_wake.clear()
            with self._waiting_lock:
                waiting, self._waiting = self._waiting, []
            if not waiting:
                continue
            problem: OSError | None = None
            try:
                self._force()
            except OSError as found:
                problem = found
                self._note("journal", f"the disk refused what was to be forced onto it: {found}")
            for loop, done in waiting:
                with suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(_done, done, problem)

    def _force(self) -> None:
        segment = self.journal.current
        state = (segment, segment.end)
        if state != self._synced_at:
            for each in [*self.journal.sealed[-1:], segment]:
                try:
                    _force_onto_disk(each.fd)
                except OSError as problem:
                    if problem.errno != errno.EBADF:  # shipped meanwhile, and let go of
                        raise
            self._synced_at = state


def _done(future: asyncio.Future[None], problem: OSError | None) -> None:
    if future.done():
        return
    if problem is None:
        future.set_result(None)
    else:
        future.set_exception(problem)
