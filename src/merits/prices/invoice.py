"""A provider's bill as a CSV file: OpenAI's and Anthropic's exports of usage and cost, or any table of one's own.

Knows nothing about what was asked.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from merits.core.errors import UsageError
from merits.core.validate import did_you_mean

__all__ = ["COLUMNS", "Invoice", "InvoiceLine", "read_invoice"]

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "day": ("date", "day", "usage_date_utc", "usage_date", "start_time_iso", "start_time", "timestamp"),
    "model": ("model", "model_version", "model_name", "line_item"),
    "calls": ("num_model_requests", "calls", "requests", "num_requests", "n_requests", "request_count"),
    "input": ("input_tokens", "prompt_tokens", "input", "n_context_tokens_total"),
    "uncached": ("usage_input_tokens_no_cache", "uncached_input_tokens", "input_uncached_tokens"),
    "cache_read": (
        "usage_input_tokens_cache_read",
        "input_cached_tokens",
        "cached_input_tokens",
        "cached_tokens",
        "cache_read_tokens",
        "cache_read_input_tokens",
    ),
    "cache_write": (
        "usage_input_tokens_cache_write_5m",
        "usage_input_tokens_cache_write_1h",
        "cache_write_tokens",
        "cache_creation_input_tokens",
    ),
    "output": ("output_tokens", "usage_output_tokens", "completion_tokens", "output", "n_generated_tokens_total"),
    "cost": ("cost", "cost_usd", "amount_value", "amount", "total_cost", "spend", "price"),
    "currency": ("currency", "amount_currency"),
}
_SUMMED = ("cache_write",)  # 5 minutes' and an hour's stand in two columns
_EXCLUDING = ("cache_read_input_tokens", "cache_creation_input_tokens")  # beside these, input_tokens are uncached
_PROVIDERS = {"usage_date_utc": "anthropic", "num_model_requests": "openai", "amount_value": "openai"}
_MONEY = re.compile(r"^[$€£]?\s*(-?(?:\d{1,3}(?:,\d{3})+|\d*)(?:\.\d+|(?<=\d))(?:[eE]-?\d+)?)\s*[$€£]?$")


class InvoiceLine(msgspec.Struct, frozen=True, kw_only=True):
    """What is billed for one model and day (UTC): calls, tokens and money, each None where the bill does not say.

    `tokens` are `input` (all of them), of which `cache_read` and `cache_write`, and `output`.
    """

    day: str
    model: str
    calls: int | None
    tokens: dict[str, int]
    cost: float | None


class Invoice(msgspec.Struct, frozen=True, kw_only=True):
    """A bill. `provider` is whose it is, "" where the file does not tell; `currency` "" where it does not say."""

    provider: str
    currency: str
    lines: tuple[InvoiceLine, ...]

    @property
    def days(self) -> tuple[str, str]:
        """The first and the last day."""
        return min(line.day for line in self.lines), max(line.day for line in self.lines)


def read_invoice(path: str | Path, columns: Mapping[str, str] | None = None) -> Invoice:
    """The bill in a CSV file; `columns` names columns that are not called as usual: {"cost": "Betrag"}.

    UsageError, with file and line, for what cannot be read.
    """
    file = Path(path)
    try:
        if file.read_bytes()[:2] == b"PK":
            raise UsageError(f"{file} is a spreadsheet or an archive.", "Save it as UTF-8 CSV.")
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"there is no bill {file}.", "Name the CSV file that the provider gave you.") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(f"{file} cannot be read: {' '.join(str(problem).split())}.", "Save it as UTF-8 CSV.") from None
    _check_is_csv(file, text)
    rows = csv.reader(text.splitlines())
    head = next(rows, None)
    if not head:
        raise UsageError(
            f"{file}:1: there is no line with the names of the columns.", "Export it as CSV with a header."
        )
    layout = _layout(file, head, columns or {})
    lines = tuple(_lines(file, rows, layout))
    if not lines:
        raise UsageError(f"{file} bills nothing.", "Export days on which something was asked.")
    currencies = {line[1] for line in lines if line[1]}
    if len(currencies) > 1:
        raise UsageError(f"{file} is in several currencies: {', '.join(sorted(currencies))}.", "Export them apart.")
    provider = next((name for column, name in _PROVIDERS.items() if column in layout.names), "")
    usual = "USD" if provider or "cost_usd" in layout.names else ""
    return Invoice(provider=provider, currency=next(iter(currencies), usual), lines=_summed([one for one, _ in lines]))


def _check_is_csv(file: Path, text: str) -> None:
    head = text.lstrip().partition("\n")[0]
    if head.startswith(("{", "[")):
        raise UsageError(f"{file} is JSON.", "Export it as CSV.")
    other = next((mark for mark in (";", "\t") if mark in head and "," not in head), "")
    if other:
        said = "tabs" if other == "\t" else f"{other!r}"
        raise UsageError(
            f"{file}:1: its cells are separated by {said}.", "Save it with commas, and numbers like 1234.56."
        )


@dataclass(frozen=True)
class _Layout:
    """Where what is: the places of the columns, by what they say."""

    names: tuple[str, ...]
    places: Mapping[str, tuple[int, ...]]
    token_type: int | None

    @property
    def includes_cached(self) -> bool:
        return not any(name in self.names for name in _EXCLUDING)


def _layout(file: Path, head: Sequence[str], given: Mapping[str, str]) -> _Layout:
    names = tuple(_plain(name) for name in head)
    for key, name in given.items():
        if key not in COLUMNS:
            raise UsageError(f"--columns {key}={name}: there is no {key!r} in a bill.", did_you_mean(key, COLUMNS))
        if _plain(name) not in names:
            raise UsageError(f"{file} has no column {name!r}.", did_you_mean(name, head))
    wanted = {key: (_plain(given[key]),) if key in given else usual for key, usual in COLUMNS.items()}
    places = {}
    for key, usual in wanted.items():
        found = [names.index(name) for name in usual if name in names]
        if found:
            places[key] = tuple(found if key in _SUMMED else found[:1])
    for key in ("day", "model"):
        if key not in places:
            step = f"It has {', '.join(head)}. Name it: --columns {key}=COLUMN"
            raise UsageError(f"{file}:1: no column says the {key}.", step)
    if not {"cost", "calls", "input", "uncached", "output"} & places.keys():
        step = f"It has {', '.join(head)}. Name them: --columns cost=COLUMN,input=COLUMN,output=COLUMN"
        raise UsageError(f"{file}:1: no column says a cost, calls or tokens.", step)
    return _Layout(names, places, names.index("token_type") if "token_type" in names else None)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")


def _lines(file: Path, rows: Iterator[list[str]], layout: _Layout) -> Iterator[tuple[InvoiceLine, str]]:
    for number, row in enumerate(rows, 2):
        if not any(cell.strip() for cell in row):
            continue
        where = f"{file}:{number}"
        if len(row) != len(layout.names):
            raise UsageError(f"{where}: {len(row)} cells under {len(layout.names)} columns.", "Mend the line.")
        line = _line(where, row, layout)
        if line.calls or line.cost or any(line.tokens.values()):
            (currency,) = layout.places.get("currency", (None,))
            yield line, "" if currency is None else row[currency].strip().upper()


def _line(where: str, row: Sequence[str], layout: _Layout) -> InvoiceLine:
    places = layout.places
    found = {key: _sum(where, row, layout, places[key]) for key in places if key not in ("day", "model", "currency")}
    calls, cost = found.pop("calls", None), found.pop("cost", None)
    for key, value in (("calls", calls), *found.items()):
        if value is not None and value < 0:
            raise UsageError(f"{where}: {value:g} {key} tokens; there are none below 0.", "Mend the line.")
    return InvoiceLine(
        day=_day(where, row[places["day"][0]]),
        model=_model(row[places["model"][0]]) or _beside(row, layout),
        calls=None if calls is None else int(calls),
        tokens=_tokens(found, includes_cached=layout.includes_cached),
        cost=cost,
    )


def _tokens(found: Mapping[str, float | None], *, includes_cached: bool) -> dict[str, int]:
    known = {key: int(value) for key, value in found.items() if value is not None}
    cached = known.get("cache_read", 0) + known.get("cache_write", 0)
    if "uncached" in known and "input" not in known:
        known["input"] = known["uncached"] + cached
    elif "input" in known and not includes_cached:
        known["input"] += cached
    known.pop("uncached", None)
    return known


def _sum(where: str, row: Sequence[str], layout: _Layout, places: Sequence[int]) -> float | None:
    cells = [(row[place].strip(), layout.names[place]) for place in places]
    numbers = [_number(where, cell, name) for cell, name in cells if cell]
    return math.fsum(numbers) if numbers else None


def _number(where: str, cell: str, name: str) -> float:
    found = _MONEY.match(cell)
    if found is None:
        raise UsageError(f"{where}: {name} is {cell!r}, which is no number.", "Write it like 1234.56.")
    return float(found[1].replace(",", ""))


def _day(where: str, cell: str) -> str:
    text = cell.strip()
    try:
        if re.fullmatch(r"\d{9,10}(\.\d+)?", text):
            return datetime.fromtimestamp(float(text), UTC).date().isoformat()
        time = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{where}: {text!r} is no day.", "Write it like 2026-11-25.") from None
    return (time if time.tzinfo is None else time.astimezone(UTC)).date().isoformat()


def _model(cell: str) -> str:
    """The name as it is asked for: Anthropic bills "Claude Haiku 4.5", OpenAI "gpt-4o-mini-2024-07-18, input"."""
    name = cell.partition(", ")[0].strip()
    return re.sub(r"[ .]", "-", name.lower()) if " " in name else name


def _beside(row: Sequence[str], layout: _Layout) -> str:
    """What is charged beside models: Anthropic bills a web search without one, and says so in `cost_type`."""
    return row[layout.names.index("cost_type")].strip() if "cost_type" in layout.names else ""


def _summed(lines: Sequence[InvoiceLine]) -> tuple[InvoiceLine, ...]:
    """One line for each day and model."""
    groups: dict[tuple[str, str], list[InvoiceLine]] = {}
    for line in lines:
        groups.setdefault((line.day, line.model), []).append(line)
    return tuple(_together(day, model, group) for (day, model), group in sorted(groups.items()))


def _together(day: str, model: str, group: Sequence[InvoiceLine]) -> InvoiceLine:
    calls = [line.calls for line in group if line.calls is not None]
    costs = [line.cost for line in group if line.cost is not None]
    kinds = {kind: sum(line.tokens.get(kind, 0) for line in group) for line in group for kind in line.tokens}
    return InvoiceLine(
        day=day,
        model=model,
        calls=sum(calls) if calls else None,
        tokens=kinds,
        cost=math.fsum(costs) if costs else None,
    )
