"""A dated table of prices by model. Knows nothing about what was used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from merits.core.candidate import Candidate
from merits.core.errors import TaskError
from merits.core.price import Price, PriceChange, Tariff
from merits.core.validate import convert, did_you_mean

__all__ = ["ModelPrice", "PriceSource", "PriceTable", "load_table"]


class PriceSource(Protocol):
    """Where the prices of candidates are from. `note` says why one has none, "" where there is nothing to say."""

    def price_of(self, candidate: Candidate) -> Price | None: ...

    def note(self, candidate: Candidate) -> str: ...


class ModelPrice(Tariff, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The prices of one model; the table gives them their currency, date and source."""

    changes: Annotated[tuple[PriceChange, ...], Meta(description="The tariffs of later days, each whole.")] = ()


class PriceTable(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Prices by model, or by provider and model ("azure/gpt-4o"), all in one currency, as they were on one day.

    `exchange_rate` is what one unit of that currency is in the needs' currency, where that is another.

    >>> table = PriceTable(as_of="2026-05-01", currency="EUR", models={"small": ModelPrice(per_call=0.01)})
    >>> price = table.price_of(Candidate(name="a", kind="chat", params={"model": "small"}))
    >>> price.per_call, price.currency, price.as_of
    (0.01, 'EUR', '2026-05-01')
    """

    models: dict[str, ModelPrice]
    as_of: str
    source: str = ""
    currency: str = "USD"
    exchange_rate: Annotated[float, Meta(gt=0)] | None = None

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
        rates = self._rates(candidate)
        if rates is None:
            return own
        known = {name: getattr(rates, name) for name in ModelPrice.__struct_fields__}
        price = Price(**known, currency=self.currency, as_of=self.as_of, source=self.source)
        return price if own is None else replace(price, one_off=own.one_off, per_month=own.per_month)

    def _rates(self, candidate: Candidate) -> ModelPrice | None:
        model = candidate.params.get("model")
        names = (f"{candidate.params.get('provider')}/{model}", model)
        return next((self.models[name] for name in names if isinstance(name, str) and name in self.models), None)

    def note(self, candidate: Candidate) -> str:
        """Why a candidate has no price, naming the near miss; "" when it has one or nothing was to be expected.

        >>> table = PriceTable(as_of="2026-05-01", models={"gpt-small": ModelPrice(per_call=0.01)})
        >>> table.note(Candidate(name="a", kind="chat", params={"model": "gpt-smal"}))
        "no price is known for the model 'gpt-smal' of 'a'. Did you mean 'gpt-small'?"
        """
        model = candidate.params.get("model")
        own = candidate.price is not None and not candidate.price.is_fixed_only
        if own or not isinstance(model, str) or self._rates(candidate) is not None:
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
        rates = {str(name): convert(value, ModelPrice, f"{file}, model {name!r}") for name, value in models.items()}
        content = {**content, "models": rates}
    if "as_of" in content:
        content = {**content, "as_of": str(content["as_of"])}  # YAML reads 2026-05-01 as a date
    return convert(content, PriceTable, str(file))
