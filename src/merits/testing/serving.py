"""Units and a running gateway for tests: real ones, over models that are given."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from merits.candidates.meter import Meter
from merits.core.answer import Answer
from merits.core.candidate import Candidate
from merits.core.doors import Model
from merits.core.identity import JSON
from merits.core.input_schema import InputSchema
from merits.core.live import Rollout
from merits.core.needs import Needs
from merits.core.price import Price
from merits.core.release import ContentPolicy, Promise, Release
from merits.core.serving import ServeSettings
from merits.serving.telemetry import Log
from merits.serving.unit import Reply, Unit
from merits.testing.live import MemoryLive

if TYPE_CHECKING:
    from merits.serving.app import Gateway

__all__ = ["ModelUnit", "Served", "a_release", "served"]


def a_release(
    task: str = "t",
    version: int = 1,
    *,
    kind: str = "classification",
    candidate: Candidate | None = None,
    keep: bool = False,
    inputs: Sequence[str] = (),
    classes: Sequence[str] = (),
    price: Price | None = None,
    schema: InputSchema | None = None,
) -> Release:
    """A release that promises nothing."""
    candidate = candidate or Candidate(name="always", kind="constant", params={"output": "yes"})
    return Release(
        task="0" * 32,
        task_name=task,
        version=version,
        kind=kind,
        candidate=candidate if price is None else replace(candidate, price=price),
        candidate_version="v",
        promise=Promise(metric="accuracy"),
        needs=Needs(),
        scorers=(),
        made_at=0.0,
        merits="0",
        content=ContentPolicy(keep=keep),
        inputs=tuple(inputs),
        classes=tuple(classes),
        schema=schema,
    )


class ModelUnit:
    """A unit over a model. `pieces` are what a stream says before it ends as the model's answer does."""

    def __init__(
        self, release: Release, model: Model, *, cost: float | None = None, pieces: Sequence[str] | None = None
    ) -> None:
        self._release, self.model, self.cost, self.pieces = release, model, cost, pieces
        self.closed = 0

    @property
    def release(self) -> Release:
        """As in `Unit`."""
        return self._release

    async def answer(self, input: JSON, *, deadline_s: float | None = None) -> Reply:
        """As in `Unit`."""
        meter = Meter(self.model, timeout_s=60.0, retries=0, deadline_s=deadline_s)
        answer = await meter.answer(input)
        return Reply(answer, self.cost, self._release.needs.currency)

    async def stream(self, input: JSON, *, deadline_s: float | None = None) -> AsyncIterator[str | Reply]:
        """As in `Unit`."""
        for piece in self.pieces or ():
            yield piece
            await asyncio.sleep(0)
        reply = await self.answer(input, deadline_s=deadline_s)
        if self.pieces is None and reply.answer.failure is None:
            yield str(reply.answer.output)
        elif reply.answer.failure is None:
            reply = Reply(Answer("".join(self.pieces or ())), reply.cost, reply.currency)
        yield reply

    async def close(self) -> None:
        """As in `Unit`."""
        self.closed += 1
        await self.model.close()


@dataclass
class Served:
    """A gateway that runs in a thread. `units` are those that were opened, in order."""

    url: str
    live: MemoryLive
    gateway: Gateway
    units: list[Unit] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def until_stored(self, n: int, task: str = "t", seconds: float = 5.0) -> None:
        """Waits until the store has so many answers; AssertionError when it has not."""
        end = time.monotonic() + seconds
        while len(self.live.served(task)) < n:
            assert time.monotonic() < end, f"{len(self.live.served(task))} of {n} are stored"
            time.sleep(0.02)


class _Lines:
    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def write(self, text: str) -> int:
        self._lines.extend(text.splitlines())
        return len(text)

    def flush(self) -> None:
        pass


@contextmanager
def served(
    units: Sequence[Unit],
    folder: Path,
    *,
    live: MemoryLive | None = None,
    settings: ServeSettings | None = None,
    rollout: Rollout | None = None,
) -> Iterator[Served]:
    """A gateway on loopback over these units, the first of which serves unless a rollout says otherwise."""
    from merits.serving.worker import Place, running, serving

    settings = settings or ServeSettings(keys=False, port=0)
    live = live or MemoryLive()
    by_version = {(unit.release.task_name, unit.release.version): unit for unit in units}
    live.add([unit.release for unit in units])
    first = units[0].release
    live.add([rollout or Rollout(task=first.task_name, at=0.0, champion=first.version)])
    found = Served("", live, None)  # type: ignore[arg-type]

    async def opener(release: Release, folder: Path) -> Unit:
        unit = by_version[release.task_name, release.version]
        found.units.append(unit)
        return unit

    started, stop = threading.Event(), threading.Event()
    problems: list[BaseException] = []
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    found.url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    log = Log(_Lines(found.log))  # type: ignore[arg-type]

    async def main() -> None:
        place = Place(folder / "releases", folder / "journal")
        async with (
            running(settings, place, live, opener, log=log) as found.gateway,
            serving(settings, found.gateway, sock),
        ):
            started.set()
            await asyncio.to_thread(stop.wait)

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as problem:  # noqa: BLE001 (handed to the test's own thread)
            problems.append(problem)
        finally:
            started.set()

    thread = threading.Thread(target=run, name="gateway")
    thread.start()
    started.wait(10)
    try:
        if problems:
            raise problems[0]
        yield found
    finally:
        stop.set()
        thread.join(15)
        sock.close()
    if problems:
        raise problems[0]
