"""Critical values: how many standard errors an interval reaches.

Knows nothing about what the interval is of.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

__all__ = ["Bools", "Floats", "Ints", "Limits", "normal_critical", "t_critical", "t_p"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.integer]
Bools: TypeAlias = NDArray[np.bool_]
Limits: TypeAlias = tuple[Floats, Floats]


def normal_critical(level: float) -> float:
    """The z such that a standard normal lies within ±z with probability `level`.

    >>> round(normal_critical(0.95), 3)
    1.96
    """
    return float(-scipy.special.ndtri((1.0 - level) / 2.0))


def t_critical(level: float, df: ArrayLike) -> Floats:
    """The t such that Student's t with `df` degrees of freedom lies within ±t with probability `level`; inf for df < 1.

    >>> t_critical(0.95, [9, 0]).round(3).tolist()
    [2.262, inf]
    """
    freedom = np.asarray(df, dtype=np.float64)
    reach = scipy.special.stdtrit(np.maximum(freedom, 1.0), 1.0 - (1.0 - level) / 2.0)
    return np.where(freedom < 1.0, np.inf, reach)


def t_p(t: ArrayLike, df: ArrayLike) -> Floats:
    """The two-sided p-value of a t statistic; 1 for fewer than one degree of freedom.

    >>> t_p([2.262157, 5.0], [9, 0]).round(4).tolist()
    [0.05, 1.0]
    """
    freedom = np.asarray(df, dtype=np.float64)
    tail = 2.0 * scipy.special.stdtr(np.maximum(freedom, 1.0), -np.abs(np.asarray(t, dtype=np.float64)))
    return np.where(freedom < 1.0, 1.0, tail)
