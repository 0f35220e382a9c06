"""PostgreSQL goes away and the disk fills at the same time, and the server is killed on top: no answer is lost."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from merits.core.errors import StoreError
from merits.store import open_live
from merits.testing.postgres import PostgresServer, why_no_postgres

Make = Callable[..., Any]
ROOT = Path(__file__).parents[2]
LENGTH = 25_000  # of an answer: a few hundred fill the journal


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """One of 20 MB: two segments of the journal, and some."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount")
    yield folder
    subprocess.run(["umount", str(folder)], capture_output=True, check=False)


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    """One that can be stopped."""
    if why := why_no_postgres():
        pytest.skip(why)
    server = PostgresServer(durable=True)
    yield server
    server.close()


Begin = Callable[[Path, str], tuple["subprocess.Popen[str]", str]]


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Begins a server that listens: its process and address. None outlives the test."""
    processes: list[subprocess.Popen[str]] = []

    def begun(folder: Path, live: str) -> tuple[subprocess.Popen[str], str]:
        command = [sys.executable, "-m", "tests.serving.killed", str(folder), live, str(LENGTH)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        processes.append(process)
        assert process.stdout is not None
        return process, f"http://127.0.0.1:{process.stdout.readline().strip()}"

    yield begun
    for process in processes:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str], how: signal.Signals) -> None:
    """Ends it so."""
    process.send_signal(how)
    process.wait(timeout=30)


def fill(disk: Path) -> None:
    """To the last byte."""
    with (disk / "ballast").open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def until_ready(ask: Any, seconds: float = 30.0) -> None:
    """Waits until it can answer."""
    end = time.monotonic() + seconds
    while True:
        with suppress(OSError):
            if ask.get("/readyz").status == 200:
                return
        assert time.monotonic() < end
        time.sleep(0.1)


def test_no_answer_is_lost(disk: Path, postgres: PostgresServer, client: Make, begin: Begin) -> None:
    """It refuses before it asks, says so, and a start on the full disk ships what is left over and has room again."""
    process, url = begin(disk, postgres.url)
    ask = client(url)
    until_ready(ask)
    given = [ask.post("/predict", {"input": "hi"}).json["merits"]["request"] for _ in range(10)]
    postgres.stop("immediate")
    fill(disk)
    said = ask.post("/predict", {"input": "hi"})
    while said.status == 200:
        given.append(said.json["merits"]["request"])
        said = ask.post("/predict", {"input": "hi"})
    assert (said.status, said.code) == (503, "no_room")
    assert int(said.headers["retry-after"]) > 0
    assert len(given) > 200
    ready = ask.get("/readyz")
    assert ready.status == 503
    assert ready.json["store"].startswith("away")
    learned = ask.post("/feedback", {"request": given[0], "solved": True})
    assert (learned.status, learned.code) == (503, "store_away")
    assert ask.get("/healthz").status == 200
    ended(process, signal.SIGKILL)
    with pytest.raises(StoreError):
        open_live(postgres.url)
    postgres.start()
    fill(disk)
    process, url = begin(disk, postgres.url)
    ask = client(url)
    until_ready(ask)
    given.append(ask.post("/predict", {"input": "hi"}).json["merits"]["request"])
    assert ask.post("/feedback", {"request": given[0], "solved": True}).status == 200
    ended(process, signal.SIGTERM)
    assert process.returncode == 0
    store = open_live(postgres.url, write=False)
    assert sorted(one.record.request for one in store.served("t")) == sorted(given)
    assert all(one.record.answer.output == "x" * LENGTH for one in store.served("t"))
    assert len(store.feedback("t")) == 1
    store.close()
    assert [path.name for path in (disk / "journal").iterdir()] == []
