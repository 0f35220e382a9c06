"""The live store of one machine: several processes write one file, and what goes wrong with it is said and mended."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from merits.core.doors import LiveStore
from merits.core.errors import DiskFull, StoreError, StoreTooNew
from merits.store import open_live
from merits.testing.contracts.live_store import LiveStoreContract, served
from merits.testing.live import MemoryLive
from tests.store import of_before


class TestLiveSqlite(LiveStoreContract):
    """The contract, on a file."""

    def open(self, folder: Path, *, write: bool = True) -> LiveStore:
        """In a folder that is not there yet."""
        return open_live(folder / "new" / "live.sqlite", write=write)


class TestLiveInMemory(LiveStoreContract):
    """The contract, in memory."""

    shared = False

    def open(self, folder: Path, *, write: bool = True) -> LiveStore:
        """Seen by nobody else."""
        return MemoryLive()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "live.sqlite"


_WRITER = """
import sys
from merits.store import open_live
from merits.testing.contracts.live_store import served
store = open_live(sys.argv[1])
n = 0
while n < int(sys.argv[3]):
    store.add([served(f"{sys.argv[2]}/{n}/{part}") for part in range(3)])
    print(n, flush=True)
    n += 1
"""


def _writer(path: Path, name: str, n: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _WRITER, str(path), name, str(n)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_processes_write_at_once_from_the_first_moment(path: Path) -> None:
    """All workers of a server start together, on a file that is not there yet."""
    writers = [_writer(path, str(number), 40) for number in range(4)]
    for writer in writers:
        writer.communicate()
    assert [writer.returncode for writer in writers] == [0] * 4
    store = open_live(path, write=False)
    assert len(store.served("tickets")) == 4 * 40 * 3
    store.close()


def test_what_was_acknowledged_survives_kill_9(path: Path) -> None:
    """All of an addition, or none of it; and the others write on."""
    store = open_live(path)
    writer = _writer(path, "w", 10_000)
    assert writer.stdout is not None
    for _ in range(20):
        last = int(writer.stdout.readline())
    writer.send_signal(signal.SIGKILL)
    last = max([last, *(int(line) for line in writer.stdout.read().split())])
    writer.wait()
    writer.stdout.close()
    store.add([served("mine")])
    there = {record.request for _, record in store.served("tickets", most=100_000)}
    assert {f"w/{n}/{part}" for n in range(last + 1) for part in range(3)} <= there
    assert len(there) % 3 == 1
    store.close()


def test_a_file_that_is_no_longer_there_is_waited_for(path: Path) -> None:
    """Nothing is written into a removed file, nor into an empty one in its place, which another would overwrite."""
    store = open_live(path)
    store.add([served("before")])
    for each in path.parent.glob("live.sqlite*"):
        each.rename(f"{each}.away")
    for _ in range(2):
        with pytest.raises(StoreError, match="no longer at"):
            store.add([served("meanwhile")])
    path.touch()
    with pytest.raises(StoreError, match="no longer at"):
        store.add([served("meanwhile")])
    for each in path.parent.glob("live.sqlite*.away"):
        each.rename(str(each).removesuffix(".away"))
    store.add([served("after")])
    assert [record.request for _, record in store.served("tickets")] == ["before", "after"]
    store.close()


def test_another_file_in_its_place_is_noticed(path: Path) -> None:
    """A process that wrote on into a removed file would lose everything without knowing."""
    store = open_live(path)
    store.add([served("before")])
    for each in path.parent.glob("live.sqlite*"):
        each.unlink()
    other = open_live(path)
    other.add([served("theirs")])
    other.close()
    store.add([served("after")])
    reader = open_live(path, write=False)
    assert {record.request for _, record in reader.served("tickets")} == {"after", "theirs"}
    reader.close()
    store.close()


def test_a_store_that_comes_back_is_used_again(tmp_path: Path) -> None:
    """A disk that goes away and comes back must need no restart."""
    folder = tmp_path / "disk"
    store = open_live(folder / "live.sqlite")
    store.add([served("before")])
    folder.rename(tmp_path / "gone")
    folder.write_text("in the way")
    with pytest.raises(StoreError, match="no longer at"):
        store.add([served("meanwhile")])
    folder.unlink()
    (tmp_path / "gone").rename(folder)
    store.add([served("after")])
    assert [record.request for _, record in store.served("tickets")] == ["before", "after"]
    store.close()


def test_a_fork_uses_a_connection_of_its_own(path: Path) -> None:
    """A server that forks its workers after it opened the store must not break it."""
    script = """
import os, sys
from merits.store import open_live
from merits.testing.contracts.live_store import served
store = open_live(sys.argv[1])
store.add([served("parent")])
for name in ("a", "b"):
    if os.fork() == 0:
        store.add([served(f"{name}/{n}") for n in range(50)])
        os._exit(0)
assert [os.wait()[1] for _ in "ab"] == [0, 0]
store.add([served("last")])
print(len(store.served("tickets")))
"""
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    assert int(done.stdout) == 102


@pytest.mark.parametrize("write", [True, False])
def test_another_database_is_refused_and_left_alone(path: Path, write: bool) -> None:
    """A wrong path must not cost anybody a file, not even a store of runs."""
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE theirs (x)")
    database.commit()
    database.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="it is a database of another kind"):
        open_live(path, write=write)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    """As above."""
    path.write_text("id,text,label\n" * 1000)
    with pytest.raises(StoreError, match="cannot be used as a live store: file is not a database"):
        open_live(path)
    assert path.read_text() == "id,text,label\n" * 1000


def test_a_store_of_a_newer_version_is_refused(path: Path) -> None:
    """An older program must not write what it does not understand."""
    open_live(path).close()
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StoreTooNew, match=r"newer Merits \(schema 99; this one reads up to 2\)"):
        open_live(path)


def test_what_a_key_spent_is_found_without_reading_all(path: Path) -> None:
    """A server asks every second: the whole of a month's traffic must not be read for it."""
    store = open_live(path)
    store.add([served("r1")])
    asked: list[str] = []
    session = store._reader  # type: ignore[attr-defined]
    session._connected()._database.set_trace_callback(asked.append)
    store.spent("k", 0.0)
    session._connected()._database.set_trace_callback(None)
    (question,) = [text for text in asked if text.startswith("SELECT")]
    database = sqlite3.connect(path)
    ((*_, plan),) = database.execute(f"EXPLAIN QUERY PLAN {question}").fetchall()
    database.close()
    store.close()
    assert "COVERING INDEX merits_served_to_key" in plan


def test_a_store_of_before_is_brought_up_to_date(path: Path) -> None:
    """When it is opened to be written, by whoever comes first; a reader leaves it as it is."""
    database = sqlite3.connect(path)
    database.execute("PRAGMA application_id = 0x4D45524C")
    database.execute("PRAGMA user_version = 1")
    types = {"id": "INTEGER PRIMARY KEY", "real": "REAL", "int": "INTEGER", "bytes": "BLOB"}
    of_before.made(database.execute, types)
    database.commit()
    database.close()
    reader = open_live(path, write=False)
    assert len(reader.served("tickets")) == 4
    reader.close()
    opening = [threading.Thread(target=lambda: open_live(path).close()) for _ in range(4)]
    for each in opening:
        each.start()
    for each in opening:
        each.join()
    store = open_live(path)
    of_before.holds(store)
    store.close()
    assert _shape(path) == _shape_of_new(path.with_name("new.sqlite"))


def _shape(path: Path) -> list[tuple[str, ...]]:
    """Indexes as they were made, and the columns of each table, in any order."""
    database = sqlite3.connect(path)
    found = database.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql <> ''").fetchall()
    tables = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    columns = [(table, row[1], row[2]) for table in tables for row in database.execute(f"PRAGMA table_info({table})")]
    database.close()
    return sorted([*found, *columns])


def _shape_of_new(path: Path) -> list[tuple[str, ...]]:
    open_live(path).close()
    return _shape(path)


def test_a_full_disk_is_said_and_nothing_is_lost(path: Path) -> None:
    """What could not be added is added once there is room."""
    script = """
import resource, signal, sys
from merits.core.errors import DiskFull
from merits.store import open_live
from merits.testing.contracts.live_store import served
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = open_live(sys.argv[1])
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
n = 0
try:
    while n < 2000:
        store.add([served(f"r{n}", "x" * 1000)])
        n += 1
except DiskFull as problem:
    print(problem)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
store.add([served(f"r{n}", "now there is room")])
assert len(store.served("tickets")) == n + 1
"""
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "There is no room left for" in done.stdout
    assert DiskFull.exit_code == 4


def test_what_is_forgotten_is_not_left_in_the_file(path: Path) -> None:
    """Content that was promised to be gone must not be found by reading the file's bytes."""
    store = open_live(path)
    store.add([served(f"r{n}", f"my name is Anna {n}") for n in range(100)])
    store.forget("tickets", 2.0)
    store.close()  # the last to close it writes its log into the file
    assert b"Anna" not in path.read_bytes()
    assert os.listdir(path.parent) == ["live.sqlite"]
