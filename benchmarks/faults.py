"""2,000 prompts to a provider that fails in every way, by default settings: what is lost, and is the bill right?

5 % of the calls meet a 429, 2 % a 500, 1 % a reset connection, 1 % half a JSON document and 0.5 % no reply at all; the
others are answered with the prompt after 0.2 s (median; 95 % within 0.8 s). The provider is a process of its own and
keeps a ledger of every call and of what it bills: what it answered whole. `lost` are prompts without an answer, `wrong`
those with another answer than the provider gave. `calls`, `tokens` and `money` are what the evaluation says and must be
the ledger's. What a reset, a hang or half a document costs no client can know: `unmetered` counts those calls, which
must be as many as the ledger's, and `money_at_most` holds what they cost if they are billed; with `--bill-lost` the
provider bills them, and that is what must be right. `--peers` runs the other tools that are installed on the same
faults, by their defaults.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import msgspec

if TYPE_CHECKING:
    from merits import Evaluation, Price

FAULTS: Mapping[str, float] = {
    "rate_limit": 0.05,
    "server_error": 0.02,
    "reset": 0.01,
    "malformed": 0.01,
    "hang": 0.005,
}
LATENCY = "lognormal:0.2:0.8"
_INPUT_RATE, _OUTPUT_RATE = 250.0, 1000.0  # per million tokens: high, so that a wrong bill is wrong by cents


def main(argv: Sequence[str]) -> dict[str, object]:
    """What Merits made of it beside the ledger, and with `--peers` what the others did."""
    parser = argparse.ArgumentParser("faults", description=__doc__)
    parser.add_argument("--n", type=int, default=2000, help="prompts (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="decides which calls fail")
    parser.add_argument("--bill-lost", action="store_true", help="the provider bills what was lost too")
    parser.add_argument("--peers", action="store_true", help="the other tools too, where they are installed")
    parser.add_argument("--peer-seconds", type=float, default=900.0, help="a peer is ended after that (%(default)s)")
    options = parser.parse_args(argv)
    figures = _merits(options.n, options.seed, bill_lost=options.bill_lost)
    _print("merits", figures)
    if options.peers:
        figures["peers"] = list(_peers(options.n, options.seed, options.peer_seconds))
    return figures


@contextlib.contextmanager
def failing_provider(seed: int, *, bill_lost: bool = False) -> Iterator[str]:
    """The address of a provider with all the faults, in a process of its own."""
    faults = [word for kind, share in FAULTS.items() for word in ("--fault", f"{kind}:{share}")]
    rates = ["--input-rate", str(_INPUT_RATE), "--output-rate", str(_OUTPUT_RATE)]
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


def _merits(n: int, seed: int, *, bill_lost: bool) -> dict[str, object]:
    import merits
    from merits.core.outcome import Status
    from merits.core.task import ScorerSpec

    os.environ.setdefault("OPENAI_API_KEY", "any")
    with failing_provider(seed, bill_lost=bill_lost) as base_url, tempfile.TemporaryDirectory() as folder:
        examples = tuple(merits.Example(id=str(i), input=_prompt(i), target=_prompt(i)) for i in range(n))
        task = merits.Task(
            name="faults",
            kind="generation",
            examples=examples,
            scorers=(ScorerSpec("exact"),),
            folder=folder,
        )
        price = merits.Price(input_per_million=_INPUT_RATE, output_per_million=_OUTPUT_RATE)
        asked = merits.Candidate(name="m", kind="chat", params={"model": "m", "base_url": base_url}, price=price)
        start = time.perf_counter()
        evaluation = merits.evaluate(task, [asked], store=Path(folder) / "store.sqlite")
        seconds = time.perf_counter() - start
        book = ledger(base_url)
    scored = evaluation.status[0] == Status.SCORED
    tokens = int(sum(float(counts.sum()) for counts in evaluation.tokens.values()))
    told, at_most = _money(evaluation, price), float(evaluation.cost.sum())
    calls, unmetered = int(evaluation.attempts.sum()), _unmetered(evaluation)
    lost = sum(book.faults.get(kind, 0) for kind in ("reset", "malformed", "hang")) + book.open
    return {
        "n": n,
        "seconds": round(seconds, 1),
        "lost": int(n - scored.sum()),
        "wrong": int((scored & ~evaluation.solved[0]).sum()),
        "calls": calls,
        "ledger_calls": book.requests,
        "tokens": tokens,
        "ledger_tokens": sum(book.tokens.values()),
        "unmetered": unmetered,
        "ledger_unmetered": lost,
        "money": round(told, 6),
        "money_at_most": round(at_most, 6),
        "ledger_money": round(book.money, 6),
        "right_to_the_cent": (calls, unmetered) == (book.requests, lost)
        and abs((at_most if bill_lost else told) - book.money) < 0.005,
        "ledger_open": book.open,  # hangs whose client has left, and whose connection has not
        "most_at_once": book.most_at_once,
        "faults": book.faults,
    }


def _money(evaluation: Evaluation, price: Price) -> float:
    """What the tokens cost that the provider told."""
    from merits.prices import costs

    tokens = {kind: counts[0] for kind, counts in evaluation.tokens.items()}
    cost = costs(price, tokens=tokens, machine_s=evaluation.machine_s[0], attempts=evaluation.attempts[0])
    return 0.0 if cost is None else float(cost.sum())


def _unmetered(evaluation: Evaluation) -> int:
    return 0 if evaluation.unmetered is None else int(evaluation.unmetered.sum())


def _prompt(i: int) -> str:
    return f"word {i}"


class _Result(Protocol):
    seconds: float
    n_calls_answered: int
    n_solved: int
    exit_code: int


class _Peer(Protocol):
    def available(self) -> str: ...

    def run(self, base_url: str, prompts: Path, concurrency: int, *, timeout_s: float) -> _Result: ...


def _peers(n: int, seed: int, timeout_s: float) -> Iterator[dict[str, object]]:
    peers = cast("Mapping[str, _Peer]", importlib.import_module("benchmarks._peers").PEERS)
    for name, peer in peers.items():
        if why_not := peer.available():
            print(f"{name}: skipped, {why_not}", file=sys.stderr)
            continue
        with failing_provider(seed) as base_url, tempfile.TemporaryDirectory() as folder:
            prompts = Path(folder) / "prompts.jsonl"
            lines = [msgspec.json.encode({"input": _prompt(i), "target": _prompt(i)}) for i in range(n)]
            prompts.write_bytes(b"\n".join(lines) + b"\n")
            result = peer.run(base_url, prompts, 64, timeout_s=timeout_s)
            book = ledger(base_url)
        figures: dict[str, object] = {
            "peer": name,
            "seconds": round(result.seconds, 1),
            "lost": n - result.n_calls_answered,
            "wrong": result.n_calls_answered - result.n_solved,
            "exit_code": result.exit_code,
            "ledger": msgspec.structs.asdict(book),
        }
        _print(name, figures)
        yield figures


def _print(name: str, figures: Mapping[str, object]) -> None:
    print(name, file=sys.stderr)
    for what, value in figures.items():
        print(f"  {what:20} {value}", file=sys.stderr)
