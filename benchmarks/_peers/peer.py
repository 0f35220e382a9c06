"""What a peer is: where it is found, how it is run in a process of its own, and what that took.

Knows no tool.
"""

from __future__ import annotations

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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

__all__ = ["Command", "Counts", "Peer", "PeerResult", "Prompt", "prompts_in"]

SCRIPTS = Path(__file__).parent / "scripts"
_HERE = Path(__file__).parents[2] / ".peers"  # where `make peers` installs them
_LONGEST = 2000


class Prompt(msgspec.Struct, frozen=True):
    """One line of the file of prompts."""

    input: str
    target: str


def prompts_in(path: Path) -> list[Prompt]:
    """The prompts in a file with one JSON object on each line."""
    return [msgspec.json.decode(line, type=Prompt) for line in path.read_bytes().splitlines() if line.strip()]


@dataclass(frozen=True)
class Counts:
    """What the tool's own results say: prompts that were answered and judged, and those judged right."""

    n_answered: int = 0
    n_solved: int = 0


@dataclass(frozen=True)
class PeerResult:
    """What one run took, start-up and results on disk included, and what the tool's own results say of it.

    `cpu_s` and `peak_mb` are of the whole tree of processes (what the kernel tells of a process that ended and of its
    ended children; `peak_mb` is that of the largest one). `exit_code` is the tool's; -9 where it ran out of
    time. `said` is the end of what it printed, where the exit code is not 0.
    """

    seconds: float
    cpu_s: float
    peak_mb: float
    n_calls_answered: int
    n_solved: int
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

    def run(self, base_url: str, prompts: Path, concurrency: int, *, timeout_s: float = 3600.0) -> PeerResult:
        """What asking all prompts took. The tool's files are made in a temporary folder and removed afterwards.

        Raises RuntimeError when the tool is not installed.
        """
        if self.available():
            raise RuntimeError(self.available())
        with tempfile.TemporaryDirectory() as folder:
            command = self.command(Path(folder), base_url, prompts.absolute(), concurrency)
            environment = _environment(base_url, folder) | dict(command.environment)
            seconds, usage, exit_code = _run(command.words, Path(folder), environment, timeout_s)
            counts = self.counts(Path(folder))
            said = (Path(folder) / "output.txt").read_text("utf-8", "replace")[-_LONGEST:] if exit_code else ""
        return PeerResult(
            seconds=round(seconds, 3),
            cpu_s=round(usage[0], 3),
            peak_mb=round(usage[1], 1),
            n_calls_answered=counts.n_answered,
            n_solved=counts.n_solved,
            exit_code=exit_code,
            said=said,
        )

    @abstractmethod
    def command(self, folder: Path, base_url: str, prompts: Path, concurrency: int) -> Command:
        """Writes what the tool reads into the folder, and says how it is run there."""

    @abstractmethod
    def counts(self, folder: Path) -> Counts:
        """What the results that it left in the folder say."""


def _environment(base_url: str, home: str) -> dict[str, str]:
    """That of a user with an account there, and nothing of this project's own."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR", "SYSTEMROOT") if name in os.environ}
    told = {"OPENAI_BASE_URL": base_url, "OPENAI_API_BASE": base_url, "OPENAI_API_KEY": "any", "HOME": home}
    return {**kept, **told, "DO_NOT_TRACK": "1", "NO_COLOR": "1", "OMP_NUM_THREADS": "1"}


def _run(
    words: Sequence[str], folder: Path, environment: Mapping[str, str], timeout_s: float
) -> tuple[float, tuple[float, float], int]:
    """Seconds, (CPU seconds, MB at the peak) and the exit code; what it says goes into `output.txt` in the folder."""
    with (folder / "output.txt").open("wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            words, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
        timer = threading.Timer(timeout_s, lambda: os.killpg(process.pid, signal.SIGKILL))
        timer.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        finally:
            timer.cancel()
        seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    unit = 1e6 if sys.platform == "darwin" else 1e3  # Linux counts kilobytes, macOS bytes
    return seconds, (usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit), process.returncode
