"""A number for the columns of a table or for a text: an amount, a duration, a demand; with quantiles or without."""

from merits.core.kinds import TaskKind

__all__ = ["KIND"]

KIND = TaskKind(
    name="regression",
    description="a number, near enough",
    reads=("columns", "text"),
    target="number",
    scorers=("numeric", "rmse", "mae", "r2"),
    perturbations=("missing_values", "unit_slips", "shifted_columns", "typos"),
    case="number",
    views=("regression",),
)
