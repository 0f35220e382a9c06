"""Merits itself, run as the others are: `merits run` in a process of its own, counted by what it prints."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec

from benchmarks._peers.peer import Command, Counts, Job, Peer, Row, prompts_in

__all__ = ["Merits"]

_LETTERS = {"S": (True, True), "W": (True, False), "F": (False, False), "U": (False, False)}


class Merits(Peer):
    """`merits run` with the `exact` scorer; answers in its store, figures from `--json`."""

    name, module, needs = "merits", "merits", ("merits",)

    def found(self) -> str:
        """The Python that runs this."""
        return sys.executable if importlib.util.find_spec("merits") else ""

    def command(self, folder: Path, job: Job) -> Command:
        rows = [
            {"id": prompt.input, "input": prompt.input, "target": prompt.target} for prompt in prompts_in(job.prompts)
        ]
        (folder / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        price = dict(zip(("input_per_million", "output_per_million"), job.rates, strict=True))
        asked = {"name": "asked", "kind": "chat", "model": "gpt-4o-mini", "base_url": job.base_url, "price": price}
        task = {"name": "prompts", "kind": "generation", "data": {"test": "prompts.jsonl"}, "scorers": ["exact"]}
        settings = {"concurrency": job.concurrency}
        (folder / "merits.yaml").write_text(json.dumps({**task, "settings": settings, "candidates": [asked]}), "utf-8")
        return Command([self.found(), "-m", "merits", "run", "--json", "--yes"], {})

    def counts(self, folder: Path) -> Counts:
        """What it printed; nothing where it was killed before it did."""
        try:
            said = msgspec.json.decode((folder / "output").read_bytes(), type=_Said)
        except msgspec.DecodeError:
            return Counts()
        (column,), bill = said.outcomes.candidates, said.bill
        outcomes = zip(said.outcomes.examples, column.outcomes, strict=True)
        told = Counts.of(
            (Row(id, *_LETTERS[letter]) for id, letter in outcomes if letter in _LETTERS),
            n_calls=sum(row.n_attempts for row in bill.rows),
            tokens=sum(sum(row.tokens.values()) for row in bill.rows),
            money=bill.cost,
        )
        at_most = None if bill.cost is None else bill.cost + bill.cost_of_unmetered
        return replace(told, n_unmetered=bill.n_unmetered, money_at_most=at_most)


class _Column(msgspec.Struct):
    outcomes: str


class _Outcomes(msgspec.Struct):
    examples: list[str]
    candidates: list[_Column]


class _BillRow(msgspec.Struct):
    n_attempts: int
    tokens: Mapping[str, int]


class _Bill(msgspec.Struct):
    rows: list[_BillRow]
    cost: float | None
    n_unmetered: int
    cost_of_unmetered: float = 0.0


class _Said(msgspec.Struct):
    outcomes: _Outcomes
    bill: _Bill
