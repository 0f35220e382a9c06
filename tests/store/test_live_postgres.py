"""The live store of several machines, on a real server that goes away and comes back; numbers keep their order."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from merits.core.doors import LiveStore
from merits.core.errors import StoreError, StoreTooNew
from merits.store import open_live
from merits.testing.contracts.live_store import LiveStoreContract, served
from merits.testing.postgres import PostgresServer
from tests.store import of_before


def _url(server: PostgresServer, folder: Path) -> str:
    """A schema of its own for each test's folder."""
    schema = f"t{blake2b(str(folder).encode(), digest_size=8).hexdigest()}"
    with psycopg.connect(server.url, autocommit=True) as database:
        database.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
    return f"{server.url}?options=-csearch_path%3D{schema}"


class TestLivePostgres(LiveStoreContract):
    """The contract, on a server."""

    @pytest.fixture(autouse=True)
    def _server(self, postgres: PostgresServer) -> None:
        self.server = postgres

    def open(self, folder: Path, *, write: bool = True) -> LiveStore:
        """In a schema of its own."""
        return open_live(_url(self.server, folder), write=write)


@pytest.fixture
def url(postgres: PostgresServer, tmp_path: Path) -> str:
    return _url(postgres, tmp_path)


@pytest.fixture
def store(url: str) -> Iterator[LiveStore]:
    store = open_live(url)
    yield store
    store.close()


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_a_server_that_was_restarted_is_used_again(store: LiveStore, postgres: PostgresServer, how: str) -> None:
    """Nobody restarts the gateways because the database was; what it acknowledged is there."""
    store.add([served("before")])
    postgres.stop(how)
    try:
        with pytest.raises(StoreError, match=r"cannot be used as a live store: .*See that its server runs"):
            store.add([served("meanwhile")])
        with pytest.raises(StoreError):
            store.served("tickets")
    finally:
        postgres.start()
    store.add([served("after")])
    assert [record.request for _, record in store.served("tickets")] == ["before", "after"]


def test_a_restart_between_two_calls_is_not_noticed(store: LiveStore, postgres: PostgresServer) -> None:
    """The connection is made again within the call."""
    store.add([served("before")])
    postgres.stop()
    postgres.start()
    store.add([served("after")])
    assert len(store.served("tickets")) == 2


def test_many_make_the_tables_at_once(url: str) -> None:
    """All workers start together, on an empty database."""
    problems: list[BaseException] = []

    def work(number: int) -> None:
        try:
            store = open_live(url)
            store.add([served(f"r{number}")])
            store.close()
        except BaseException as problem:  # noqa: BLE001 (a thread's failure must fail the test)
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    reader = open_live(url, write=False)
    assert len(reader.served("tickets")) == 8
    reader.close()


def test_a_slow_commit_is_not_overtaken(store: LiveStore, url: str) -> None:
    """A row that got its number first and commits last would be missed by whoever reads on from the last number."""
    with psycopg.connect(url, autocommit=True) as slow:
        slow.execute("BEGIN")
        slow.execute("SELECT pg_advisory_xact_lock(hashtext('merits live'), hashtext(current_schema()))")
        slow.execute("INSERT INTO merits_feedback (task, request, record) VALUES ('t', 'r', '{}')")
        other = threading.Thread(target=store.add, args=([served("quick")],))
        other.start()
        time.sleep(0.2)
        assert list(store.served("tickets")) == []  # waits for its turn
        slow.execute("COMMIT")
        other.join()
    assert len(store.served("tickets")) == 1


def test_tables_that_were_dropped_are_made_again(store: LiveStore, url: str) -> None:
    """A database that was restored from nothing must not stop the service."""
    with psycopg.connect(url, autocommit=True) as database:
        tables = ("meta", "served", "feedback", "records", "checkpoints")
        database.execute(f"DROP TABLE {','.join(f'merits_{name}' for name in tables)}".encode())
    store.add([served("after")])
    assert len(store.served("tickets")) == 1


def test_a_store_of_a_newer_version_is_refused(store: LiveStore, url: str) -> None:
    """An older program must not write what it does not understand."""
    with psycopg.connect(url, autocommit=True) as database:
        database.execute("UPDATE merits_meta SET value = '99'")
    with pytest.raises(StoreTooNew, match=r"newer Merits \(schema 99; this one reads up to 2\)"):
        open_live(url)


def test_a_store_of_before_is_brought_up_to_date(url: str) -> None:
    """By whoever comes first, while the others wait."""
    types = {"id": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "real": "DOUBLE PRECISION"}
    with psycopg.connect(url, autocommit=True) as database:
        database.execute("CREATE TABLE merits_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
        database.execute("INSERT INTO merits_meta VALUES ('schema', '1')")

        def run(text: str, values: Sequence[object]) -> object:
            return database.execute(text.replace("?", "%s").encode(), list(values))

        of_before.made(run, {**types, "int": "BIGINT", "bytes": "BYTEA"})
    reader = open_live(url, write=False)
    assert len(reader.served("tickets")) == 4
    reader.close()
    opening = [threading.Thread(target=lambda: open_live(url).close()) for _ in range(4)]
    for each in opening:
        each.start()
    for each in opening:
        each.join()
    store = open_live(url)
    of_before.holds(store)
    store.close()
    with psycopg.connect(url) as database:
        assert database.execute("SELECT value FROM merits_meta").fetchall() == [("2",)]


def test_no_error_shows_the_password() -> None:
    """It stands in the URL, and errors stand in logs."""
    with pytest.raises(StoreError, match=r"postgresql://127.0.0.1:1/x cannot be used") as caught:
        open_live("postgresql://me:hunter%2B2000@127.0.0.1:1/x")
    assert "hunter" not in str(caught.value)
    with pytest.raises(StoreError, match=r"postgresql://127.0.0.1:1/x cannot be used") as caught:
        open_live("postgresql://127.0.0.1:1/x?password=hunter2000")
    assert "hunter" not in str(caught.value)
    with pytest.raises(StoreError, match=r"no address of a database. Write postgresql://") as caught:
        open_live("postgresql://me:hunter2000@127.0.0.1:1/x?nonsense=1")
    assert "hunter" not in str(caught.value)
