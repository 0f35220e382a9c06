"""A PostgreSQL server for the tests that need one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from merits.testing.postgres import PostgresServer, why_no_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    if reason := why_no_postgres():
        pytest.skip(reason)
    server = PostgresServer()
    yield server
    server.close()
