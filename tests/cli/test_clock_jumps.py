"""A machine's clock jumps a day ahead and an hour back under a real server and a real monitor (Debian's faketime)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from msgspec.structs import replace

from merits.core.doors import LiveStore
from merits.core.live import Feedback
from merits.store import open_live
from merits.testing.contracts.live_store import served as a_request

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
pytestmark = pytest.mark.skipif(LIBRARY is None, reason="needs faketime: apt-get install faketime")

DAY, HOUR = 86_400.0, 3_600.0
# faketime's clock_nanosleep takes no moment of the monotonic clock, which time.sleep gives it: EINVAL (0.9.10).
MERITS = """
import sys, threading, time
time.sleep = lambda seconds: threading.Event().wait(seconds)
from merits.cli import main
sys.exit(main(sys.argv[1:]))
"""
DATA = "text,label\n" + "".join(
    f"a {'good' if n % 2 else 'bad'} film {n},{'pos' if n % 2 else 'neg'}\n" for n in range(40)
)
TASK = """
name: films
data: t.csv
input: text
target: label
candidates: [most-common]
machine_per_hour: 0.1
serve: {port: 0, content: {keep: true, days: 30}}
monitor: {watch: {odd: 10}}
"""


@dataclass
class Machine:
    """A folder with a task, and a clock of its own for what runs there."""

    folder: Path
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def set(self, offset: str) -> None:
        """How far the wall clock is from the right time, as faketime writes it: "+1d"."""
        fresh = self.folder / "clock.new"
        fresh.write_text(f"{offset}\n")
        fresh.replace(self.folder / "clock")
        time.sleep(1.2)  # it is looked at every second

    @property
    def env(self) -> dict[str, str]:
        """What makes a process believe in it."""
        mine = {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self.folder / "clock"),
            "FAKETIME_CACHE_DURATION": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
            "FAKETIME_DISABLE_SHM": "1",
            "OMP_NUM_THREADS": "1",
        }
        return {name: value for name, value in os.environ.items() if name != "MERITS_LIVE"} | mine

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """A command that goes on."""
        with (self.folder / f"{words[0]}.log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", MERITS, *words],
                cwd=self.folder,
                env=self.env,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.running.append(process)
        return process

    def run(self, *words: str, code: int = 0) -> str:
        """What a command prints, once it has ended with that code."""
        done = subprocess.run(
            [sys.executable, "-c", MERITS, *words],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stdout

    def end(self, process: subprocess.Popen[str]) -> None:
        """Ends one in order."""
        process.terminate()
        assert process.wait(timeout=60) in (0, -signal.SIGTERM)
        assert process.stdout is not None
        process.stdout.close()
        self.running.remove(process)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """With a task that is released, by a clock that is right."""
    (tmp_path / "t.csv").write_text(DATA)
    (tmp_path / "merits.yaml").write_text(TASK)
    found = Machine(tmp_path)
    found.set("+0")
    found.run("run", "--quiet", code=3)  # undecided
    found.run("release", "--candidate", "most-common", "--reason", "a test")
    yield found
    for process in found.running:
        process.kill()
        process.communicate()


def ask(url: str, key: str, path: str, value: object) -> tuple[int, dict[str, object]]:
    """The status, and what was said."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(url + path, json.dumps(value).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as came:
            return came.status, json.loads(came.read())
    except urllib.error.HTTPError as problem:
        return problem.code, json.loads(problem.read())


@contextmanager
def asking(url: str, key: str) -> Iterator[list[tuple[int, str]]]:
    """Asks without a pause while the block lasts: the status and the id of each."""
    said: list[tuple[int, str]] = []
    ended = threading.Event()

    def go_on() -> None:
        while not ended.is_set():
            status, came = ask(url, key, "/predict", {"input": f"a film {len(said)}"})
            told = came.get("merits")
            said.append((status, str(told["request"]) if isinstance(told, dict) else json.dumps(came)))
            time.sleep(0.005)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield said
    finally:
        ended.set()
        thread.join()


def listening(process: subprocess.Popen[str]) -> str:
    """Its address."""
    assert process.stdout is not None
    return process.stdout.readline().split()[-1]


def until(true: Callable[[], bool], seconds: float = 30.0) -> None:
    """Waits for it."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def seen_by_monitor(live: LiveStore) -> int:
    """The number of the last request that it has read."""
    kept = live.checkpoint("films", "monitor@1")
    return 0 if kept is None else kept.cursor


def test_nothing_is_lost_refused_aged_or_accused(machine: Machine) -> None:
    """A key that ends in half a day, with a rate and a budget, asks through both jumps while the monitor looks."""
    words = ["--name", "shop", "--days", "0.5", "--budget", "5 USD", "--per-minute", "100000", "--scope", "admin"]
    key = json.loads(machine.run("keys", "create", *words, "--json"))["key"]
    live = open_live(machine.folder / ".merits" / "live.sqlite")
    old = replace(a_request("old", task="films", at=time.time() - 29.5 * DAY), input="Anna", key="")
    said = Feedback(request="old", task="films", at=old.at, target="pos", comment="to Anna")
    live.add([old, said])
    begun = time.time()
    server = machine.begin("serve")
    monitor = machine.begin("monitor", "merits.yaml", "--quiet", "--every", "1", "--no-loop")
    url = listening(server)
    with asking(url, key) as given:
        for offset in ("+0", "+1d", "-1h", "+1d", "+0"):
            machine.set(offset)
            n, end = len(given), time.monotonic() + 30.0
            while len(given) < n + 40:
                assert time.monotonic() < end
                time.sleep(0.05)
            status, told = ask(url, key, "/feedback", {"request": given[-1][1], "target": "pos", "source": "label"})
            assert (status, told["kept"]) == (200, True)
    assert {status for status, _ in given} == {200}, [one for one in given if one[0] != 200][:3]
    assert server.poll() is None
    assert monitor.poll() is None, (machine.folder / "monitor.log").read_text()
    machine.end(server)
    stored = [one.record for one in live.served("films", most=100_000)][1:]
    assert sorted(one.request for one in stored) == sorted(request for _, request in given)
    assert all(begun - 1.0 <= one.at <= time.time() for one in stored)
    assert all(one.seconds >= 0.0 for one in stored)
    assert all(begun - 1.0 <= one.record.at <= time.time() for one in live.feedback("films")[1:])
    until(lambda: seen_by_monitor(live) == live.last_number("films"))
    assert list(live.alerts("films")) == []
    machine.end(monitor)
    # begun while the clock is wrong: what is kept of it is not aged, and a release is not dated ahead
    machine.set("+1d")
    before = live.checkpoint("", "clock")
    server = machine.begin("serve")
    listening(server)
    monitor = machine.begin("monitor", "merits.yaml", "--quiet", "--every", "1", "--no-loop")
    machine.run("release", "--candidate", "most-common", "--reason", "by a wrong clock")
    until(lambda: live.checkpoint("", "clock") != before)
    time.sleep(2.0)  # what is forgotten is forgotten at once
    assert live.find(["old"])["old"][0].input == "Anna"
    assert live.feedback_on(["old"])["old"][0].comment == "to Anna"
    assert live.rollouts("films")[-1].at < time.time() + HOUR
    machine.end(server)
    machine.end(monitor)
    live.close()
