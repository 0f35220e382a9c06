"""What a peer is: where it is found, how it is run in a process of its own, and what that took.

Knows no tool.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

__all__ = ["Command", "Counts", "Job", "Peer", "PeerResult", "Prompt", "Row", "prompts_in"]

SCRIPTS = Path(__file__).parent / "scripts"
_HERE = Path(__file__).parents[2] / ".peers"  # where `make peers` installs them
_LONGEST = 2000
_LOOK_S = 0.002  # how often it is looked whether a process is to be killed


class Prompt(msgspec.Struct, frozen=True):
    """One line of the file of prompts."""

    input: str
    target: str


def prompts_in(path: Path) -> list[Prompt]:
    """The prompts in a file with one JSON object on each line."""
    return [msgspec.json.decode(line, type=Prompt) for line in path.read_bytes().splitlines() if line.strip()]


@dataclass(frozen=True)
class Job:
    """What a tool is to ask whom; `rates` are USD per million input and output tokens, told to tools that take them."""

    base_url: str
    prompts: Path
    concurrency: int
    rates: tuple[float, float] = (0.15, 0.60)


@dataclass(frozen=True)
class Row:
    """One outcome in a tool's results: of which prompt, whether it was answered and judged, and judged right."""

    input: str
    answered: bool
    solved: bool


@dataclass(frozen=True)
class Counts:
    """What the tool's own results say: prompts with an outcome, with one only, answered and judged, judged right.

    `n_calls`, `tokens` and `money` are None where the results hold no record of them. `n_unmetered` calls may cost more
    than is told, and `money_at_most` holds that too; only Merits says so.
    """

    n_outcomes: int = 0
    n_once: int = 0
    n_answered: int = 0
    n_solved: int = 0
    n_calls: int | None = None
    tokens: int | None = None
    money: float | None = None
    n_unmetered: int | None = None
    money_at_most: float | None = None

    @staticmethod
    def of(
        rows: Iterable[Row], *, n_calls: int | None = None, tokens: int | None = None, money: float | None = None
    ) -> Counts:
        """Of rows, and of what is said about them all together.

        >>> Counts.of([Row("a", True, True), Row("b", True, True), Row("b", False, False)])
        Counts(n_outcomes=2, n_once=1, n_answered=2, n_solved=2, n_calls=None, tokens=None, money=None, \
n_unmetered=None, money_at_most=None)
        """
        found = list(rows)
        times = Counter(row.input for row in found)
        answered = {row.input for row in found if row.answered}
        wrong = {row.input for row in found if row.answered and not row.solved}
        return Counts(
            n_outcomes=len(times),
            n_once=sum(n == 1 for n in times.values()),
            n_answered=len(answered),
            n_solved=len(answered - wrong),
            n_calls=n_calls,
            tokens=tokens,
            money=money,
        )


@dataclass(frozen=True)
class PeerResult:
    """What one run took, start-up and results on disk included, and what the tool's own results say of it.

    `cpu_s` and `peak_mb` are of the whole tree of processes (what the kernel tells of a process that ended and of its
    ended children; `peak_mb` is that of the largest one). `exit_code` is the tool's; -9 where it was killed, because it
    ran out of time or was meant to be. `said` is the end of what it printed, where the exit code is not 0.
    """

    seconds: float
    cpu_s: float
    peak_mb: float
    counts: Counts
    exit_code: int
    said: str = ""


@dataclass(frozen=True)
class Command:
    """What is run in an empty folder, with what in its environment beside the address and a key."""

    words: Sequence[str]
    environment: Mapping[str, str]


class Peer(ABC):
    """A tool: how it is found, called and read. `needs` is what pip (or npm) installs."""

    name: str
    needs: Sequence[str]
    program: str = ""  # an executable; without one, `module` is imported by a script of ours
    module: str = ""

    def available(self) -> str:
        """ "" where it is installed, else why it cannot be run and what to do."""
        if self.found():
            return ""
        return f"{self.name} is not installed; python -m benchmarks._peers install FOLDER, then MERITS_PEERS=FOLDER"

    def found(self) -> str:
        """The path of the executable (of the Python that has the module); "" where there is none."""
        name = self.program or "python"
        for folder in filter(None, os.environ.get("MERITS_PEERS", str(_HERE)).split(os.pathsep)):
            for inside in (f"{self.name}/bin", f"{self.name}/node_modules/.bin", "bin", "node_modules/.bin"):
                path = Path(folder).absolute() / inside / name
                if path.exists() and self._has_module(path):
                    return str(path)
        if self.program:
            return shutil.which(self.program) or ""
        return sys.executable if importlib.util.find_spec(self.module) else ""

    def _has_module(self, python: Path) -> bool:
        return bool(self.program) or any(python.parents[1].glob(f"lib/python*/site-packages/{self.module}"))

    def run(self, job: Job, *, timeout_s: float = 3600.0) -> PeerResult:
        """What asking all prompts took. The tool's files are made in a temporary folder and removed afterwards.

        Raises RuntimeError when the tool is not installed.
        """
        with tempfile.TemporaryDirectory() as folder:
            return self.run_in(Path(folder), job, timeout_s=timeout_s)

    def run_in(
        self,
        folder: Path,
        job: Job,
        *,
        again: bool = False,
        timeout_s: float = 3600.0,
        killed_when: Callable[[], bool] | None = None,
    ) -> PeerResult:
        """The same in a folder that stays: a first time or `again`, killed (`kill -9`) as soon as that is true."""
        if self.available():
            raise RuntimeError(self.available())
        command = (self.again if again else self.command)(folder, job)
        environment = _environment(job.base_url, str(folder)) | dict(command.environment)
        seconds, usage, exit_code = _run(command.words, folder, environment, timeout_s, killed_when)
        said = "".join((folder / name).read_text("utf-8", "replace")[-_LONGEST:] for name in ("output", "errors"))
        return PeerResult(
            seconds=round(seconds, 3),
            cpu_s=round(usage[0], 3),
            peak_mb=round(usage[1], 1),
            counts=self.counts(folder),
            exit_code=exit_code,
            said=said if exit_code else "",
        )

    @abstractmethod
    def command(self, folder: Path, job: Job) -> Command:
        """Writes what the tool reads into the folder, and says how it is run there."""

    def again(self, folder: Path, job: Job) -> Command:
        """How it goes on after it was killed: the same command, where the tool has none for that."""
        return self.command(folder, job)

    @abstractmethod
    def counts(self, folder: Path) -> Counts:
        """What the results that it left in the folder say."""


def _environment(base_url: str, home: str) -> dict[str, str]:
    """That of a user with an account there, and nothing of this project's own."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR", "SYSTEMROOT") if name in os.environ}
    told = {"OPENAI_BASE_URL": base_url, "OPENAI_API_BASE": base_url, "OPENAI_API_KEY": "any", "HOME": home}
    return {**kept, **told, "DO_NOT_TRACK": "1", "NO_COLOR": "1", "OMP_NUM_THREADS": "1"}


def _run(
    words: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    timeout_s: float,
    killed_when: Callable[[], bool] | None,
) -> tuple[float, tuple[float, float], int]:
    """Seconds, (CPU seconds, MB at the peak) and the exit code; what it says goes into two files in the folder."""
    with (folder / "output").open("wb") as output, (folder / "errors").open("wb") as errors:
        start = time.perf_counter()
        process = subprocess.Popen(
            words, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
            start_new_session=True,
        )  # fmt: skip
        ended = threading.Event()
        watch = threading.Thread(target=_kill, args=(process.pid, ended, start + timeout_s, killed_when))
        watch.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        finally:
            ended.set()
            watch.join()
        seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    unit = 1e6 if sys.platform == "darwin" else 1e3  # Linux counts kilobytes, macOS bytes
    return seconds, (usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit), process.returncode


def _kill(pid: int, ended: threading.Event, deadline: float, killed_when: Callable[[], bool] | None) -> None:
    """Kills a group of processes at the deadline (`time.perf_counter()`), or before it as soon as that is true."""
    while not ended.wait(_LOOK_S if killed_when else max(0.0, deadline - time.perf_counter())):
        if time.perf_counter() >= deadline or (killed_when is not None and killed_when()):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            return
