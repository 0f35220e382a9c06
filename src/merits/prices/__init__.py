"""Usage in, money out: prices are dated, come from a recipe or a table, and are applied when they are read."""

from merits.prices.book import PriceBook
from merits.prices.costs import costs
from merits.prices.table import PriceSource, PriceTable, load_table

__all__ = ["PriceBook", "PriceSource", "PriceTable", "costs", "load_table"]
