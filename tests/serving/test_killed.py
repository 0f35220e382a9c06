"""kill -9 in the middle, and a start after it: every answer that was given is in the store."""

from __future__ import annotations

import http.client
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from merits.store import open_live

Make = Callable[..., Any]
ROOT = Path(__file__).parents[2]


def begun(folder: Path, *more: str) -> tuple[subprocess.Popen[str], str]:
    """A server that listens, and its address."""
    command = [sys.executable, "-m", "tests.serving.killed", str(folder), *more]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    return process, f"http://127.0.0.1:{process.stdout.readline().strip()}"


def load(ask: Any, given: list[str], until: threading.Event) -> list[threading.Thread]:
    """Clients that note the id of each answer they were given."""

    def go_on() -> None:
        while not until.is_set():
            try:
                came = ask.post("/predict", {"input": "hi"})
            except (OSError, http.client.HTTPException):
                return
            if came.status == 200:
                given.append(came.json["merits"]["request"])

    threads = [threading.Thread(target=go_on) for _ in range(6)]
    for thread in threads:
        thread.start()
    return threads


def test_no_answer_that_was_given_is_lost(tmp_path: Path, client: Make) -> None:
    """Three kills, and at last an orderly end that leaves nothing in the journal."""
    given: list[str] = []
    for ending in (signal.SIGKILL, signal.SIGKILL, signal.SIGKILL, signal.SIGTERM):
        process, url = begun(tmp_path)
        until = threading.Event()
        n = len(given)
        threads = load(client(url), given, until)
        end = time.monotonic() + 15.0
        while len(given) < n + 60 and time.monotonic() < end:
            time.sleep(0.01)
        if ending == signal.SIGTERM:
            until.set()
            for thread in threads:
                thread.join()
        process.send_signal(ending)
        process.wait(timeout=20)
        assert process.stdout is not None
        process.stdout.close()
        assert process.stdin is not None
        process.stdin.close()
        for thread in threads:
            thread.join()
        assert len(given) >= n + 60
    assert process.returncode == 0
    store = open_live(tmp_path / "live.sqlite", write=False)
    stored = [numbered.record.request for numbered in store.served("t")]
    store.close()
    assert set(given) <= set(stored)
    assert len(set(stored)) == len(stored)
    assert list((tmp_path / "journal").iterdir()) == []


def test_a_worker_ends_in_order_when_its_parent_is_gone(tmp_path: Path, client: Make) -> None:
    """Else it would hold the port that the next start wants."""
    process, url = begun(tmp_path, "child")
    assert process.stdin is not None
    assert process.stdout is not None
    assert client(url).post("/predict", {"input": "hi"}).status == 200
    process.stdin.close()  # as the system does
    assert process.wait(timeout=20) == 0
    process.stdout.close()
    store = open_live(tmp_path / "live.sqlite", write=False)
    assert store.last_number("t") == 1
    store.close()
