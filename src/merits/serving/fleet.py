"""The releases that are loaded, and which of them serves: follows the rollouts without dropping a request."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from merits.core.errors import CandidateError, MeritsError
from merits.core.live import Arm, Rollout
from merits.core.release import Release, model_name
from merits.serving.opened import Opened
from merits.serving.refusals import Refusal
from merits.serving.rollouts import arms_for
from merits.serving.unit import Unit

__all__ = ["Fleet", "Line", "Opened", "Opener"]

Opener: TypeAlias = Callable[[Release, Path], Awaitable[Unit]]
_LONGEST_WAIT_S = 60.0


@dataclass
class Line:
    """A task that is served: the rollout in force, and its releases, by version."""

    task: str
    rollout: Rollout
    units: dict[int, Opened]

    @property
    def champion(self) -> Opened:
        """The release that serves."""
        return self.units[self.rollout.champion]

    @property
    def takes_files(self) -> bool:
        """Whether any of them reads pictures or sounds."""
        return any(opened.takes_files for opened in self.units.values())

    def unit(self, pinned: int | None) -> Opened:
        """The release of that version, or the one that serves."""
        return self.units[self.rollout.champion if pinned is None else pinned]

    def arms(self, request: str, user: str, pinned: int | None) -> tuple[Opened, Arm, Opened | None]:
        """Who answers, as what, and who does so silently beside; a pinned version answers alone."""
        rollout = self.rollout
        if rollout.challenger is None and pinned is None:
            return self.units[rollout.champion], "champion", None
        if pinned is not None:
            arm: Arm = "challenger" if pinned == rollout.challenger else "champion"
            return self.units[pinned], arm, None
        answering, shadow = arms_for(rollout, request, user)
        silent = None if shadow is None else self.units.get(shadow)
        return self.units[answering], "champion" if answering == rollout.champion else "challenger", silent


@dataclass
class Fleet:
    """All lines. `renew` brings them to what the live store says; one call at a time.

    `opened` loads a release from its folder, `folder/TASK/VERSION`. What cannot be loaded leaves the line as it was,
    is noted, and is tried again after a growing wait.
    """

    folder: Path
    opened: Opener
    note: Callable[[str, str], object] = lambda event, text: None
    lines: dict[str, Line] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    _again: dict[tuple[str, int], tuple[float, float]] = field(default_factory=dict)
    _closing: set[asyncio.Task[None]] = field(default_factory=set)

    def find(self, model: str, tasks: frozenset[str] = frozenset()) -> tuple[Line, int | None]:
        """The line that a model's name means, and the version where it names one.

        Refusal 404 for what is not served, 403 for a task that the key is not for (`tasks`, any where it is empty).
        """
        name, at, version = model.removeprefix("merits/").partition("@")
        line = self.lines.get(name)
        if line is None or (at and not (version.isdecimal() and len(version) < 10 and int(version) in line.units)):
            served = ", ".join(self.names(tasks)) or "nothing yet"
            raise Refusal(
                404, "model_not_found", f"The model {model[:120]!r} is not served. Served: {served}.", param="model"
            )
        if tasks and name not in tasks:
            raise Refusal(403, "task", f"This API key is not for {name!r}.", param="model")
        return line, int(version) if version else None

    def names(self, tasks: frozenset[str] = frozenset()) -> list[str]:
        """The names of all models that are served (for these tasks)."""
        lines = [line for name, line in sorted(self.lines.items()) if not tasks or name in tasks]
        return [name for line in lines for name in (model_name(line.task), *_versions(line))]

    async def renew(self, rollouts: Mapping[str, Rollout], releases: Mapping[str, Sequence[Release]]) -> None:
        """Opens what is to serve, puts it in force, and lets go of what serves no more once nobody is at it."""
        for task, rollout in rollouts.items():
            line = self.lines.get(task)
            if line is not None and line.rollout == rollout:
                continue
            found = await self._units(task, rollout, line, releases.get(task, ()))
            if found is None:
                continue
            old = line.units if line is not None else {}
            self.lines[task] = Line(task, rollout, found)
            self.problems.pop(task, None)
            self.note("serving", f"{task}: release {rollout.champion}{_beside(rollout)}")
            for version, opened in old.items():
                if version not in found:
                    self._retire(opened)

    async def _units(
        self, task: str, rollout: Rollout, line: Line | None, releases: Sequence[Release]
    ) -> dict[int, Opened] | None:
        wanted = {rollout.champion}
        if rollout.challenger is not None and rollout.mode != "alone":
            wanted.add(rollout.challenger)
        found = {v: line.units[v] for v in wanted if v in line.units} if line is not None else {}
        fresh: list[Opened] = []
        for version in sorted(wanted - set(found)):
            if time.monotonic() >= self._again.get((task, version), (0.0, 0.0))[0]:
                opened = await self._open(task, version, releases)
                if opened is not None:
                    fresh.append(opened)
                    found[version] = opened
                    continue
            for other in fresh:
                self._retire(other)
            return None
        return found

    async def _open(self, task: str, version: int, releases: Sequence[Release]) -> Opened | None:
        release = next((release for release in releases if release.version == version), None)
        folder = self.folder / task / str(version)
        try:
            if release is None:
                raise CandidateError(f"the store has no release {version} of {task!r}.", "Make it: merits release")
            unit = await self.opened(release, folder)
            try:
                opened = Opened(unit, folder)
            except BaseException:
                await unit.close()
                raise
        except Exception as problem:  # noqa: BLE001 (whatever a library raises: what serves goes on to serve)
            if not isinstance(problem, MeritsError | OSError):
                problem = CandidateError(f"{type(problem).__name__}: {problem}", "The release cannot be opened here.")
            self.problems[task] = str(problem)
            wait_s = min(_LONGEST_WAIT_S, 2 * self._again.get((task, version), (0.0, 0.5))[1])
            self._again[task, version] = (time.monotonic() + wait_s, wait_s)
            self.note("cannot-open", f"{task}@{version}: {problem}")
            return None
        self._again.pop((task, version), None)
        return opened

    def leave(self, opened: Opened) -> None:
        """One request less is at it."""
        opened.users -= 1
        if opened.retired and not opened.users:
            self._close(opened)

    async def close(self) -> None:
        """Closes everything."""
        for line in self.lines.values():
            for opened in line.units.values():
                self._retire(opened)
        self.lines = {}
        while self._closing:
            await asyncio.wait(self._closing, timeout=5.0)

    def _retire(self, opened: Opened) -> None:
        opened.retired = True
        if not opened.users:
            self._close(opened)

    def _close(self, opened: Opened) -> None:
        task = asyncio.ensure_future(opened.unit.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _versions(line: Line) -> list[str]:
    return [model_name(line.task, version) for version in sorted(line.units)]


def _beside(rollout: Rollout) -> str:
    if rollout.challenger is None or rollout.mode == "alone":
        return ""
    return f", {rollout.mode} {rollout.challenger} at {rollout.share:.0%}"
