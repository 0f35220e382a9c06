"""`merits run` as processes that can be killed, and what their provider knows of each call."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from merits.testing.provider import FakeProvider

__all__ = ["CAN_FORK", "IN_FLIGHT_S", "LATENCY_S", "Ledger", "Runs", "n_repeated", "until"]

CAN_FORK = hasattr(os, "fork")
LATENCY_S = 0.02
IN_FLIGHT_S = 0.25  # a process that gets no processor has not read yet what was answered so shortly before

# A process that has imported everything and forks one `merits` for each line it reads: fifty starts of Python
# would take longer than all that is tested here. The runs are processes of their own, and really killed.
_STARTER = """
import os, shlex, sys
import numpy, pyreqwest.client, scipy.special
import merits.cli.run, merits.evaluating, merits.report.page, merits.store, merits.tasks.file, merits.candidates.chat
from merits.cli import main
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        for name, stream in (("out", 1), ("errors", 2)):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
        os._exit(main(shlex.split(line)))
    print(pid, flush=True)
    print(os.waitpid(pid, 0)[1], flush=True)
"""


class Ledger:
    """What the provider was asked, and when; it bills all of it. `say` is its answer to a question."""

    def __init__(self, say: Callable[[str], str] = lambda question: "even") -> None:
        self.answered: list[tuple[str, float]] = []
        self._say = say
        self._lock = threading.Lock()

    def reply(self, messages: Sequence[Mapping[str, object]]) -> str:
        """The answer."""
        question = str(messages[-1]["content"])
        with self._lock:
            self.answered.append((question, time.monotonic()))
        return self._say(question)

    @property
    def n_asked(self) -> int:
        """How many calls came."""
        return len(self.answered)

    def n_since(self, at: float) -> int:
        """How many calls came after that moment (`time.monotonic()`)."""
        with self._lock:
            return sum(when > at for _, when in self.answered)


def n_repeated(provider: FakeProvider) -> int:
    """How many calls ask a model what it had been asked before."""
    times = Counter((str(request.body["model"]), str(request.body["messages"])) for request in provider.requests)
    return sum(times.values()) - len(times)


class Runs:
    """`merits` as processes in a folder, one after the other."""

    def __init__(self, folder: Path, provider: FakeProvider) -> None:
        env = {**os.environ, "OPENAI_BASE_URL": provider.base_url, "OPENAI_API_KEY": "any"}
        self._starter = subprocess.Popen(
            [sys.executable, "-c", _STARTER],
            cwd=folder,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, words: str) -> int:
        """The number of a new process."""
        assert self._starter.stdin is not None
        self._starter.stdin.write(f"{words}\n")
        self._starter.stdin.flush()
        return int(self._line())

    def wait(self) -> int:
        """How the process ended, as `os.waitpid` says it."""
        return int(self._line())

    def whole(self, words: str) -> tuple[int, float]:
        """The exit code of a run that is left alone, and how many seconds it took."""
        start = time.monotonic()
        self.start(words)
        return os.waitstatus_to_exitcode(self.wait()), time.monotonic() - start

    def killed(self, words: str, after_s: float) -> bool:
        """Whether a run was killed after so many seconds, because it had not ended before."""
        pid = self.start(words)
        time.sleep(after_s)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return self.wait() == signal.SIGKILL

    def _line(self) -> str:
        assert self._starter.stdout is not None
        return self._starter.stdout.readline()

    def close(self) -> None:
        """Ends."""
        self._starter.communicate("", timeout=20)


def until(fact: Callable[[], bool], seconds: float = 20.0) -> None:
    """Waits for it, not for ever."""
    end = time.monotonic() + seconds
    while not fact() and time.monotonic() < end:
        time.sleep(0.002)
