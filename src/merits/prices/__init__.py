"""Usage in, money out: prices are dated, come from a table or a recipe, and are applied when they are read."""

from merits.prices.costs import costs
from merits.prices.table import PriceTable, load_table

__all__ = ["PriceTable", "costs", "load_table"]
