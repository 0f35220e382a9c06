"""`python -m merits.testing.provider`: the fake provider from a shell, until it is interrupted."""

from __future__ import annotations

import argparse
import errno
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec

from merits.core.price import Price, TokenRates
from merits.testing.provider.batches import FakeBatches
from merits.testing.provider.faults import KINDS, Fault
from merits.testing.provider.latency import Latency
from merits.testing.provider.limits import Limits
from merits.testing.provider.saying import Reply, echo
from merits.testing.provider.server import FakeProvider

__all__ = ["main"]

_RATED = tuple(kind.removesuffix("_per_million") for kind in TokenRates.__struct_fields__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted; 0. Where the port is taken it says so and returns 2."""
    options = _parser().parse_args(arguments)
    reply = _reply(options.reply, options.replies)
    provider = FakeProvider(
        reply=reply,
        api_key=options.api_key,
        faults=[_fault(text, options) for text in options.fault],
        latency_s=options.latency,
        limits=_limits(options),
        rates=Price(
            **{
                "input_per_million": options.input_rate,
                "output_per_million": options.output_rate,
                **dict(options.rate),
            },
            batch_factor=options.batch_factor,
        ),
        bill_lost=options.bill_lost,
        cached_tokens=options.cached_tokens,
        cache_write_tokens=options.cache_write_tokens,
        cache_write_1h_tokens=options.cache_write_1h_tokens,
        spoken_tokens=options.spoken_tokens,
        reasoning_tokens=options.reasoning_tokens,
        batches=FakeBatches(reply, takes_s=options.batch_seconds),
        keep=False,
        seed=options.seed,
        port=options.port,
    )
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stopped.set())
    stopped = threading.Event()
    try:
        provider.start()
    except OSError as problem:
        if problem.errno != errno.EADDRINUSE:
            raise
        print(f"port {options.port} is in use. next: Give another --port, or 0 for a free one.", file=sys.stderr)  # noqa: T201
        return 2
    try:
        print(f"export OPENAI_BASE_URL={provider.base_url} OPENAI_API_KEY={options.api_key or 'any'}", flush=True)  # noqa: T201
        stopped.wait()
        provider.settle()
        print(msgspec.json.encode(provider.ledger.as_json()).decode(), file=sys.stderr)  # noqa: T201
    finally:
        provider.stop()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m merits.testing.provider",
        description="A fake provider on 127.0.0.1 that speaks OpenAI's and Anthropic's protocols. It answers with the "
        "question. GET /ledger says what it would bill.",
        epilog="example:  python -m merits.testing.provider --port 8000 --fault rate_limit:0.05 --fault hang:0.005",
    )
    parser.add_argument("--port", type=int, default=8000, help="port (default: %(default)s; 0 takes a free one)")
    parser.add_argument(
        "--batch-seconds", type=float, default=10.0, metavar="SECONDS", help="how long a batch takes (default: 10)"
    )
    parser.add_argument("--reply", default="", help="always answer with this text")
    parser.add_argument("--replies", help="JSON file: question -> answer; others are echoed")
    parser.add_argument("--api-key", default="", help="refuse any other key")
    parser.add_argument(
        "--latency", type=Latency.parse, default=Latency(), help="seconds, uniform:0.1:0.3 or lognormal:MEDIAN:P95"
    )
    parser.add_argument(
        "--fault", action="append", default=[], metavar="KIND[:PROBABILITY]", help=f"fail like this: {', '.join(KINDS)}"
    )
    parser.add_argument("--probability", type=float, default=0.1, help="how often a fault without a figure happens")
    parser.add_argument("--retry-after", type=float, metavar="SECONDS", help="say so with each rate_limit")
    parser.add_argument("--seed", type=int, default=0, help="decides when faults happen")
    parser.add_argument("--requests-per-minute", type=int, help="refuse more with 429")
    parser.add_argument("--tokens-per-minute", type=int, help="refuse more with 429")
    parser.add_argument("--input-rate", type=float, default=1.0, help="price of a million input tokens")
    parser.add_argument("--output-rate", type=float, default=4.0, help="price of a million output tokens")
    parser.add_argument(
        "--rate",
        action="append",
        default=[],
        type=_rate,
        metavar="KIND:PRICE",
        help=f"price of a million tokens of another kind: {', '.join(_RATED)}",
    )
    parser.add_argument("--batch-factor", type=float, default=0.5, help="what a batch costs, as a share (default: 0.5)")
    parser.add_argument("--cached-tokens", type=int, default=0, help="input tokens that come from a cache")
    parser.add_argument("--cache-write-tokens", type=int, default=0, help="input tokens that are written to a cache")
    parser.add_argument("--cache-write-1h-tokens", type=int, default=0, help="the same for an hour, at Anthropic")
    parser.add_argument("--spoken-tokens", type=int, default=0, help="output tokens of sound, at OpenAI")
    parser.add_argument("--reasoning-tokens", type=int, default=0, help="output tokens that are thought")
    parser.add_argument("--bill-lost", action="store_true", help="bill what was cut or never waited for too")
    return parser


def _fault(text: str, options: argparse.Namespace) -> Fault:
    name, _, probability = text.partition(":")
    kind = next((kind for kind in KINDS if kind == name), None)
    if kind is None:
        raise SystemExit(f"--fault {name}: there is no such fault; there are {', '.join(KINDS)}")
    after = options.retry_after if kind == "rate_limit" else None
    return Fault(kind, float(probability) if probability else options.probability, retry_after_s=after)


def _rate(text: str) -> tuple[str, float]:
    """A rate as `Price` names it."""
    kind, _, price = text.partition(":")
    if kind not in _RATED:
        raise argparse.ArgumentTypeError(f"{kind!r} is no kind of token; there are {', '.join(_RATED)}")
    try:
        return f"{kind}_per_million", float(price)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} says no price. Write it like {kind}:2.5") from None


def _limits(options: argparse.Namespace) -> Limits | None:
    if options.requests_per_minute is None and options.tokens_per_minute is None:
        return None
    return Limits(options.requests_per_minute, options.tokens_per_minute)


def _reply(always: str, file: str | None) -> Reply:
    if always:
        return lambda messages: always
    if file is None:
        return echo
    known = msgspec.json.decode(Path(file).read_bytes(), type=dict[str, str])
    return lambda messages: known.get(echo(messages), echo(messages))


if __name__ == "__main__":
    raise SystemExit(main())
