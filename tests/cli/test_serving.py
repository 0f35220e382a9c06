"""`merits serve` and `merits keys` as somebody types them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from merits.core.live import Rollout
from merits.store import open_live
from merits.testing.serving import a_release
from tests.cli.conftest import Merits


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MERITS_LIVE", raising=False)
    return tmp_path


def test_keys_are_made_listed_rotated_and_ended(merits: Merits, here: Path) -> None:
    """By id or name; the hash is not shown."""
    code, out, _ = merits("keys", "create", "--task", "t", "--name", "shop", "--budget", "5 EUR", "--json")
    key = json.loads(out)["key"]
    assert (code, key[:3], len(key)) == (0, "mk_", 46)
    code, out, _ = merits("keys", "list", "--task", "t", "--json")
    (listed,) = json.loads(out)["keys"]
    assert (listed["name"], listed["budget"], listed["currency"], listed["state"]) == ("shop", 5.0, "EUR", "in use")
    assert "hash" not in listed
    assert merits("keys", "rotate", "shop", "--task", "t")[1].split()[0] != key
    assert merits("keys", "revoke", listed["id"], "--task", "t")[0] == 0
    assert json.loads(merits("keys", "list", "--task", "t", "--json")[1])["keys"][0]["state"] == "revoked"


@pytest.mark.parametrize(
    ("line", "found", "step"),
    [
        ("serve t", "no release of 't'", "merits release"),
        ("serve nowhere.yaml", "no task file 'nowhere.yaml'", ""),
        ("serve t --port 99999", "99999 is no port", "0 to 65535"),
        ("keys rotate --task t", "say which key", "merits keys list"),
        ("keys revoke nobody --task t", "no key 'nobody'", ""),
        ("keys create --task t --budget much", "no amount of money", "50 USD"),
        ("keys create --task t --scope everything", "everything", ""),
    ],
)
def test_what_cannot_be_done_is_said(merits: Merits, line: str, found: str, step: str) -> None:
    """With the next step."""
    code, _, err = merits(*line.split())
    assert code == 2
    assert found in err
    assert step in err


@pytest.mark.parametrize(
    "line", ["serve", "keys create", "keys list", "release", "monitor", "feedback labels.csv", "alerts"]
)
def test_without_a_task_the_next_step_is_one(merits: Merits, here: Path, line: str) -> None:
    """Of the user's own, where there are some: other YAML files are none."""
    code, _, err = merits(*line.split())
    assert (code, err) == (
        2,
        "error: there is no merits.yaml here.\n  next: Make one from your data: merits init DATA.csv\n",
    )
    (here / "compose.yaml").write_text("services: {}\n")
    (here / "films.yaml").write_text(TASK)
    code, _, err = merits(*line.split())
    assert (code, "next: Name yours (films.yaml), or make one from your data: merits init DATA.csv" in err) == (2, True)
    code, _, err = merits("serve", "films")
    assert (code, "next: A task file is named with its ending: merits serve films.yaml" in err) == (2, True)


def test_a_key_for_a_task_that_nobody_released_is_made_and_said(merits: Merits, here: Path) -> None:
    """It may come later; the key alone is on stdout."""
    (here / ".merits").mkdir()
    store = open_live(here / ".merits" / "live.sqlite")
    store.add([a_release(task="films")])
    store.close()
    code, out, err = merits("keys", "create", "--task", "films", "--only-task", "flims", "--only-task", "films")
    assert (code, len(out.split())) == (0, 1)
    assert "No release of 'flims' is known yet. Did you mean 'films'?\n" in err
    assert err.count("No release") == 1


def test_a_mistyped_task_leaves_no_store_behind(merits: Merits, here: Path) -> None:
    """A store that nobody asked for would be found later, and be empty."""
    assert merits("serve", "tikets")[0] == 2
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("verb", ["releases", "rollback", "rollout", "serve", "alerts", "monitor", "retrain"])
def test_a_live_store_that_was_mistyped_is_not_made(
    verb: str, merits: Merits, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In an empty one nothing serves, and nobody would look for the other."""
    (here / "t.csv").write_text(DATA)
    (here / "merits.yaml").write_text(TASK)
    code, _, err = merits(verb, "--live", "lives.sqlite")
    assert (code, "there is no live store at lives.sqlite" in err) == (2, True)
    monkeypatch.setenv("MERITS_LIVE", "nowhere/live.sqlite")
    code, _, err = merits(verb)
    assert (code, "there is no live store at nowhere/live.sqlite" in err) == (2, True)
    assert sorted(one.name for one in here.iterdir()) == ["merits.yaml", "t.csv"]


def test_a_database_of_another_kind_is_refused(merits: Merits) -> None:
    """Without what its URL may hold."""
    code, out, err = merits("keys", "list", "--task", "t", "--live", "redis://me:hidden@db/0")
    assert (code, out, "a live store cannot be at redis://..." in err, "hidden" in err) == (2, "", True, False)


def test_a_release_that_waits_is_the_next_step(merits: Merits, here: Path) -> None:
    """And a task of another name where that was meant."""
    (here / ".merits").mkdir()
    store = open_live(here / ".merits" / "live.sqlite")
    store.add([a_release()])
    store.close()
    code, _, err = merits("serve", "t")
    assert (code, "next: Let one serve: merits release --activate 1" in err) == (2, True)
    code, _, err = merits("serve", "tt")
    assert (code, "next: Did you mean 't'?" in err) == (2, True)


def test_nobody_can_be_let_in_without_a_key(merits: Merits, here: Path) -> None:
    """It is said before anything listens."""
    (here / ".merits").mkdir()
    store = open_live(here / ".merits" / "live.sqlite")
    store.add([a_release(), Rollout(task="t", at=0.0, champion=1)])
    store.close()
    code, _, err = merits("serve", "t", "--port", "0")
    assert code == 2
    assert "merits keys create" in err


DATA = "text,label\n" + "".join(
    f"a {'good' if n % 2 else 'bad'} film {n},{'pos' if n % 2 else 'neg'}\n" for n in range(40)
)
TASK = "name: films\ndata: t.csv\ninput: text\ntarget: label\ncandidates: [most-common]\nserve: {workers: 2, port: 0}\n"


def test_a_decision_is_served_by_two_workers_until_they_are_told_to_stop(merits: Merits, here: Path, client_of) -> None:  # type: ignore[no-untyped-def]
    """From the task file to an answer in the store."""
    (here / "t.csv").write_text(DATA)
    (here / "merits.yaml").write_text(TASK)
    merits("run", "--quiet")
    code, _, err = merits("release", "--candidate", "most-common", "--reason", "a test")
    assert code == 0, err
    key = json.loads(merits("keys", "create", "--json")[1])["key"]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "merits", "serve"]
    with (here / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=here, stdout=subprocess.PIPE, stderr=log, text=True, env=env)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        ask = client_of(url, key)
        said = [ask("/predict", {"input": f"a film {n}"}) for n in range(6)]
        assert [status for status, _ in said] == [200] * 6
        assert said[0][1]["merits"]["release"] == "merits/films@1"
        os.kill(listening(here / "log", 2)[0], signal.SIGKILL)
        waits = []
        while len(listening(here / "log")) < 3:
            begun = time.monotonic()
            assert ask("/predict", {"input": "a film"}, timeout=5)[0] == 200  # the one that lives takes all
            waits.append(time.monotonic() - begun)
        assert len(waits) > 10
    finally:
        process.send_signal(signal.SIGHUP)  # as when a terminal closes
        assert process.wait(timeout=60) == 0
        process.stdout.close()
    store = open_live(here / ".merits" / "live.sqlite", write=False)
    assert store.last_number("films") >= 6
    store.close()
    events = [json.loads(line)["event"] for line in (here / "log").read_text().splitlines()]
    assert events.count("stopped") == 2


def listening(log: Path, n: int = 0, seconds: float = 60.0) -> list[int]:
    """The processes that began to listen, once there are n."""
    end = time.monotonic() + seconds
    while True:
        lines = [json.loads(line) for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")]
        found = [int(line["message"].split()[-1].rstrip(")")) for line in lines if line.get("event") == "listening"]
        if len(found) >= n or time.monotonic() > end:
            return found
        time.sleep(0.05)


@pytest.fixture
def client_of():  # type: ignore[no-untyped-def]
    """Asks an address, patiently: workers may still be opening the release."""
    import urllib.request

    def make(url: str, key: str):  # type: ignore[no-untyped-def]
        def ask(path: str, value: object, timeout: float = 90) -> tuple[int, dict[str, object]]:
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            request = urllib.request.Request(url + path, json.dumps(value).encode(), headers)
            with urllib.request.urlopen(request, timeout=timeout) as came:
                return came.status, json.loads(came.read())

        time.sleep(0.1)
        return ask

    return make
