"""What can be seen of a server from outside: metrics for Prometheus and lines of JSON for logs. No content in either.

Knows nothing about HTTP.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

import msgspec

from merits.core.answer import TOKEN_KINDS
from merits.core.live import Served
from merits.core.secrets import redact

if TYPE_CHECKING:
    from merits.serving.http import Call

__all__ = ["Log", "Metrics"]

_encode_lines = msgspec.json.Encoder().encode_lines
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """Counters and times of one worker; where several work side by side, `page` shows their sum.

    The names are in docs/production/serving.md. Several workers share them through files in a folder that the
    environment names (PROMETHEUS_MULTIPROC_DIR) before this is made.
    """

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Gauge, Histogram
        from prometheus_client import Counter as Count

        self._registry = CollectorRegistry()
        registry = self._registry
        self._requests = Count(
            "merits_requests", "Requests, by endpoint and status.", ["path", "status"], registry=registry
        )
        self._seconds = Histogram(
            "merits_answer_seconds",
            "From the arrival of a request to its answer.",
            ["task", "release", "arm"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._failures = Count(
            "merits_failures", "Answers that could not be had.", ["task", "release", "arm", "kind"], registry=registry
        )
        self._fallbacks = Count("merits_fallbacks", "Answers of a fallback.", ["task", "release"], registry=registry)
        self._cost = Count("merits_cost", "What answers cost.", ["task", "release", "currency"], registry=registry)
        self._tokens = Count("merits_tokens", "Tokens that were used.", ["task", "release", "kind"], registry=registry)
        self._shadows = Count("merits_shadows_left_out", "Silent answers left out for want of room.", registry=registry)
        self.in_flight = Gauge(
            "merits_in_flight", "Requests at a model.", multiprocess_mode="livesum", registry=registry
        )
        self.waiting = Gauge("merits_waiting", "Requests that wait.", multiprocess_mode="livesum", registry=registry)
        self.unshipped = Gauge(
            "merits_journal_unshipped_bytes",
            "What the store does not have yet.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.store_up = Gauge(
            "merits_store_up", "Whether the store took records.", multiprocess_mode="livemin", registry=registry
        )
        self._n_requests: dict[tuple[str, int], int] = {}
        self._gathered: dict[tuple[str, int, str, str], _Gathered] = {}

    def request(self, path: str, status: int) -> None:
        """Counts a request."""
        key = (path, status)
        self._n_requests[key] = self._n_requests.get(key, 0) + 1

    def served(self, served: Served) -> None:
        """Counts an answer."""
        key = (served.task, served.release, served.arm, served.currency)
        found = self._gathered.get(key)
        if found is None:
            found = self._gathered[key] = _Gathered()
        found.seconds.append(served.seconds)
        if served.cost:
            found.cost += served.cost
        usage = served.answer.usage
        found.input_tokens += usage.input_tokens
        found.output_tokens += usage.output_tokens
        if usage.cache_read_tokens or usage.reasoning_tokens or usage.audio_tokens or usage.image_tokens:
            for kind in TOKEN_KINDS:
                if kind not in ("input", "output") and (n := getattr(usage, f"{kind}_tokens")):
                    found.tokens[kind] += n
        if served.fallback:
            self._fallbacks.labels(served.task, str(served.release)).inc()
        if served.answer.failure is not None:
            self._failures.labels(served.task, str(served.release), served.arm, served.answer.failure.kind).inc()

    def flush(self) -> None:
        """Gives what was gathered to Prometheus' counters: four times a second costs less than with every request."""
        requests, self._n_requests = self._n_requests, {}
        for (path, status), n in requests.items():
            self._requests.labels(path, str(status)).inc(n)
        gathered, self._gathered = self._gathered, {}
        for (task, version, arm, currency), found in gathered.items():
            release = str(version)
            observe = self._seconds.labels(task, release, arm).observe
            for seconds in found.seconds:
                observe(seconds)
            self._cost.labels(task, release, currency).inc(found.cost)
            for kind, n in (("input", found.input_tokens), ("output", found.output_tokens), *found.tokens.items()):
                self._tokens.labels(task, release, kind).inc(n)

    def shadow_left_out(self) -> None:
        """Counts a silent answer for which there was no room."""
        self._shadows.inc()

    def page(self) -> tuple[bytes, bytes]:
        """The text that Prometheus reads, and its type."""
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

        registry = self._registry
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            from prometheus_client.multiprocess import MultiProcessCollector

            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry), CONTENT_TYPE_LATEST.encode()


class _Line(msgspec.Struct, omit_defaults=True, gc=False):
    at: float
    level: str
    event: str
    request: str
    method: str
    path: str
    status: int
    ms: float
    key: str = ""
    task: str = ""
    release: int = 0
    arm: str = ""
    failure: str = ""


@dataclass
class _Gathered:
    seconds: list[float] = field(default_factory=list)
    cost: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    tokens: Counter[str] = field(default_factory=Counter)


_MOST_WAITING = 8 * 2**20  # bytes of a log that nobody reads
_LEVELS = {"cannot-open": "error", "journal-damaged": "error", "record-refused": "error", "store-away": "warning"}


class _Writer:
    """A thread that writes for others, so that a reader who stops stops nobody. What does not fit is counted."""

    def __init__(self, out: TextIO | None) -> None:
        self._out = out
        self._waiting: deque[bytes] = deque()
        self._n_bytes, self._is_writing = 0, False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self.left_out = 0

    def write(self, lines: bytes) -> bool:
        """Hands it to the thread, and does not wait; whether there was room for it."""
        with self._changed:
            if self._waiting and self._n_bytes + len(lines) > _MOST_WAITING:
                self.left_out += lines.count(b"\n")
                return False
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="merits-log", daemon=True)
                self._thread.start()
            self._waiting.append(lines)
            self._n_bytes += len(lines)
            self._changed.notify_all()
        return True

    def close(self, seconds: float) -> None:
        """Waits until what was handed over is written, for so many seconds at most."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting and not self._is_writing, timeout=seconds)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                lines, self._is_writing = self._waiting.popleft(), True
                self._n_bytes -= len(lines)
            with suppress(OSError, ValueError):
                self._put(lines)
            with self._changed:
                self._is_writing = False
                self._changed.notify_all()

    def _put(self, lines: bytes) -> None:
        """By the descriptor where there is one: a thread that waits in Python's buffer keeps a process from ending."""
        out = self._out or sys.stderr
        try:
            descriptor = out.fileno()
        except (OSError, ValueError, AttributeError):
            out.write(lines.decode("utf-8", "replace"))
            out.flush()
            return
        while lines:
            lines = lines[os.write(descriptor, lines) :]


class Log:
    """Lines of JSON: time, level, event, and what belongs to it. Requests are gathered and written several at once.

    `flush` is to be called now and then, `close` at the end. A reader that does not keep up loses lines, which is said
    once he reads again, rather than stopping the server: they are written by a thread.
    """

    def __init__(
        self, out: TextIO | None = None, *, requests: bool = True, clock: Callable[[], float] = time.time
    ) -> None:
        self._writer = _Writer(out)
        self.requests = requests
        self._clock = clock
        self._lines: list[_Line | dict[str, object]] = []  # encoded all at once, which costs a third
        self._worker = os.getpid()

    def event(self, event: str, text: str, level: str = "") -> None:
        """Writes what happened; what somebody should look at is an error or a warning."""
        line: dict[str, object] = {"at": self._clock(), "level": level or _LEVELS.get(event, "info"), "event": event}
        line |= {"message": redact(text), "worker": self._worker}
        self._lines.append(line)
        self.flush()

    def request(self, call: Call, path: str, seconds: float) -> None:
        """Notes a request: who, what, how it went; nothing of what it said, nor a path that is none of ours."""
        if not self.requests or len(self._lines) > 20_000:
            return
        holder = call.holder
        line = _Line(
            call.at,
            "info" if call.status < 500 else "error",
            "request",
            call.request,
            call.method[:10],
            path,
            call.status,
            round(1000 * seconds, 2),
            holder.key.id if holder is not None else "",
            call.task,
            call.release,
            call.arm,
            call.failure,
        )
        self._lines.append(line)

    def flush(self) -> None:
        """Writes what was gathered."""
        if not self._lines:
            return
        lines, self._lines = self._lines, []
        left_out = self._writer.left_out
        if left_out:
            text = f"{left_out} lines were left out: nobody read them"
            lines.append({"at": self._clock(), "level": "warning", "event": "log", "message": text})
        if self._writer.write(_encode_lines(lines)):
            self._writer.left_out -= left_out
        elif left_out:
            self._writer.left_out -= 1  # the line that says so is none of them

    def close(self, seconds: float = 1.0) -> None:
        """Writes what was gathered, and waits for it for so many seconds at most."""
        self.flush()
        self._writer.close(seconds)
