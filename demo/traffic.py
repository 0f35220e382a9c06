"""Traffic for the served demonstration: real sentences, asked one after another, and later what the right label was.

    python -m demo.traffic --key mk_... --per-second 50 --seconds 60
    python -m demo.traffic --key mk_... --per-second 50 --seconds 120 --domain tweets     # the world changes

Sentences are those that the demonstration's task does not hold (16,000 of demo/data/sentiment-all.csv), an equal share
of each domain; `--domain` asks of that domain only, so that what comes in is no longer what was tested. Labels of a
share of the answers follow some seconds later, as people would send them. Prints once a second how many were answered,
how many failed, and how many were right.
"""

from __future__ import annotations

import argparse
import csv
import http.client
import json
import random
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

__all__ = ["main"]

_DATA = Path(__file__).parent / "data"
_Row = dict[str, str]


@dataclass
class _Counts:
    answered: int = 0
    failed: int = 0
    right: int = 0
    labelled: int = 0
    refused: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class _Shared:
    """What all threads share: when to end, what was counted, and the labels to send: when, of which request, which."""

    ended: float
    counts: _Counts = field(default_factory=_Counts)
    later: deque[tuple[float, str, str]] = field(default_factory=deque)


class _Client:
    """One connection to the gateway, made anew where it is lost."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._connection: http.client.HTTPConnection | None = None

    def post(self, path: str, body: object) -> tuple[int, dict[str, Any]]:
        """The status and the JSON of the reply; 0 where the gateway could not be reached."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._host, self._port, timeout=30)
        try:
            self._connection.request("POST", path, json.dumps(body), self._headers)
            reply = self._connection.getresponse()
            return reply.status, json.loads(reply.read() or b"{}")
        except (OSError, http.client.HTTPException) as problem:
            self._connection.close()
            self._connection = None
            return 0, {"error": {"message": str(problem)}}


def main(argv: Sequence[str] | None = None) -> int:
    """0 once the time is over; 1 where nothing was answered."""
    args = _arguments().parse_args(argv)
    domains = _domains(args.domain)
    shared = _Shared(time.monotonic() + args.seconds)
    counts, ended = shared.counts, shared.ended
    askers = [
        threading.Thread(target=_ask, args=(args, domains, shared, number), daemon=True)
        for number in range(args.connections)
    ]
    labeller = threading.Thread(target=_label, args=(args, shared), daemon=True)
    for thread in (*askers, labeller):
        thread.start()
    while time.monotonic() < ended:
        time.sleep(1.0)
        _say(counts)
    for thread in (*askers, labeller):
        thread.join(timeout=30)
    return 0 if counts.answered else 1


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m demo.traffic", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="where the gateway is")
    parser.add_argument(
        "--key",
        required=True,
        help="an API key: merits keys create --scope predict --scope feedback --scope label",
    )
    parser.add_argument("--model", default="merits/sentiment", help="which release, as clients name it")
    parser.add_argument("--per-second", type=float, default=20.0, metavar="N", help="requests in a second")
    parser.add_argument("--seconds", type=float, default=60.0, help="for how long")
    parser.add_argument("--domain", action="append", default=[], help="only sentences of it (again for several)")
    parser.add_argument("--labelled", type=float, default=0.5, metavar="SHARE", help="of how many the label follows")
    parser.add_argument("--label-delay", type=float, default=2.0, metavar="SECONDS", help="how long after the answer")
    parser.add_argument("--users", type=int, default=500, help="how many users ask")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--seed", type=int, default=None)
    return parser


def _domains(wanted: Sequence[str]) -> list[list[_Row]]:
    """The sentences of each domain, those left out that candidates learned from or were tested on."""
    used = {row["id"] for row in _table("sentiment.csv")}
    found: dict[str, list[_Row]] = {}
    for row in _table("sentiment-all.csv"):
        if row["id"] not in used:
            found.setdefault(row["domain"], []).append(row)
    unknown = [name for name in wanted if name not in found]
    if unknown:
        raise SystemExit(f"There is no domain {unknown[0]!r}; there are {', '.join(sorted(found))}.")
    return [rows for name, rows in found.items() if not wanted or name in wanted]


def _table(name: str) -> list[_Row]:
    if not (_DATA / name).is_file():
        raise SystemExit(f"{_DATA / name} is not there. Fetch it first: make assets")
    with (_DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _ask(args: argparse.Namespace, domains: Sequence[Sequence[_Row]], shared: _Shared, number: int) -> None:
    counts = shared.counts
    draw = random.Random(None if args.seed is None else args.seed * 1_000 + number)
    client, between = _Client(args.url, args.key), args.connections / args.per_second
    turn = time.monotonic() + draw.random() * between
    while turn < shared.ended:
        time.sleep(max(0.0, turn - time.monotonic()))
        turn = max(turn + between, time.monotonic() - 1.0)  # what was missed for more than a second is not made up
        row = draw.choice(draw.choice(domains))
        user = f"user-{draw.randrange(args.users)}"
        status, reply = client.post("/predict", {"model": args.model, "input": row["text"], "user": user})
        with counts.lock:
            if status != 200:
                counts.failed += 1
                counts.refused = f"{status}: {json.dumps(reply)[:200]}"
                continue
            counts.answered += 1
            counts.right += reply.get("output") == row["label"]
        if draw.random() < args.labelled:
            shared.later.append((time.monotonic() + args.label_delay, reply["merits"]["request"], row["label"]))


def _label(args: argparse.Namespace, shared: _Shared) -> None:
    counts, later = shared.counts, shared.later
    client = _Client(args.url, args.key)
    while time.monotonic() < shared.ended + args.label_delay + 2.0:
        ready: list[dict[str, str]] = []
        while later and later[0][0] <= time.monotonic() and len(ready) < 200:
            _, request, label = later.popleft()
            ready.append({"request": request, "target": label, "source": "label"})
        if ready:
            status, reply = client.post("/feedback", {"feedback": ready})
            with counts.lock:
                counts.labelled += int(reply.get("kept", 0)) if status in (200, 207) else 0
                if status != 200:
                    wrong = [item for item in reply.get("items", []) if not item["kept"]]
                    counts.refused = f"{status}: {json.dumps(wrong[0] if wrong else reply)[:200]}"
        else:
            time.sleep(0.1)


def _say(counts: _Counts) -> None:
    with counts.lock:
        share = counts.right / counts.answered if counts.answered else 0.0
        refused = f"; the last failure: {counts.refused}" if counts.refused else ""
        print(
            f"{counts.answered:,} answered, {share:.1%} right, {counts.labelled:,} labels sent, "
            f"{counts.failed:,} failed{refused}",
            flush=True,
        )


if __name__ == "__main__":
    raise SystemExit(main())
