"""How many served requests a second the live store takes, in memory, in a file and on PostgreSQL.

Records as a gateway's shipper brings them, in batches, each on disk before the next; then all read again as monitoring
reads them. PostgreSQL is started here, on loopback, waiting for the disk at each commit, and skipped where it is not
installed. `rows_per_cpu_s` counts this process's processor time only.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks._markdown import markdown
from merits.core.answer import Answer, Usage
from merits.core.doors import LiveStore
from merits.core.live import Served
from merits.store import open_live
from merits.testing.postgres import PostgresServer, why_no_postgres

Figures = dict[str, float]
_COLUMNS = {
    "rows": "rows",
    "batch": "a batch",
    "rows_per_s": "added, rows/s",
    "rows_per_cpu_s": "rows a processor second",
    "read_per_s": "read, rows/s",
}


def main(argv: Sequence[str]) -> dict[str, Figures]:
    """The figures of each place."""
    parser = argparse.ArgumentParser("live", description=__doc__)
    parser.add_argument("--rows", type=int, default=51_200, help="default: %(default)s")
    parser.add_argument("--batch", type=int, default=256, help="rows in one addition (default: %(default)s)")
    options = parser.parse_args(argv)
    batches = [[_served(start + n) for n in range(options.batch)] for start in range(0, options.rows, options.batch)]
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        places: dict[str, str | Path] = {"memory": ":memory:", "SQLite": Path(folder) / "live.sqlite"}
        if why := why_no_postgres():
            print(f"without PostgreSQL: {why}", file=sys.stderr)
        else:
            server = PostgresServer(durable=True)
            stack.callback(server.close)
            places["PostgreSQL"] = server.url
        return {name: _measured(open_live(place), batches) for name, place in places.items()}


def table(figures: Mapping[str, Mapping[str, object]]) -> str:
    """The figures as Markdown."""
    return markdown(_COLUMNS, figures)


def _measured(store: LiveStore, batches: Sequence[Sequence[Served]]) -> Figures:
    n = sum(len(batch) for batch in batches)
    began, began_cpu = time.perf_counter(), time.process_time()
    for batch in batches:
        store.add(batch)
    seconds, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    began, last, n_read = time.perf_counter(), 0, 0
    while some := store.served("tickets", after=last):
        last, n_read = some[-1].number, n_read + len(some)
    reading = time.perf_counter() - began
    store.close()
    assert n_read == n
    return {
        "rows": n,
        "batch": len(batches[0]),
        "rows_per_s": round(n / seconds),
        "rows_per_cpu_s": round(n / cpu),
        "read_per_s": round(n / reading),
    }


def _served(number: int) -> Served:
    return Served(
        request=f"req-{number * 2_654_435_761 % 2**32:08x}{number:08x}",
        task="tickets",
        release=1,
        arm="champion",
        at=float(number),
        input_hash=f"{number:032x}",
        answer=Answer("ham", {"ham": 0.75, "egg": 0.25}, 0.75, Usage(input_tokens=60, output_tokens=3), 0.21),
        cost=1e-4,
        seen={"length": 120.0, "language": "en"},
        user=f"{number % 997:016x}",
        key="k1",
        seconds=0.22,
    )
