"""2,000 prompts to a provider that fails in every way, by default settings: what is lost, and is the bill right?

5 % of the calls meet a 429, 2 % a 500, 1 % a reset connection, 1 % half a JSON document and 0.5 % no reply at all; the
others are answered with the prompt after 0.2 s (median; 95 % within 0.8 s). Each tool has a provider of its own, a
process that keeps a ledger of every call and of what it bills: what it answered whole. Tools run by their defaults,
told what a token costs where they take that, and are stopped after `--limit` seconds, as one that hangs must be.

`one_outcome` prompts have exactly one outcome in the tool's results, an answer or an error; `lost` have no answer
there, and `wrong` another than the provider gave. `calls`, `tokens` and `money` are what the tool says, None where it
keeps no record of them, and must be the ledger's. What a reset, a hang or half a document costs no client can know:
Merits counts those calls (`unmetered`), and `money_at_most` holds what they cost if they are billed; with `--bill-lost`
the provider bills them, and that is what must be right.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from benchmarks._markdown import markdown
from benchmarks._peers import Job, Peer, PeerResult
from benchmarks._together import Figures, add_options, each, last_line, write_prompts

FAULTS: Mapping[str, float] = {
    "rate_limit": 0.05,
    "server_error": 0.02,
    "reset": 0.01,
    "malformed": 0.01,
    "hang": 0.005,
}
LATENCY = "lognormal:0.2:0.8"
_RATES = (250.0, 1000.0)  # per million tokens: high, so that a wrong bill is wrong by cents
_CENT = 0.005
_COLUMNS = {
    "n": "prompts",
    "one_outcome": "with one outcome",
    "lost": "lost",
    "wrong": "wrong by a fault",
    "calls": "calls it says",
    "ledger_calls": "calls in the ledger",
    "money": "USD it says",
    "ledger_money": "USD in the ledger",
    "right_to_the_cent": "right to the cent",
    "seconds": "seconds",
    "ended": "how it ended",
}


def main(argv: Sequence[str]) -> dict[str, Figures]:
    """The figures of each tool beside its ledger."""
    parser = argparse.ArgumentParser("faults", description=__doc__)
    add_options(parser, n=2000, concurrency=64, limit_s=900.0)
    parser.add_argument("--seed", type=int, default=0, help="decides which calls fail")
    parser.add_argument("--bill-lost", action="store_true", help="the provider bills what was lost too")
    options = parser.parse_args(argv)
    return each(options.tools, lambda tool: _measured(tool, options))


def table(figures: Mapping[str, Mapping[str, object]]) -> str:
    """The figures as Markdown."""
    return markdown(_COLUMNS, figures)


@contextlib.contextmanager
def failing_provider(seed: int, *, bill_lost: bool = False) -> Iterator[str]:
    """The address of a provider with all the faults, in a process of its own."""
    faults = [word for kind, share in FAULTS.items() for word in ("--fault", f"{kind}:{share}")]
    rates = ["--input-rate", str(_RATES[0]), "--output-rate", str(_RATES[1])]
    words = ["--port", "0", "--latency", LATENCY, "--seed", str(seed), *faults, *rates]
    command = [sys.executable, "-m", "merits.testing.provider", *words, *(["--bill-lost"] if bill_lost else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split("OPENAI_BASE_URL=")[1].split()[0]
        finally:
            process.terminate()


class Ledger(msgspec.Struct):
    """What the provider says it answered and bills."""

    requests: int
    open: int
    billed: int
    tokens: dict[str, int]
    money: float
    faults: dict[str, int]
    most_at_once: int


def ledger(base_url: str) -> Ledger:
    """The provider's ledger."""
    with urllib.request.urlopen(f"{base_url.removesuffix('/v1')}/ledger", timeout=10) as reply:
        return msgspec.json.decode(reply.read(), type=Ledger)


def _measured(tool: Peer, options: argparse.Namespace) -> Figures:
    with (
        failing_provider(options.seed, bill_lost=options.bill_lost) as base_url,
        tempfile.TemporaryDirectory() as folder,
    ):
        prompts = write_prompts(Path(folder) / "prompts.jsonl", options.n)
        done = tool.run(Job(base_url, prompts, options.concurrency, _RATES), timeout_s=options.limit)
        return _beside(done, ledger(base_url), options.n, bill_lost=options.bill_lost)


def _beside(done: PeerResult, book: Ledger, n: int, *, bill_lost: bool) -> Figures:
    """What a tool says beside the ledger."""
    counts = done.counts
    told = counts.money_at_most if bill_lost else counts.money
    figures: Figures = {
        "n": n,
        "seconds": round(done.seconds, 1),
        "one_outcome": counts.n_once,
        "lost": n - counts.n_answered,
        "wrong": counts.n_answered - counts.n_solved,
        "calls": counts.n_calls,
        "ledger_calls": book.requests,
        "tokens": counts.tokens,
        "ledger_tokens": sum(book.tokens.values()),
        "money": counts.money if counts.money is None else round(counts.money, 6),
        "ledger_money": round(book.money, 6),
        "right_to_the_cent": None if told is None else round(abs(told - book.money), 6) < _CENT,
        "ended": "stopped" if done.exit_code == -9 else f"exit code {done.exit_code}",
        "most_at_once": book.most_at_once,
        "faults": book.faults,
    }
    if counts.n_unmetered is not None and counts.money_at_most is not None:
        lost = sum(book.faults.get(kind, 0) for kind in ("reset", "malformed", "hang")) + book.open
        figures |= {"unmetered": counts.n_unmetered, "ledger_unmetered": lost}
        figures |= {"money_at_most": round(counts.money_at_most, 6)}
    return figures if done.exit_code in (0, 3) else {**figures, "said": last_line(done.said)}
