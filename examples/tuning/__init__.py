"""Tuning: what a support vector machine and boosted trees gain by other parameters, with Optuna.

1,797 digits of 8 x 8 points, as in the example of ensembles. They come with scikit-learn: nothing is fetched.
"""

from __future__ import annotations

from examples.ensembles import ASSETS, prepare

__all__ = ["ASSETS", "OPTIONS", "VERB", "prepare"]

VERB = "improve"
OPTIONS = ("--technique", "tuning", "--set", "tuning.trials=20", "--budget", "2 min")
