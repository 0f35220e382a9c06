"""A challenger beside the release that serves: begun, looked at, ended, each with its reason."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from merits.cli import main
from merits.core.answer import Answer
from merits.core.doors import LiveStore
from merits.core.errors import UsageError
from merits.core.estimate import Estimate
from merits.core.live import LOOP, Feedback, LiveRecord, Rollout
from merits.core.release import Promise
from merits.core.task import Task
from merits.production.rolled_out import Trial, conclude_rollout, rollout_cost, rollout_status, start_rollout
from merits.stats import wilson
from merits.store import open_live
from merits.tasks.file import load_task
from merits.testing.contracts.live_store import release, served


@pytest.fixture
def task(tmp_path: Path) -> Task:
    rows = "".join(f"t{n},ticket {n},{'ham' if n % 2 else 'egg'}\n" for n in range(20))
    (tmp_path / "data.csv").write_text("id,input,target\n" + rows)
    text = "name: tickets\ndata: data.csv\nkind: classification\ncandidates: [{kind: constant, output: ham}]\n"
    (tmp_path / "merits.yaml").write_text(text)
    return load_task(tmp_path / "merits.yaml")


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveStore]:
    (tmp_path / ".merits").mkdir()
    store = open_live(tmp_path / ".merits" / "live.sqlite")
    store.add([release(1), release(2), Rollout(task="tickets", at=1.0, champion=1, reason="first")])
    yield store
    store.close()


def traffic(live: LiveStore, rollout: Rollout, n: int, old: float, new: float, seed: int = 0) -> None:
    """So many labelled requests, answered by the rules of the rollout."""
    rng = np.random.default_rng(seed)
    records: list[LiveRecord] = []
    for number in range(n):
        request, at = f"{seed}/{number}", rollout.at + 1.0 + number
        outputs = ["ham" if ok else "egg" for ok in rng.random(2) < (old, new)]
        first = served(request, outputs[0], at=at)
        second = replace(served(request, outputs[1], at=at), release=2)
        if rollout.mode == "shadow":
            records += [first, replace(second, arm="shadow")]
        else:
            records.append(replace(second, arm="challenger") if rng.random() < rollout.share else first)
        records.append(Feedback(request=request, task="tickets", at=at + 60.0, source="label", target="ham"))
    live.add(records)


def test_a_better_challenger_is_promoted_and_the_reason_is_kept(task: Task, live: LiveStore) -> None:
    """From the shadow; whoever looks later sees why."""
    begun = start_rollout(task, 2, mode="shadow", live=live, by="eva")
    assert (begun.champion, begun.challenger, begun.share, begun.by) == (1, 2, 1.0, "eva")
    assert rollout_status(task, live=live).verdict is None
    traffic(live, begun, 60, 0.7, 0.9)
    assert conclude_rollout(task, live=live) is None or rollout_status(task, live=live).rollout.champion == 2
    traffic(live, begun, 800, 0.7, 0.9, seed=1)
    ended = conclude_rollout(task, live=live)
    assert ended is not None
    assert (ended.champion, ended.challenger, ended.previous) == (2, None, 1)
    assert "tickets@2 is not worse by more than 2 points" in ended.reason
    assert live.rollouts("tickets")[-1] == ended


def test_what_the_loop_promotes_was_not_done_by_hand(task: Task, live: LiveStore) -> None:
    """It does what the evidence said; a person who promotes is said to have done it."""
    start_rollout(task, 2, live=live)
    ended = conclude_rollout(task, "promote", live=live, reason="it won", by=LOOP)
    assert ended is not None
    assert (ended.by, ended.reason) == ("the loop", "it won; nothing was compared yet")


def test_a_comparison_that_is_begun_again_says_that_the_chances_to_err_add_up(task: Task, live: LiveStore) -> None:
    """Else whoever begins again until it is promoted would be told of 5 %."""
    assert "comparison" not in start_rollout(task, 2, live=live, reason="try").reason
    conclude_rollout(task, "stop", live=live)
    again = start_rollout(task, 2, live=live, reason="try")
    assert again.reason == "try (comparison 2 with release 1: 5 % may err in each of them)"


def test_a_worse_canary_is_taken_back(task: Task, live: LiveStore) -> None:
    """Found though it answers a fifth only."""
    begun = start_rollout(task, 2, mode="canary", share=0.2, live=live)
    traffic(live, begun, 600, 0.9, 0.5)
    status = rollout_status(task, live=live)
    assert status.verdict is not None
    assert status.verdict.verdict == "roll back"
    ended = conclude_rollout(task, live=live)
    assert ended is not None
    assert (ended.champion, ended.challenger) == (1, None)
    assert "tickets@2 is certainly worse: solved" in ended.reason


def test_answers_of_a_fallback_are_failures_of_the_release(task: Task, live: LiveStore) -> None:
    """Users got an answer; the challenger gave none."""
    begun = start_rollout(task, 2, mode="shadow", live=live)
    for n in range(40):
        shadow = replace(served(f"r{n}", arm="shadow", at=begun.at + n), release=2, fallback=1)
        live.add([served(f"r{n}", at=begun.at + n), shadow])
    status = rollout_status(task, live=live)
    assert status.verdict is not None
    assert status.verdict.verdict == "roll back"
    assert "failures 100.0 %" in status.verdict.text


def test_what_was_served_before_it_began_does_not_count(task: Task, live: LiveStore) -> None:
    """Nor what another rollout compared."""
    traffic(live, Rollout(task="tickets", at=5.0, champion=1, challenger=2, mode="shadow"), 300, 0.1, 0.9)
    start_rollout(task, 2, mode="shadow", live=live)
    assert rollout_status(task, live=live).verdict is None


def test_a_few_microseconds_more_are_not_slow(task: Task, live: LiveStore) -> None:
    """Where the needs ask for no latency, only what is far from the promise and felt counts."""
    promise = Promise(metric="label", latency_p95_s=wilson(1, 1_000))
    live.add([replace(release(3), promise=promise), Rollout(task="tickets", at=2.0, champion=3)])
    begun = start_rollout(task, 2, mode="shadow", live=live)
    for seconds, expected in ((0.9, False), (1.1, True)):
        records: list[LiveRecord] = []
        for n in range(60):
            quick, late = (Answer("ham", latency_s=each) for each in (1e-6, seconds))
            one = replace(served(f"{seconds}/{n}", at=begun.at + n), release=3, answer=quick)
            records += [one, replace(one, release=2, arm="shadow", answer=late)]
        live.add(records)
        verdict = rollout_status(task, live=live).verdict
        assert verdict is not None
        assert (verdict.verdict == "roll back") == expected


def test_a_person_is_asked_and_may_decide_otherwise(task: Task, live: LiveStore) -> None:
    """Nothing happens where the answer is no; by hand is said in the reason."""
    begun = start_rollout(task, 2, mode="a/b", live=live)
    traffic(live, begun, 30, 0.9, 0.5)
    asked: list[str] = []

    def no(question: str) -> bool:
        asked.append(question)
        return False

    assert conclude_rollout(task, "promote", ask=no, live=live) is None
    assert asked[0].startswith("Release 2 serves instead of 1: by hand; ")
    assert live.rollouts("tickets")[-1] == begun
    ended = conclude_rollout(task, "stop", ask=lambda question: True, live=live, reason="holidays")
    assert ended is not None
    assert ended.reason.startswith("holidays; by hand; ")


def test_what_cannot_be_compared_is_said(task: Task, live: LiveStore) -> None:
    """With the next step."""
    for challenger, said in ((7, "no release 7; there are: 1, 2"), (1, "is the one that serves")):
        with pytest.raises(UsageError, match=said):
            start_rollout(task, challenger, live=live)
    with pytest.raises(UsageError, match=r"the share is 1\.5"):
        start_rollout(task, 2, share=1.5, live=live)
    with pytest.raises(UsageError, match="no release challenges 1"):
        conclude_rollout(task, live=live)
    start_rollout(task, 2, live=live)
    with pytest.raises(UsageError, match="is being compared with 1 already"):
        start_rollout(task, 2, live=live)


def test_nothing_serves_yet(task: Task) -> None:
    """A rollout needs a release to be beside."""
    store = open_live(":memory:")
    with pytest.raises(UsageError, match="no release of 'tickets' serves yet"):
        rollout_status(task, live=store)
    store.close()


def test_the_command_line_tells_the_story(
    task: Task, live: LiveStore, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Begin, look, conclude; exit codes are those of a gate."""
    monkeypatch.chdir(task.folder)
    assert main(["rollout", "--challenger", "2", "--mode", "shadow"]) == 0
    assert "release 2 answers silently beside 1 for 100% of the requests" in capsys.readouterr().out
    assert main(["rollout", "--status"]) == 3
    traffic(live, live.rollouts("tickets")[-1], 40, 0.8, 0.8)
    assert main(["rollout"]) == 3
    out = capsys.readouterr().out
    assert "go on: Not known yet" in out
    (Path(task.folder) / "labels.csv").write_text("request,target\n0/1,egg\nnobody,ham\n")
    assert main(["feedback", "labels.csv"]) == 0
    out = capsys.readouterr().out
    assert "2 of 2 rows added" in out
    assert "  unknown: 1 request ('nobody'); kept" in out
    assert "merits feedback --live PLACE labels.csv" in out
    (Path(task.folder) / "labels.csv").write_text("request,target\n0/1,egg\n0/1,ham\n")
    assert main(["feedback", "labels.csv"]) == 0
    out = capsys.readouterr().out
    assert "1 of 2 rows added" in out
    assert "  there already, word for word: 1\n" in out
    assert (
        "  contradicting what the same source said before: 1 request ('0/1'); the last word counts\n    next: " in out
    )
    assert main(["feedback", "labels.csv", "--dry-run"]) == 2
    assert main(["rollout", "--status", "--json"]) == 3
    assert '"schema": "merits.rollout/1"' in capsys.readouterr().out
    assert main(["rollout", "--stop", "--yes", "--reason", "enough"]) == 0
    assert "merits/tickets@1 serves from now on: enough; by hand" in capsys.readouterr().out
    assert main(["rollout"]) == 0
    assert main(["feedback"]) == 2


@pytest.mark.parametrize(("mode", "share", "saved"), [("shadow", 1.0, None), ("canary", 0.5, 0.01)])
def test_a_dry_run_says_what_a_day_of_it_is_likely_to_cost(
    task: Task,
    live: LiveStore,
    capsys: pytest.CaptureFixture[str],
    *,
    mode: Trial,
    share: float,
    saved: float | None,
) -> None:
    """By the promise of its release and the last day's traffic; and nothing begins."""
    money = Estimate(value=2.0, low=1.0, high=4.0, level=0.95, n=100, unit="money", currency="USD", method="t")
    dear = replace(release(3), promise=Promise(metric="label", cost_per_1000=money))
    cheap = replace(release(4), promise=Promise(metric="label", cost_per_1000=money.times(0.1)))
    live.add([dear, cheap, Rollout(task="tickets", at=2.0, champion=4)])
    live.add([served(f"r{n}", "ham", at=time.time() - 60.0) for n in range(100)])
    live.add([replace(served("r1", "ham", at=time.time()), arm="shadow"), served("old", "ham", at=time.time() - 2e5)])
    begun = start_rollout(task, 3, mode=mode, share=share, live=live, dry_run=True)
    cost = rollout_cost(task, begun, live=live)
    assert (cost.n_requests, cost.n_answers) == (100, 100 * share)
    assert cost.spent is not None
    assert cost.spent.value == pytest.approx(0.2 * share)
    assert (cost.saved and cost.saved.value) == (saved and pytest.approx(saved))
    file = str(Path(task.folder) / "merits.yaml")
    assert main(["rollout", file, "--challenger", "3", "--mode", mode, "--share", str(share), "--dry-run"]) == 0
    out, err = capsys.readouterr()
    assert f"it gives {100 * share:.0f} answers for " in out
    assert ("release 4 costs" in out) == (saved is not None)
    assert "nothing has begun" in err
    assert main(["rollout", file, "--challenger", "2", "--dry-run"]) == 0
    assert "release 2 has no price" in capsys.readouterr().out
    assert main(["rollout", file, "--dry-run"]) == 2
    assert live.rollouts("tickets")[-1].challenger is None


@pytest.mark.parametrize(("old", "new", "code"), [(0.7, 0.9, 0), (0.9, 0.5, 1)])
def test_watching_ends_when_there_is_something_to_do(
    task: Task, live: LiveStore, *, old: float, new: float, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Outcomes come while it looks."""
    file = str(Path(task.folder) / "merits.yaml")
    begun = start_rollout(task, 2, mode="shadow", live=live)
    later = threading.Timer(0.3, traffic, (live, begun, 900, old, new))
    later.start()
    assert main(["rollout", file, "--watch", "0.1"]) == code
    later.join()
    assert live.rollouts("tickets")[-1].champion == 2 - code
    assert f"merits/tickets@{2 - code} serves: " in capsys.readouterr().out
    assert main(["rollout", file, "--watch", "0.1"]) == 0  # nobody challenges: nothing to wait for


def test_what_users_correct_decides_nothing_unless_that_is_said(
    task: Task, live: LiveStore, capsys: pytest.CaptureFixture[str]
) -> None:
    """They correct what was wrong: on those requests the one that serves has solved none, however good it is."""
    begun = start_rollout(task, 2, mode="shadow", live=live)
    rng, records = np.random.default_rng(3), list[LiveRecord]()
    for n in range(1_500):
        at = begun.at + 1.0 + n
        old, new = ("ham" if ok else "egg" for ok in rng.random(2) < (0.9, 0.6))
        records.append(served(f"r{n}", old, at=at))
        records.append(replace(served(f"r{n}", new, at=at), release=2, arm="shadow"))
        if old == "egg":
            records.append(Feedback(request=f"r{n}", task="tickets", at=at, source="user", target="ham"))
    live.add(records)
    status = rollout_status(task, live=live)
    assert status.verdict is not None
    assert status.verdict.verdict == "go on"
    assert status.n_left_out > 100
    assert main(["rollout", str(Path(task.folder) / "merits.yaml")]) == 3
    assert f"of {status.n_left_out} requests only users spoke" in capsys.readouterr().out
    assert main(["rollout", str(Path(task.folder) / "merits.yaml"), "--users"]) == 0
