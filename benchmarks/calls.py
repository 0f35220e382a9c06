"""10,000 short prompts asked of a chat endpoint, 64 at once, per tool: seconds, cpu_ms_per_call, peak_mb.

Merits is a fresh `merits run` with scoring, the durable store, the decision and the HTML report; the provider runs in a
process of its own. `cpu_ms_per_call` is what a further call costs, CPU of all the tool's processes: that of the whole
run less that of a run with few prompts, per prompt more. `start_to_first_request_s` runs from the start of the process
to the provider's first request; `peak_mb` is the resident memory of the largest of the tool's processes, and
`peak_together_mb` that of all of them at one moment (a second one draws the charts at the end). Then the stored run is
loaded and summarised again (`reload_s`, without the interpreter and the reading of the task, `read_task_s`; `report_s`
is a whole `merits report`). With `--latency`, `share_of_limit` is the rate as a share of the ideal one (concurrency /
latency) or of what one core can do (1 / CPU per call), whichever is lower. Modules are compiled beforehand, as those of
an installation are.

Peers are asked where they are installed; one that is not is skipped with a message.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from benchmarks._markdown import markdown
from benchmarks._provider import ANSWER, provider

if TYPE_CHECKING:
    from benchmarks._peers import Peer

_FEW = 64
_SAMPLE_S = 0.02
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_TASK = """\
name: calls
data: {{test: prompts.jsonl}}
kind: classification
labels: [negative, neutral, positive]
settings: {{concurrency: {concurrency}}}
candidates:
  - name: fake
    kind: chat
    model: fake
    base_url: {address}
"""
_RELOAD = """
import sys, time
from merits import load_task
from merits.flow import stored_run
from merits.cli.light import lighten
lighten()
start = time.perf_counter()
task = load_task(sys.argv[1])
loaded = time.perf_counter()
done = stored_run(task)
print(loaded - start, time.perf_counter() - loaded, done.decision.verdict)
"""


@dataclass(frozen=True)
class Used:
    """What a process with its children took."""

    seconds: float
    cpu_s: float
    peak_mb: float
    peak_together_mb: float
    started: float  # time.time()


def main(argv: Sequence[str]) -> dict[str, object]:
    """The figures of each tool."""
    parser = argparse.ArgumentParser("calls", description=__doc__)
    parser.add_argument("--prompts", type=int, default=10_000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS", help="what each answer takes")
    parser.add_argument("--lean", action="store_true", help="a provider that takes less CPU than the fake one")
    parser.add_argument("--tools", default="", help="only these, separated by commas: merits, and names of peers")
    options = parser.parse_args(argv)
    wanted = [name for name in options.tools.split(",") if name]
    figures: dict[str, object] = {}
    for name in wanted or ["merits", *_peers()]:
        figures[name] = _merits(options) if name == "merits" else _peer(name, options)
        print(f"{name}: {msgspec.json.encode(figures[name]).decode()}", file=sys.stderr)
    return figures


def _merits(options: argparse.Namespace) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        n_few = min(_FEW, options.prompts // 2)
        few, _, _ = _run(Path(folder) / "few", n_few, options)
        place = Path(folder) / "all"
        used, first, count = _run(place, options.prompts, options)
        figures: dict[str, object] = {
            "seconds": round(used.seconds, 2),
            "cpu_ms_per_call": round(1000 * (used.cpu_s - few.cpu_s) / (count - n_few), 3),
            "start_to_first_request_s": round(first - used.started, 2),
            "peak_mb": round(used.peak_mb, 1),
            "peak_together_mb": round(used.peak_together_mb, 1),
            "start_cpu_s": round(few.cpu_s, 2),
            "calls": count,
        }
        if options.latency:
            ideal_s = (count - n_few) * options.latency / options.concurrency
            figures["share_of_limit"] = round(max(ideal_s, used.cpu_s - few.cpu_s) / (used.seconds - few.seconds), 3)
        return figures | _again(place)


def _run(place: Path, n: int, options: argparse.Namespace) -> tuple[Used, float, int]:
    place.mkdir()
    with provider(options.latency, lean=options.lean) as asked:
        prompts(place / "prompts.jsonl", n)
        (place / "task.yaml").write_text(_TASK.format(address=asked.address, concurrency=options.concurrency))
        used = _measured([sys.executable, "-m", "merits", "run", "task.yaml", "--quiet"], place)
    return used, asked.first, asked.count


def _again(place: Path) -> dict[str, object]:
    """Seconds to read the task, to load and summarise the stored run, and of a whole `merits report`."""
    said = subprocess.run(
        [sys.executable, "-c", _RELOAD, "task.yaml"], cwd=place, env=_env(), capture_output=True, text=True, check=True
    )
    read_s, reload_s, _ = said.stdout.split(maxsplit=2)
    report = _measured([sys.executable, "-m", "merits", "report", "task.yaml"], place)
    return {
        "read_task_s": round(float(read_s), 3),
        "reload_s": round(float(reload_s), 3),
        "report_s": round(report.seconds, 2),
    }


def prompts(path: Path, n: int) -> None:
    """Writes n short prompts with their labels, one JSON object a line; a fifth of them the provider gets wrong."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(n):
            label = "negative" if number % 5 == 0 else ANSWER
            file.write(f'{{"input": "Review {number}: the parcel came in time. How is it?", "target": "{label}"}}\n')


def table(figures: Mapping[str, Mapping[str, object]]) -> str:
    """The figures as Markdown."""
    columns = {
        "seconds": "seconds",
        "cpu_ms_per_call": "CPU ms per call",
        "start_to_first_request_s": "s to the first request",
        "peak_mb": "peak MB",
        "calls": "calls",
        "answered": "answered",
    }
    return markdown(columns, figures)


def _peers() -> Mapping[str, Peer]:
    from benchmarks._peers import PEERS

    return PEERS


def _peer(name: str, options: argparse.Namespace) -> dict[str, object]:
    """The figures of another tool, its CPU all of it: what it spends on starting is a small part."""
    from benchmarks._peers import Job

    peer = _peers()[name]
    missing = peer.available()
    if missing:
        return {"skipped": missing}
    with tempfile.TemporaryDirectory() as folder, provider(options.latency, lean=options.lean) as asked:
        file = Path(folder) / "prompts.jsonl"
        prompts(file, options.prompts)
        done = peer.run(Job(asked.address, file, options.concurrency))
    figures: dict[str, object] = {
        "seconds": round(done.seconds, 2),
        "cpu_ms_per_call": round(1000 * done.cpu_s / options.prompts, 3),
        "peak_mb": round(done.peak_mb, 1),
        "answered": done.counts.n_answered,
        "calls": asked.count,
    }
    if done.counts.n_answered == options.prompts:  # promptfoo ends with 100 where an answer is wrong
        return figures
    return {**figures, "exit_code": done.exit_code, "said": done.said}


def _env() -> dict[str, str]:
    """The environment of an installed tool: compiled modules are kept, as an installation keeps them."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "OPENAI_API_KEY": "any", "NO_PROXY": "127.0.0.1"}


def _measured(command: Sequence[str], place: Path) -> Used:
    before = os.times()
    started, start = time.time(), time.perf_counter()
    with subprocess.Popen(command, cwd=place, env=_env(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        with _watched(process.pid) as peak:
            _, problems = process.communicate()
        seconds = time.perf_counter() - start
    after = os.times()
    if process.returncode not in (0, 1, 3):
        raise SystemExit(f"{' '.join(command)}: {problems.decode()[-2000:]}")
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return Used(seconds, cpu_s, peak[0], peak[1], started)


@contextlib.contextmanager
def _watched(pid: int) -> Iterator[list[float]]:
    """The resident memory in MB of the largest process, and of a process and all its descendants together."""
    peaks, ended = [0.0, 0.0], threading.Event()

    def watch() -> None:
        while not ended.wait(_SAMPLE_S):
            sizes = list(_resident_mb(pid)) or [0.0]
            peaks[:] = max(peaks[0], *sizes), max(peaks[1], sum(sizes))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peaks
    finally:
        ended.set()
        thread.join()


def _resident_mb(pid: int) -> Iterator[float]:
    """Of a process and each of its descendants; Linux only."""
    folder = Path("/proc") / str(pid)
    try:
        yield int((folder / "statm").read_text().split()[1]) * _PAGE / 1e6
        for task in folder.glob("task/*/children"):
            for child in task.read_text().split():
                yield from _resident_mb(int(child))
    except (OSError, IndexError):  # it has just ended
        return
