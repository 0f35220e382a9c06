"""The embedded store: what it acknowledged is there, whatever happens, and what is wrong is said clearly."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from merits.core.answer import Answer
from merits.core.doors import AnswerKey, Refreshed, Store, StoredAnswer
from merits.core.errors import DiskFull, StoreBusy, StoreError, StoreTooNew
from merits.store import SqliteStore, open_store
from merits.testing.contracts.store import StoreContract, stored
from merits.testing.evaluations import tiny


class TestSqliteOnDisk(StoreContract):
    """The contract, on a file."""

    def make_store(self, folder: Path) -> Store:
        """A store in a folder that is not there yet."""
        return open_store(folder / "new" / "store.sqlite")

    def reopen(self, folder: Path) -> Store:
        """The same file, by a reader."""
        return open_store(folder / "new" / "store.sqlite", write=False)


class TestSqliteInMemory(StoreContract):
    """The contract, in memory."""

    def make_store(self, folder: Path) -> Store:
        """A store that lives as long as the process."""
        return open_store(":memory:")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


def test_a_second_run_is_told_who_holds_the_store(path: Path) -> None:
    """Two writers would pay for the same answers twice."""
    store = open_store(path)
    with pytest.raises(StoreBusy, match=rf"process {os.getpid()}\) is writing to .*kill {os.getpid()}"):
        open_store(path)
    store.close()
    open_store(path).close()


def test_a_run_in_another_process_holds_the_store_until_it_dies(path: Path) -> None:
    """The lock goes with the process, however it ends: no stale lock file blocks the next run."""
    script = "import sys, time; from merits.store import open_store; s = open_store(sys.argv[1]); print(1, flush=True)"
    other = subprocess.Popen([sys.executable, "-c", f"{script}; time.sleep(60)", path], stdout=subprocess.PIPE)
    assert other.stdout is not None
    other.stdout.readline()
    with pytest.raises(StoreBusy, match=f"process {other.pid}"):
        open_store(path)
    other.send_signal(signal.SIGKILL)
    other.wait()
    other.stdout.close()
    open_store(path).close()


def test_readers_are_never_blocked(path: Path) -> None:
    """A report can be drawn while a run writes, and sees what was committed so far."""
    writer = open_store(path)
    writer.add([stored("a")])
    reader = open_store(path, write=False)
    assert len(reader.answers("v1")) == 1
    writer.add([stored("b")])
    assert len(reader.answers("v1")) == 2
    reader.close()
    writer.close()


def test_a_reader_refuses_to_add(path: Path) -> None:
    """Whoever opened to read holds no lock."""
    open_store(path).close()
    reader = open_store(path, write=False)
    with pytest.raises(StoreError, match="opened to be read"):
        reader.add([stored("a")])
    reader.close()


def test_reading_a_store_that_is_not_there_names_the_next_step(path: Path) -> None:
    """`merits report` before `merits run`."""
    with pytest.raises(StoreError, match=r"There is no store at .* Run an evaluation first: merits run"):
        open_store(path, write=False)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("write", [True, False])
def test_a_store_of_a_newer_version_is_refused_and_left_alone(path: Path, write: bool) -> None:
    """An older program must not write what it does not understand."""
    open_store(path).close()
    database = sqlite3.connect(path)
    database.execute("UPDATE meta SET value = '99' WHERE name = 'schema'")
    database.commit()
    database.close()
    before = path.read_bytes()
    with pytest.raises(StoreTooNew, match=r"newer Merits \(schema 99; this one reads up to 3\). Update Merits"):
        open_store(path, write=write)
    assert path.read_bytes() == before


def test_the_refreshes_of_an_older_store_are_read_and_count_as_ended(path: Path) -> None:
    """It has no ends of them; taken as unfinished, none would ever ask anything again."""
    key = AnswerKey("0" * 32)
    store = open_store(path)
    store.add([StoredAnswer("v1", key, Answer("old"), 0.0), Refreshed("v1", key, 1.0)])
    store.close()
    database = sqlite3.connect(path)
    database.execute("UPDATE answers SET answer = '' WHERE at = 1.0")
    database.execute("UPDATE meta SET value = '2' WHERE name = 'schema'")
    database.commit()
    database.close()
    for write in (False, True):
        store = open_store(path, write=write)
        assert not store.answers("v1")
        assert not store.refreshing("v1")
        assert [paid.answer.output for paid in store.paid("v1")] == ["old"]
        store.close()


@pytest.mark.parametrize("write", [True, False])
def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path, write: bool) -> None:
    """A wrong --store must not cost anybody a file."""
    path.write_text("id,text,label\n" * 1000)
    with pytest.raises(StoreError, match="cannot be used as a store: file is not a database"):
        open_store(path, write=write)
    assert path.read_text() == "id,text,label\n" * 1000


def test_another_programs_database_is_refused_and_left_alone(path: Path) -> None:
    """SQLite files are everywhere: browsers, phones, other tools."""
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE theirs (a)")
    database.close()
    with pytest.raises(StoreError, match="a database of another program"):
        open_store(path)
    database = sqlite3.connect(path)
    assert database.execute("SELECT name FROM sqlite_schema").fetchall() == [("theirs",)]
    database.close()


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    """The folder's name is a file's: the simplest way to a place that cannot be written, also for root."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot be used as a store: .* Name another one with --store"):
        open_store(tmp_path / "file" / "store.sqlite")


def test_a_store_that_is_a_folder_is_said_so(path: Path) -> None:
    """A slip of the completion key."""
    path.mkdir()
    with pytest.raises(StoreError, match="unable to open database file"):
        open_store(path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_said_so(tmp_path: Path) -> None:
    """A read-only checkout."""
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="cannot be written: Permission denied"):
        open_store(tmp_path / "store.sqlite")


def _fill(store: Store, most: int = 10_000) -> int:
    """How many answers were acknowledged before the disk was full."""
    for n in range(most):
        try:
            store.add([stored(f"{n}", "x" * 2000)])
        except DiskFull as problem:
            if "what was answered before is kept. Free some space" not in str(problem):
                raise
            return n
    raise AssertionError("the disk was never full")


def test_when_sqlite_has_no_more_pages_the_disk_is_full(path: Path) -> None:
    """SQLite's own limit raises exactly what a full disk raises, everywhere."""
    store = SqliteStore(path)
    store._database.execute("PRAGMA max_page_count = 60")
    acknowledged = _fill(store)
    assert acknowledged > 10
    assert len(store.answers("v1")) == acknowledged
    store._database.execute("PRAGMA max_page_count = 6000")
    store.add([stored("after")])
    store.close()
    reader = open_store(path, write=False)
    assert len(reader.answers("v1")) == acknowledged + 1
    reader.close()


def test_on_a_file_system_that_is_full_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    """A real full disk: a file system of half a megabyte in memory. Needs the right to mount one."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", tmp_path], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("may not mount a file system")
    try:
        store = open_store(tmp_path / "store.sqlite")
        acknowledged = _fill(store)
        assert len(store.answers("v1")) == acknowledged > 10
        store.close()
        reader = open_store(tmp_path / "store.sqlite", write=False)
        assert len(reader.answers("v1")) == acknowledged
        reader.close()
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_at_a_quota_nothing_acknowledged_is_lost(path: Path) -> None:
    """A limit on the size of files: the operating system refuses the write in another way than a full disk."""
    script = """
import resource, sys
from merits.core.errors import DiskFull
from merits.store import open_store
from merits.testing.contracts.store import stored
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
store, n = open_store(sys.argv[1]), 0
try:
    while n < 10_000:
        store.add([stored(str(n), "x" * 2000)])
        n += 1
except DiskFull:
    print(n)
"""
    pytest.importorskip("resource")
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    acknowledged = int(done.stdout)
    reader = open_store(path, write=False)
    assert len(reader.answers("v1")) == acknowledged > 10
    reader.close()


def test_a_killed_writer_loses_nothing_it_acknowledged(path: Path, tmp_path: Path) -> None:
    """`kill -9` at a random moment, several times over."""
    script = """
import os, sys
from merits.store import open_store
from merits.testing.contracts.store import stored
store, log, n = open_store(sys.argv[1]), os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND), int(sys.argv[3])
while True:
    store.add([stored(f"{n}/{i}") for i in range(7)])
    os.write(log, f"{n}\\n".encode())
    n += 1
"""
    log, generator, start = tmp_path / "log", np.random.default_rng(3), 0
    for _ in range(4):
        writer = subprocess.Popen([sys.executable, "-c", script, path, log, str(start)])
        while not (log.exists() and log.read_text().count("\n") > start + 20):
            time.sleep(0.005)
        time.sleep(generator.uniform(0, 0.05))
        writer.kill()
        writer.wait()
        acknowledged = [int(line) for line in log.read_text().split()]
        store = open_store(path)
        keys = set(store.answers("v1"))
        store.close()
        assert {AnswerKey(f"{n}/{i}") for n in acknowledged for i in range(7)} <= keys
        assert len(keys) % 7 == 0  # a group is there as a whole or not at all
        start = max(int(key.input_hash.split("/")[0]) for key in keys) + 1


def test_concurrent_additions_share_commits(path: Path) -> None:
    """A commit costs the disk's latency: callers that come together pay it once."""
    store = SqliteStore(path)
    commits: list[str] = []
    store._database.set_trace_callback(lambda text: commits.append(text) if text == "COMMIT" else None)
    with store._lock:  # as if a slow commit were running
        threads = [threading.Thread(target=store.add, args=([stored(str(n))],)) for n in range(20)]
        for thread in threads:
            thread.start()
        while len(store._queue) < 20:
            time.sleep(0.001)
    for thread in threads:
        thread.join()
    assert len(commits) == 1
    assert len(store.answers("v1")) == 20
    store.close()


def test_one_callers_mistake_does_not_fail_the_others_of_its_commit(path: Path) -> None:
    """They share a commit, not their fate."""
    store = SqliteStore(path)
    problems: list[type] = []

    def add(record: object) -> None:
        try:
            store.add([record])  # type: ignore[list-item]
        except TypeError as problem:
            problems.append(type(problem))

    with store._lock:
        threads = [threading.Thread(target=add, args=(r,)) for r in (stored("a"), "no record", stored("b"))]
        for thread in threads:
            thread.start()
        while len(store._queue) < 3:
            time.sleep(0.001)
    for thread in threads:
        thread.join()
    assert problems == [TypeError]
    assert len(store.answers("v1")) == 2
    store.close()


def test_an_evaluation_that_is_repeated_hardly_grows_the_store(path: Path) -> None:
    """Nothing is deleted, so what is the same must be kept once."""
    store = SqliteStore(path)
    store.add([tiny(n=20_000, facts={"run": "0"})])
    arrays = "SELECT count(*), sum(length(data)) FROM arrays"
    before = store._database.execute(arrays).fetchone()
    store.add([tiny(n=20_000, facts={"run": "1"})])
    assert store._database.execute(arrays).fetchone() == before
    store.close()


def test_loaded_evaluations_cannot_be_changed(path: Path) -> None:
    """Records are immutable."""
    store = open_store(path)
    store.add([tiny()])
    loaded = store.evaluation("t" * 32, "test")
    store.close()
    assert loaded is not None
    with pytest.raises(ValueError, match="read-only"):
        loaded.value[0, 0] = 1.0


def test_stored_arrays_are_never_unpickled(path: Path) -> None:
    """A store may come from a stranger."""
    store = SqliteStore(path)
    store.add([tiny()])
    import io

    evil = io.BytesIO()
    np.save(evil, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    store._database.execute("UPDATE arrays SET data = ?", (evil.getvalue(),))
    with pytest.raises(StoreError, match="never loaded"):
        store.evaluation("t" * 32, "test")
    store.close()


def test_a_broken_answer_is_said_so(path: Path) -> None:
    """A damaged file must not look like a wrong candidate."""
    store = SqliteStore(path)
    store.add([stored("a")])
    store._database.execute("UPDATE answers SET answer = '{\"usage\": 1}'")
    with pytest.raises(StoreError, match="an answer in it is broken"):
        store.answers("v1")
    store.close()
