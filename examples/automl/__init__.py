"""Which digit was written? A tree and a Bayes classifier are given, and AutoML finds a better one in a minute.

1,797 digits of 8 x 8 points, as in the example of ensembles. They come with scikit-learn: nothing is fetched.
"""

from __future__ import annotations

from examples.ensembles import ASSETS, prepare

__all__ = ["ASSETS", "OPTIONS", "VERB", "prepare"]

VERB = "improve"
OPTIONS = ("--technique", "automl", "--budget", "90 s")
