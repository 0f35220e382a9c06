"""A real PostgreSQL server for tests and benchmarks: its own folder, a free port on loopback, gone afterwards."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

__all__ = ["PostgresServer", "why_no_postgres"]

_FOUND_IN = "/usr/lib/postgresql"  # Debian's; elsewhere the programs are on the path


def _programs() -> Path | None:
    versions = sorted(Path(_FOUND_IN).glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    on_path = shutil.which("initdb")
    found = versions[-1] if versions else Path(on_path) if on_path else None
    return found.parent if found else None


def why_no_postgres() -> str:
    """Why no server can be started here; "" where one can."""
    if _programs() is None:
        return f"PostgreSQL is not installed (looked in {_FOUND_IN} and on the path)"
    if os.name != "posix":
        return "PostgreSQL is started for tests on POSIX only"
    if os.geteuid() == 0 and not (shutil.which("runuser") and _is_user("postgres")):
        return "PostgreSQL does not run as root, and there is no user postgres"
    return ""


def _is_user(name: str) -> bool:
    import pwd

    return any(entry.pw_name == name for entry in pwd.getpwall())


class PostgresServer:
    """A server from construction until `close`; it can be stopped, also by `kill -9`, and started again meanwhile.

    `url` is of its database `postgres`. Without `durable` it does not wait for the disk, which is faster.
    """

    def __init__(self, *, durable: bool = False) -> None:
        programs = _programs()
        assert programs is not None, why_no_postgres()
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="merits-postgres-"))
        if os.geteuid() == 0:
            shutil.chown(self._folder, "postgres", "postgres")
        self._durable = durable
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._run("initdb", "-D", self._data, "-U", "merits", "-A", "trust", "-E", "UTF8", "--no-sync")
        self.start()

    @property
    def url(self) -> str:
        """Where clients reach it."""
        return f"postgresql://merits@127.0.0.1:{self.port}/postgres"

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def start(self) -> None:
        """Returns when clients are let in."""
        options = f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories= "
        options += "-c shared_buffers=32MB" if self._durable else "-c shared_buffers=32MB -c fsync=off"
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", self._data, "-w", "-t", "60", "-l", log, "-o", options, "start")

    def stop(self, how: str = "fast") -> None:
        """Ends it: "fast" cuts its clients off, "immediate" is a crash."""
        self._run("pg_ctl", "-D", self._data, "-w", "-m", how, "stop")

    def close(self) -> None:
        """Ends it, and removes all it kept. May be called twice."""
        if self._folder.exists():
            self._run("pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop", check=False)
            shutil.rmtree(self._folder)

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        as_whom: Sequence[str] = ("runuser", "-u", "postgres", "--") if os.geteuid() == 0 else ()
        done = subprocess.run(
            [*as_whom, str(self._programs / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
            check=False,
        )
        if check and done.returncode:
            raise RuntimeError(f"{program} ended with {done.returncode}")
