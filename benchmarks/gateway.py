"""What a gateway adds in front of a provider without latency: requests/s at 32 connections, added p50 ms at one.

The provider, each server and the load are processes of their own, on loopback. Ours checks an API key, and has every
answer in its journal before it is given and in the live store after. `bare` is an ASGI application on the same server
(uvicorn, uvloop, httptools) that hands on by the Rust client which ours uses for addresses with TLS, and does nothing
else; without TLS, as here, ours asks on the event loop itself (`candidates/plain_wire.py`). Rounds are interleaved, and
medians over rounds are shown; `cpu_ms` is what one request costs the server's process. Peers that are not installed are
skipped with a message. The target is 2,000 requests/s and 0.6 ms, or 80 % of `bare`, whichever is lower.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from benchmarks._gateway_servers import KEY_LINE, NEEDS, missing
from benchmarks._load import Load
from benchmarks._markdown import markdown
from benchmarks._provider import provider

_TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")
_PER_S, _ADDED_MS, _SHARE = 2000.0, 0.6, 0.8


@dataclass
class _Server:
    name: str
    url: str
    pid: int = 0
    key: str = ""
    model: str = "fake"
    per_s: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    answered: int = 0


def main(argv: Sequence[str]) -> dict[str, object]:
    """The figures of each server, and whether the target is met."""
    parser = argparse.ArgumentParser("gateway", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement at 32 connections")
    parser.add_argument("--fake", action="store_true", help="the full fake provider instead of one that pushes bytes")
    parser.add_argument("--only", default="", help="only these servers, separated by commas")
    options = parser.parse_args(argv)
    wanted = [name for name in options.only.split(",") if name] or list(NEEDS)
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(provider(0.0, lean=not options.fake)).address
        servers = [_Server("direct", f"{upstream}/chat/completions")]
        for name in wanted:
            lacking = missing(name)
            if lacking:
                print(f"{name}: skipped, {' and '.join(lacking)} not installed", file=sys.stderr)
                continue
            servers.append(stack.enter_context(_running(name, upstream)))
        for server in servers:
            _load(server, 8, 0.5)  # warm
        for _ in range(options.rounds):
            for server in servers:
                _measure(server, options.seconds)
    return _figures(servers)


@contextlib.contextmanager
def _running(name: str, upstream: str) -> Iterator[_Server]:
    command = [sys.executable, "-m", "benchmarks._gateway_servers", name, upstream]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        line, key = process.stdout.readline().strip(), ""
        if line.startswith(KEY_LINE):
            line, key = process.stdout.readline().strip(), line.removeprefix(KEY_LINE)
        server = _Server(name, f"{line}/v1/chat/completions", process.pid, key)
        if name == "merits":
            server.model = "merits/calls"
        try:
            yield server
        finally:
            process.stdin.close()
            said = process.stdout.readline().split()
            if said and int(said[1]) < server.answered:
                raise AssertionError(f"{said[1]} of {server.answered} answers are in the store")


def _measure(server: _Server, seconds: float) -> None:
    before = _cpu_s(server.pid)
    many = _load(server, 32, seconds)
    server.cpu_ms.append(1000 * (_cpu_s(server.pid) - before) / max(1, many.requests))
    server.per_s.append(many.requests / many.seconds)
    one = _load(server, 1, seconds / 2)
    server.p50_ms.append(1000 * one.p50_s)
    server.p99_ms.append(1000 * one.p99_s)


def _load(server: _Server, connections: int, seconds: float) -> Load:
    command = [sys.executable, "-m", "benchmarks._load", server.url, "--model", server.model]
    command += [
        "--connections",
        str(connections),
        "--seconds",
        str(seconds),
        *(["--key", server.key] if server.key else []),
    ]
    came = msgspec.json.decode(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout, type=Load)
    if came.errors:
        raise AssertionError(f"{server.name}: {came.errors} of {came.requests} were not answered")
    server.answered += came.requests
    time.sleep(0.05)
    return came


def _cpu_s(pid: int) -> float:
    """User and system seconds of a process so far; 0 where that cannot be read."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) * _TICK_S


def _figures(servers: Sequence[_Server]) -> dict[str, object]:
    base_ms = statistics.median(servers[0].p50_ms)
    figures: dict[str, object] = {}
    found: dict[str, tuple[float, float]] = {}
    for server in servers:
        per_s = statistics.median(server.per_s)
        added_ms = statistics.median(p50 - base for p50, base in zip(server.p50_ms, servers[0].p50_ms, strict=True))
        found[server.name] = per_s, added_ms
        figures[server.name] = {
            "per_s": round(per_s),
            "added_p50_ms": round(added_ms, 3),
            "p99_ms_at_one": round(statistics.median(server.p99_ms), 3),
            "cpu_ms": round(statistics.median(server.cpu_ms), 3),
        }
    figures["direct_p50_ms"] = round(base_ms, 3)
    if "merits" in found and "bare" in found:
        per_s, added_ms = found["merits"]
        needed, allowed = min(_PER_S, _SHARE * found["bare"][0]), max(_ADDED_MS, found["bare"][1] / _SHARE)
        figures["target"] = {
            "per_s": round(needed),
            "added_p50_ms": round(allowed, 3),
            "share_of_bare": round(per_s / found["bare"][0], 3),
            "met": per_s >= needed and added_ms <= allowed,
        }
    return figures


def table(figures: Mapping[str, object]) -> str:
    """The figures as Markdown."""
    columns = {"per_s": "requests/s at 32", "added_p50_ms": "added p50 ms at 1", "cpu_ms": "CPU ms of the server"}
    return markdown(
        columns, {name: each for name, each in figures.items() if isinstance(each, Mapping) and "cpu_ms" in each}
    )
