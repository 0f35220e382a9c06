"""Runs code that nobody has read: a process of its own without rights, for a limited time. Linux only.

The code can compute, and nothing else. A seccomp filter allows it what its memory, its clock and its threads need;
everything else is refused by the kernel: opening, writing, renaming or deleting any file, sockets, starting processes,
signals to others, and reading the memory of others. Root's rights are given up before. It sees no variable of the
environment and no command line. Time on the processor, memory and wall time are bounded, its process group is killed
at the end, and what it prints goes nowhere. All of this needs no privilege, and no namespaces.

What it does not do: code that sets out to forge its own tests in the same interpreter may find the password that
says they passed (by walking Python's frames); and a flaw of the kernel or of Python is a way out. For hostile code at
scale use a virtual machine.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from merits.core.errors import TaskError
from merits.scorers.sandbox_inside import ALLOWED

__all__ = ["Limits", "SandboxBroken", "check_sandbox", "run_code"]

_INSIDE = Path(__file__).with_name("sandbox_inside.py")
_LONGEST_RESULT = 8_192
_START_S = 30.0  # to load Python and its modules on a busy machine; the code's own time begins afterwards


class SandboxBroken(ValueError):
    """The sandbox could not be set up: nothing was run."""


@dataclass(frozen=True)
class Limits:
    """What code may use: seconds of wall time and of a processor, bytes of memory."""

    wall_s: float = 5.0
    memory_bytes: int = 512 * 2**20


def check_sandbox() -> None:
    """Nothing, where code can be shut in here; TaskError where it cannot."""
    if sys.platform != "linux" or platform.machine() not in ALLOWED:
        raise TaskError(
            f"code is run in a sandbox of Linux (seccomp, x86_64 or aarch64), and this is {sys.platform} on "
            f"{platform.machine()}.",
            "Run Merits in a Linux container or virtual machine.",
        )


def run_code(code: str, tests: str, limits: Limits, packages: Sequence[str] = ()) -> str:
    """ "" where the code ran and its tests passed; else what went wrong, in a few words.

    `packages` are modules that it may use beyond Python's own. SandboxBroken where nothing could be run.

    >>> run_code("def double(n): return 2 * n", "assert double(2) == 4", Limits())
    ''
    >>> run_code("import socket; socket.socket()", "", Limits())
    'the code raised PermissionError: [Errno 1] Operation not permitted'
    """
    password = secrets.token_hex(16)
    ours, theirs = os.pipe()
    order = {
        "code": code,
        "tests": tests,
        "password": password,
        "packages": list(packages),
        "path": [place for place in sys.path if place] if packages else [],
        "say_to": theirs,
        "cpu_s": int(limits.wall_s) + 1,
        "memory_bytes": limits.memory_bytes,
    }
    with tempfile.TemporaryDirectory(prefix="merits-code-") as empty:
        try:
            process = _started(theirs, empty)
        finally:
            os.close(theirs)
        try:
            said = _answer_of(process, ours, json.dumps(order).encode(), limits.wall_s)
        finally:
            os.close(ours)
            _end(process)
    return _read(said, password, process.returncode)


def _started(theirs: int, folder: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-B", str(_INSIDE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[theirs],
        env={},
        cwd=folder,
        start_new_session=True,
    )


def _answer_of(process: subprocess.Popen[bytes], ours: int, order: bytes, wall_s: float) -> bytes:
    """What comes out of the pipe until its end, at most so much, for at most so long after "ready"."""
    assert process.stdin is not None
    with suppress(BrokenPipeError):
        process.stdin.write(order)
        process.stdin.close()
    said, deadline, began = b"", time.monotonic() + _START_S, False
    while len(said) < _LONGEST_RESULT:
        if not began and said.startswith(b"ready\n"):
            began, deadline = True, time.monotonic() + wall_s
        if b"\n" in said[6:]:
            break
        ready, _, _ = select.select([ours], [], [], max(0.0, deadline - time.monotonic()))
        piece = os.read(ours, 4096) if ready else b""
        if not piece:
            break
        said += piece
    return said


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kills the process and whatever is in its group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


def _read(said: bytes, password: str, returncode: int | None) -> str:
    begin, _, rest = said.partition(b"\n")
    if begin != b"ready":
        raise SandboxBroken("the sandbox did not start: a module that is asked for is not there, or seccomp is not")
    try:
        told, found = json.loads(rest.partition(b"\n")[0])
    except (ValueError, TypeError):
        return "it ran out of time, or ended before its tests did"
    return str(found) if told == password else "it did not come to the end of its tests"
