"""Which releases are loaded and which of them serves, as rollouts come."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from merits.core.errors import DataError
from merits.core.live import Rollout
from merits.core.release import Release
from merits.serving import fleet as whole
from merits.serving.fleet import Fleet
from merits.serving.refusals import Refusal
from merits.serving.unit import Unit
from merits.testing.models import Constant
from merits.testing.serving import ModelUnit, a_release

RELEASES = {"t": [a_release("t", version) for version in (1, 2, 3)], "u": [a_release("u", 1)]}


class Home:
    """A fleet, what was opened for it, and what it noted. Versions in `broken` cannot be opened."""

    def __init__(self, folder: Path) -> None:
        self.units: list[ModelUnit] = []
        self.broken: set[int] = set()
        self.notes: list[tuple[str, str]] = []
        self.fleet = Fleet(folder, self._opened, lambda event, text: self.notes.append((event, text)))

    async def _opened(self, release: Release, folder: Path) -> Unit:
        assert folder == self.fleet.folder / release.task_name / str(release.version)
        if release.version in self.broken:
            raise DataError("a byte is not what it was.", "Copy it again.")
        self.units.append(ModelUnit(release, Constant("yes")))
        return self.units[-1]

    async def renew(self, *rollouts: Rollout) -> None:
        """As a worker does."""
        await self.fleet.renew({one.task: one for one in rollouts}, RELEASES)

    @property
    def closed(self) -> list[int]:
        """How often each unit was closed."""
        return [unit.closed for unit in self.units]


def champion(version: int, task: str = "t", **more: Any) -> Rollout:
    """A rollout."""
    return Rollout(task=task, at=float(version), champion=version, **more)


def test_another_release_comes_into_force_and_the_old_one_is_closed_when_its_last_request_has_left(
    tmp_path: Path,
) -> None:
    """No request is dropped, and none of its kind is opened twice."""

    async def run() -> None:
        home = Home(tmp_path)
        await home.renew(champion(1))
        old = home.fleet.lines["t"].champion
        old.users += 2
        await home.renew(champion(1))
        await home.renew(champion(2))
        assert home.fleet.lines["t"].champion.release.version == 2
        assert old.retired
        home.fleet.leave(old)
        await asyncio.sleep(0)
        assert home.closed == [0, 0]
        home.fleet.leave(old)
        await asyncio.sleep(0)
        assert home.closed == [1, 0]
        await home.fleet.close()
        assert home.closed == [1, 1]
        assert home.notes == [("serving", "t: release 1"), ("serving", "t: release 2")]

    asyncio.run(run())


def test_what_cannot_be_opened_leaves_the_old_one_serving_and_is_tried_again_after_a_growing_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The problem is told, and forgotten once it is mended."""
    now = 100.0
    monkeypatch.setattr(whole.time, "monotonic", lambda: now)

    async def run() -> list[float]:
        nonlocal now
        home = Home(tmp_path)
        await home.renew(champion(1))
        home.broken.add(2)
        tries = []
        for _ in range(80):
            before = len(home.notes)
            await home.renew(champion(2))
            tries += [now] if len(home.notes) > before else []
            now += 0.5
        assert home.fleet.lines["t"].champion.release.version == 1
        assert [*home.fleet.problems] == ["t"]
        assert home.fleet.problems["t"].startswith("a byte is not what it was.")
        home.broken.clear()
        now += 100.0
        await home.renew(champion(2))
        assert home.fleet.lines["t"].champion.release.version == 2
        assert not home.fleet.problems
        await home.fleet.close()
        return tries

    tries = asyncio.run(run())
    waits = [later - earlier for earlier, later in pairwise(tries)]
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0]


def test_a_challenger_that_cannot_be_opened_takes_the_new_champion_with_it(tmp_path: Path) -> None:
    """A rollout is in force whole or not at all: what was opened for it is closed again."""

    async def run() -> None:
        home = Home(tmp_path)
        await home.renew(champion(1))
        home.broken.add(3)
        await home.renew(champion(2, challenger=3, mode="canary", share=0.1))
        await asyncio.sleep(0)
        assert [*home.fleet.lines["t"].units] == [1]
        assert home.closed == [0, 1]
        await home.fleet.close()

    asyncio.run(run())


def test_a_challenger_is_opened_beside_who_serves_already(tmp_path: Path) -> None:
    """And closed when the comparison ends; one of a rollout that has ended is not opened at all."""

    async def run() -> None:
        home = Home(tmp_path)
        await home.renew(champion(1))
        await home.renew(champion(1, challenger=2, mode="shadow", share=1.0))
        line = home.fleet.lines["t"]
        answering, arm, silent = line.arms("r", "", None)
        assert (answering.release.version, arm, silent and silent.release.version) == (1, "champion", 2)
        assert line.arms("r", "", 2)[:2] == (line.units[2], "challenger")
        assert home.fleet.names() == ["merits/t", "merits/t@1", "merits/t@2"]
        await home.renew(champion(1, challenger=2))
        await asyncio.sleep(0)
        assert (len(home.units), home.closed) == (2, [0, 1])
        await home.fleet.close()
        assert ("serving", "t: release 1, shadow 2 at 100%") in home.notes

    asyncio.run(run())


def test_a_name_means_a_line_and_a_version_that_serve(tmp_path: Path) -> None:
    """What does not is a 404 with what does; a key of other tasks gets a 403."""

    async def run() -> None:
        home = Home(tmp_path)
        await home.renew(champion(2), champion(1, "u"))
        find = home.fleet.find
        assert find("merits/t")[1] is None
        assert find("t@2")[1] == 2
        assert find("merits/u@1")[0].task == "u"
        for name in ("merits/t@1", "merits/x", "", "merits/t@", "merits/t@-2", "merits/t@2.0", f"t@{'2' * 20}", "t@²"):
            with pytest.raises(Refusal) as told:
                find(name)
            assert told.value.status == 404
            assert "Served: merits/t, merits/t@2, merits/u, merits/u@1." in told.value.message
        with pytest.raises(Refusal) as told:
            find("merits/t", frozenset({"u"}))
        assert (told.value.status, told.value.code) == (403, "task")
        assert home.fleet.names(frozenset({"u"})) == ["merits/u", "merits/u@1"]
        await home.fleet.close()
        with pytest.raises(Refusal, match="nothing yet"):
            find("merits/t")

    asyncio.run(run())


def test_a_release_that_the_store_does_not_have_cannot_be_opened(tmp_path: Path) -> None:
    """The rollout came before it, or it was made elsewhere."""

    async def run() -> None:
        home = Home(tmp_path)
        await home.renew(replace(champion(1), champion=9))
        assert not home.fleet.lines
        assert "has no release 9" in home.fleet.problems["t"]

    asyncio.run(run())


@pytest.mark.parametrize("problem", [ValueError("of a library"), MemoryError(), RuntimeError("CUDA")])
async def test_whatever_a_library_raises_when_a_release_is_opened_leaves_what_serves(
    tmp_path: Path, problem: Exception
) -> None:
    """And is noted, and tried again after a wait."""
    home = Home(tmp_path)
    await home.renew(champion(1))
    opened, home.fleet.opened = home.fleet.opened, _raising(problem)
    await home.renew(champion(2))
    assert home.fleet.lines["t"].rollout.champion == 1
    assert home.notes[-1][0] == "cannot-open"
    assert type(problem).__name__ in home.notes[-1][1]
    home.fleet.opened = opened
    await home.fleet.close()


async def test_what_is_opened_and_then_cannot_be_read_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A unit for each second would fill the memory."""
    home = Home(tmp_path)

    def unreadable(*_: object) -> None:
        raise TypeError("reference.json is of another version")

    monkeypatch.setattr(whole, "Opened", unreadable)
    await home.renew(champion(1))
    assert home.closed == [1]
    assert "t" not in home.fleet.lines


def _raising(problem: Exception) -> Any:
    async def opened(release: Release, folder: Path) -> Unit:
        raise problem

    return opened
