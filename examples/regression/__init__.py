"""How ill will a patient be in a year? 442 diabetes patients, ten measurements each; forecasts that have intervals.

Efron, Hastie, Johnstone & Tibshirani (2004), "Least Angle Regression", doi:10.1214/009053604000000067. The data come
with scikit-learn, in the units in which they were measured: nothing is fetched.
"""

from __future__ import annotations

import csv
from pathlib import Path

from examples.fetching import Asset

__all__ = ["ASSETS", "prepare"]

ASSETS: tuple[Asset, ...] = ()
_COLUMNS = {
    "age": "age",
    "sex": "sex",
    "bmi": "body_mass_index",
    "bp": "blood_pressure",
    "s1": "cholesterol",
    "s2": "ldl",
    "s3": "hdl",
    "s4": "cholesterol_by_hdl",
    "s5": "log_triglycerides",
    "s6": "glucose",
}


def prepare(assets: Path, data: Path) -> None:
    """Writes patients.csv: ten measurements, and how far the illness had gone a year later."""
    from sklearn.datasets import load_diabetes

    found = load_diabetes(scaled=False)
    names = [_COLUMNS[name] for name in found.feature_names]
    data.mkdir(parents=True, exist_ok=True)
    with (data / "patients.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow([*names, "sex_code", "progression"])
        for row, target in zip(found.data.tolist(), found.target.tolist(), strict=True):
            cells = [f"{value:.10g}" for value in row]
            writer.writerow([*cells, f"s{cells[names.index('sex')]}", f"{target:.10g}"])
