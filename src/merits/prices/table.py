"""A dated table of prices by model. Knows nothing about what was used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from merits.core.candidate import Candidate, Price
from merits.core.errors import TaskError
from merits.core.validate import convert, did_you_mean

__all__ = ["PriceTable", "load_table"]


class _Rates(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """The prices of one model; the table gives them their currency, date and source."""

    input_per_million: float | None = None
    output_per_million: float | None = None
    cache_read_per_million: float | None = None
    cache_write_per_million: float | None = None
    reasoning_per_million: float | None = None
    per_call: float | None = None
    machine_per_hour: float | None = None

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is not None and value < 0:
                raise ValueError(f"{name} is {value:g}; a price is not negative")


class PriceTable(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Prices by model name, all in one currency, as they were on one day.

    >>> table = PriceTable(as_of="2026-05-01", currency="EUR", models={"small": _Rates(per_call=0.01)})
    >>> price = table.price_of(Candidate(name="a", kind="chat", params={"model": "small"}))
    >>> price.per_call, price.currency, price.as_of
    (0.01, 'EUR', '2026-05-01')
    """

    models: dict[str, _Rates]
    as_of: str
    source: str = ""
    currency: str = "USD"

    def price_of(self, candidate: Candidate) -> Price | None:
        """The price of a candidate: its recipe's own, else that of its `model` in this table, else None (no record).

        A recipe's price that holds only what is paid once or by month takes the price of an answer from this table.

        TaskError when the recipe's own price is in another currency than the table: they could not be compared.
        """
        own = candidate.price
        if own is not None:
            self._same_currency(candidate.name, own.currency)
            if not own.is_fixed_only:
                return own
        model = candidate.params.get("model")
        rates = self.models.get(model) if isinstance(model, str) else None
        if rates is None:
            return own
        fixed = {} if own is None else {"one_off": own.one_off, "per_month": own.per_month}
        known = msgspec.structs.asdict(rates)
        return Price(**known, **fixed, currency=self.currency, as_of=self.as_of, source=self.source)

    def note(self, candidate: Candidate) -> str:
        """Why a candidate has no price, naming the near miss; "" when it has one or nothing was to be expected.

        >>> table = PriceTable(as_of="2026-05-01", models={"gpt-small": _Rates(per_call=0.01)})
        >>> table.note(Candidate(name="a", kind="chat", params={"model": "gpt-smal"}))
        "no price is known for the model 'gpt-smal' of 'a'. Did you mean 'gpt-small'?"
        """
        model = candidate.params.get("model")
        own = candidate.price is not None and not candidate.price.is_fixed_only
        if own or not isinstance(model, str) or model in self.models:
            return ""
        near = did_you_mean(model, self.models) if self.models else ""
        hint = near if near.startswith("Did you mean") else "Add it to the price table, or give the candidate a price."
        return f"no price is known for the model {model!r} of {candidate.name!r}. {hint}"

    def _same_currency(self, name: str, currency: str) -> None:
        if currency != self.currency:
            raise TaskError(
                f"candidate {name!r} is priced in {currency}, the price table in {self.currency}.",
                "Convert one of them: prices are compared in one currency.",
            )


def load_table(path: str | Path) -> PriceTable:
    """The price table in a YAML file; TaskError, naming file and key, when it is none.

    The file holds `as_of` (a date), `models` (rates by model name), and perhaps `source` and `currency`.
    """
    import yaml

    file = Path(path)
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TaskError(f"there is no price table {file}.", "Mend `prices:`, or leave it out.") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as problem:
        raise TaskError(f"{file} cannot be read as YAML: {' '.join(str(problem).split())}.", "Mend it.") from None
    if not isinstance(content, Mapping):
        raise TaskError(f"{file} is no price table.", "Write as_of: and models: in it.")
    models = content.get("models")
    if isinstance(models, Mapping):
        rates = {str(name): convert(value, _Rates, f"{file}, model {name!r}") for name, value in models.items()}
        content = {**content, "models": {name: msgspec.structs.asdict(rate) for name, rate in rates.items()}}
    if "as_of" in content:
        content = {**content, "as_of": str(content["as_of"])}  # YAML reads 2026-05-01 as a date
    return convert(content, PriceTable, str(file))
