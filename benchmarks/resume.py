"""`kill -9` and again: how many calls that had been answered does each tool pay for a second time?

1,000 prompts; each tool is killed when a third of them has been answered and again when two thirds have, and is started
again each time as its users do: by the command it has for that (`inspect eval-retry`, `promptfoo eval --resume`), else
by the same command. The provider answers each call after the same time, and knows which prompts it answered: `repeated`
calls ask a prompt again whose answer had left it more than 0.1 s before a kill; what it answered later or not at all
was `in_flight`. `results` is what the tool's own results hold at the end.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks._markdown import markdown
from benchmarks._peers import Job, Peer
from benchmarks._together import Figures, add_options, each, last_line, write_prompts
from merits.testing.provider import FakeProvider

LATENCY_S = 0.05
_UNDER_WAY_S = 0.1  # an answer that left the provider so shortly before a kill may not have been read: no CPU
_COLUMNS = {
    "n": "prompts",
    "answered": "answered before the kills",
    "in_flight": "in flight at the kills",
    "repeated": "answered and asked again",
    "ledger_calls": "calls in the ledger",
    "calls": "calls it says",
    "results": "results at the end",
    "seconds": "seconds",
    "ended": "how it ended",
}


def main(argv: Sequence[str]) -> dict[str, Figures]:
    """The figures of each tool."""
    parser = argparse.ArgumentParser("resume", description=__doc__)
    add_options(parser, n=1000, concurrency=16, limit_s=300.0)
    parser.add_argument("--kills", type=int, default=2, help="at even shares of the prompts (default: %(default)s)")
    options = parser.parse_args(argv)
    return each(options.tools, lambda tool: _killed(tool, options))


def table(figures: Mapping[str, Mapping[str, object]]) -> str:
    """The figures as Markdown."""
    return markdown(_COLUMNS, figures)


class Asked:
    """When each prompt was asked (`time.monotonic()`), and so when it was answered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.calls: list[tuple[str, float]] = []

    def reply(self, messages: Sequence[Mapping[str, object]]) -> str:
        """The prompt itself."""
        text = str(messages[-1]["content"])
        with self._lock:
            self.calls.append((text, time.monotonic()))
        return text

    def answered(self, at: float) -> set[str]:
        """The prompts whose answers had left the provider then."""
        with self._lock:
            return {text for text, asked in self.calls if asked + LATENCY_S <= at}

    def n_answered(self, at: float) -> int:
        """How many answers had left the provider then."""
        with self._lock:
            return sum(asked + LATENCY_S <= at for _, asked in self.calls)

    def have_answered(self, n: int) -> Callable[[], bool]:
        """Whether n prompts have been answered by now."""
        return lambda: len(self.answered(time.monotonic())) >= n


def _killed(tool: Peer, options: argparse.Namespace) -> Figures:
    asked, known, in_flight, repeated, seconds = Asked(), set[str](), 0, 0, 0.0
    with FakeProvider(asked.reply, latency_s=LATENCY_S) as provider, tempfile.TemporaryDirectory() as folder:
        job = Job(provider.base_url, write_prompts(Path(folder) / "prompts.jsonl", options.n), options.concurrency)
        place = Path(folder) / "place"
        place.mkdir()
        for start in range(options.kills + 1):
            last, n_before = start == options.kills, len(asked.calls)
            enough = asked.have_answered(options.n * (start + 1) // (options.kills + 1))
            killed_when = None if last else enough
            done = tool.run_in(place, job, again=start > 0, timeout_s=options.limit, killed_when=killed_when)
            ended = time.monotonic()
            seconds += done.seconds
            repeated += sum(text in known for text, _ in asked.calls[n_before:])
            if not last:
                known = asked.answered(ended - _UNDER_WAY_S)
                in_flight += len(asked.calls) - asked.n_answered(ended - _UNDER_WAY_S)
    figures: Figures = {
        "n": options.n,
        "answered": len(known),
        "in_flight": in_flight,
        "repeated": repeated,
        "ledger_calls": len(asked.calls),
        "calls": done.counts.n_calls,
        "results": done.counts.n_answered,
        "seconds": round(seconds, 1),
        "ended": "stopped" if done.exit_code == -9 else f"exit code {done.exit_code}",
    }
    return figures if done.exit_code in (0, 3) else {**figures, "said": last_line(done.said)}
