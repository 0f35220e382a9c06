"""Which release answers: shares, stickiness, shadows; and switching without dropping a request."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from merits.core.live import Rollout
from merits.core.serving import ServeSettings
from merits.production.rolled_out import _compared
from merits.serving.rollouts import arms_for
from merits.serving.unit import Reply
from merits.testing.live import MemoryLive
from merits.testing.models import Constant, Slow
from merits.testing.serving import ModelUnit, a_release, served

Make = Callable[..., Any]


def rollout(**more: Any) -> Rollout:
    """Of two releases."""
    return Rollout(**{"task": "t", "at": 0.0, "champion": 1, "challenger": 2, "seed": "s", **more})


def test_a_canary_gets_its_share_and_keeps_its_users() -> None:
    """10 % of 20,000, within four standard errors; each user is always sent to the same."""
    plan = rollout(mode="canary", share=0.1)
    arms = {f"user {n}": arms_for(plan, f"r{n}", f"user {n}") for n in range(20_000)}
    share = sum(answering == 2 for answering, _ in arms.values()) / len(arms)
    assert abs(share - 0.1) < 4 * (0.1 * 0.9 / 20_000) ** 0.5
    assert all(shadow is None for _, shadow in arms.values())
    assert all(arms_for(plan, "another", user) == found for user, found in list(arms.items())[:500])


def test_a_larger_share_takes_nobody_back() -> None:
    """Who was sent to the challenger stays there when its share grows."""
    few, many = rollout(mode="canary", share=0.1), rollout(mode="canary", share=0.3)
    users = [f"u{n}" for n in range(2000)]
    assert {u for u in users if arms_for(few, "r", u)[0] == 2} < {u for u in users if arms_for(many, "r", u)[0] == 2}


def test_another_seed_sends_others() -> None:
    """Comparisons are independent of each other."""
    users = [f"u{n}" for n in range(2000)]
    one, two = (
        {u for u in users if arms_for(rollout(mode="a/b", share=0.5, seed=seed), "r", u)[0] == 2} for seed in "st"
    )
    assert 350 < len(one & two) < 650


def test_a_shadow_answers_beside_and_nobody_else() -> None:
    """The champion answers all."""
    plan = rollout(mode="shadow", share=0.5)
    found = [arms_for(plan, f"r{n}") for n in range(2000)]
    assert {answering for answering, _ in found} == {1}
    assert 850 < sum(shadow == 2 for _, shadow in found) < 1150
    assert arms_for(rollout(mode="alone", share=1.0), "r") == (1, None)


def test_a_shadow_is_recorded_and_slows_nobody(tmp_path: Path, client: Make) -> None:
    """It has the request's id, costs the key nothing, and comes after the answer."""
    units = [
        ModelUnit(a_release(version=1), Constant("yes")),
        ModelUnit(a_release(version=2), Slow("no", 0.5), cost=9.0),
    ]
    with served(units, tmp_path, rollout=rollout(mode="shadow", share=1.0)) as running:
        begun = time.monotonic()
        said = client(running.url).post("/predict", {"input": "hi"})
        assert time.monotonic() - begun < 0.4
        running.until_stored(2)
    assert (said.json["output"], said.json["merits"]["arm"]) == ("yes", "champion")
    by_arm = {each.record.arm: each.record for each in running.live.served("t")}
    assert by_arm["champion"].request == by_arm["shadow"].request
    assert (by_arm["shadow"].answer.output, by_arm["shadow"].release, by_arm["shadow"].key) == ("no", 2, "")


def test_a_challenger_answers_for_real(tmp_path: Path, client: Make) -> None:
    """And a pinned version is what answers, whatever the share."""
    units = [ModelUnit(a_release(version=1), Constant("yes")), ModelUnit(a_release(version=2), Constant("no"))]
    with served(units, tmp_path, rollout=rollout(mode="canary", share=1.0)) as running:
        ask = client(running.url)
        assert ask.post("/predict", {"input": "hi"}).json["merits"]["arm"] == "challenger"
        assert ask.post("/predict", {"input": "hi", "model": "merits/t@1"}).json["output"] == "yes"


def test_another_release_takes_over_without_dropping_a_request(tmp_path: Path, client: Make) -> None:
    """Under load: every request is answered by one or the other, and the old one is closed once nobody is at it."""
    old, new = ModelUnit(a_release(version=1), Slow("old", 0.05)), ModelUnit(a_release(version=2), Constant("new"))
    live = MemoryLive()
    said: list[tuple[int, str]] = []
    with served([old, new], tmp_path, live=live) as running:
        ask, stop = client(running.url), threading.Event()

        def go_on() -> None:
            while not stop.is_set():
                came = ask.post("/predict", {"input": "hi"})
                said.append((came.status, came.json.get("output", "")))

        threads = [threading.Thread(target=go_on) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        live.add([Rollout(task="t", at=1.0, champion=2, previous=1)])
        end = time.monotonic() + 5.0
        while not old.closed and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(0.1)
        stop.set()
        for thread in threads:
            thread.join()
        running.until_stored(len(said))
    assert {status for status, _ in said} == {200}
    assert [output for _, output in said][-1] == "new"
    assert {output for _, output in said} == {"old", "new"}
    assert old.closed == 1


class Closable(ModelUnit):
    """Answers nothing once it is closed, as one whose files are gone."""

    async def answer(self, input: Any, *, deadline_s: float | None = None) -> Reply:
        """As in `Unit`."""
        assert not self.closed, "a closed release was asked"
        return await super().answer(input, deadline_s=deadline_s)


def test_who_waited_for_a_turn_is_answered_by_what_serves_then(tmp_path: Path, client: Make) -> None:
    """30 wait behind one when another release comes; who wants the old one by its version is told that it is gone."""
    old, new = Closable(a_release(version=1), Slow("old", 0.4)), Closable(a_release(version=2), Slow("new", 0.01))
    live = MemoryLive()
    said: list[tuple[int, str]] = []
    settings = ServeSettings(keys=False, concurrency=1)
    with served([old, new], tmp_path, live=live, settings=settings) as running:
        ask = client(running.url)

        def once(model: str) -> None:
            came = ask.post("/predict", {"input": "hi", "model": model})
            said.append((came.status, came.json.get("output", "")))

        names = ["merits/t"] * 30 + ["merits/t@1"]
        threads = [threading.Thread(target=once, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        time.sleep(0.2)
        live.add([Rollout(task="t", at=1.0, champion=2, previous=1)])
        for thread in threads:
            thread.join()
        desk = running.gateway.desk
        assert (desk.admission.in_flight, desk._asking, old.closed) == (0, 0, 1)
    assert sum(status == 200 for status, _ in said) >= 30
    assert {status for status, _ in said} <= {200, 404}
    assert [output for status, output in said if status == 200][-1] == "new"


def test_a_model_is_named_by_task_and_version(tmp_path: Path, client: Make) -> None:
    """With or without what says whose it is; a task's name holds no @, so what follows is a version or nothing."""
    with served([ModelUnit(a_release(), Constant("yes"))], tmp_path) as running:
        ask = client(running.url)
        assert [ask.chat(model=name).status for name in ("merits/t", "merits/t@1", "t", "t@1")] == [200] * 4
        assert {ask.chat(model=f"merits/{name}").status for name in ("t@", "t@2", "t@1@1", "t@x", "@", "@1")} == {404}


def test_a_release_that_cannot_be_opened_leaves_the_old_one_serving(tmp_path: Path, client: Make) -> None:
    """It is said at /readyz, and tried again."""
    live = MemoryLive()
    with served([ModelUnit(a_release(), Constant("yes"))], tmp_path, live=live) as running:
        live.add([Rollout(task="t", at=1.0, champion=9)])
        ask, end = client(running.url), time.monotonic() + 5.0
        while not ask.get("/readyz").json["cannot_open"] and time.monotonic() < end:
            time.sleep(0.1)
        assert ask.get("/readyz").json["cannot_open"] == ["t"]
        assert ask.post("/predict", {"input": "hi"}).json["output"] == "yes"
    (told,) = [line for line in running.log if "cannot-open" in line][:1]
    assert json.loads(told)["level"] == "error"


def test_what_a_client_decides_is_set_aside(tmp_path: Path, client: Make) -> None:
    """Naming a version, or a deadline of his own: none of it is said of the release."""
    units = [ModelUnit(a_release(version=n), Slow("yes", 0.3)) for n in (1, 2)]
    with served(units, tmp_path, rollout=rollout(mode="canary", share=0.5)) as running:
        ask = client(running.url)
        ask.post("/predict", {"input": "plain"})
        ask.post("/predict", {"input": "named", "model": "merits/t@2"})
        ask.post("/predict", {"input": "hurried"}, x_merits_deadline_s="0.05")
        running.until_stored(3)
        assert [each.record.aside for each in running.live.served("t")] == ["", "release", "deadline"]
        assert len(_compared(running.live, running.live.rollouts("t")[-1])) == 1
