"""Arrays in, Estimates out: every interval, test and sample size that Merits uses, each with its source.

Pure and vectorised. Knows nothing about candidates or evaluations; nothing here reads a clock or draws a number that
no generator was handed in for.
"""

from merits.stats.agreement import cohen_kappa, slope
from merits.stats.assisted import Assisted, assisted_mean
from merits.stats.bootstrap import (
    bootstrap_limits,
    bootstrap_rows,
    bootstrap_tables,
    jackknife_variance,
    resampled_sums,
)
from merits.stats.calibration import (
    ASSUMPTION,
    Recalibration,
    calibration_error,
    estimated_quality,
    recalibration,
)
from merits.stats.change import Changes, category_bets, number_bets
from merits.stats.clusters import FEW_GROUPS, clustered
from merits.stats.components import Components, components
from merits.stats.compositions import Compositions
from merits.stats.coverage import different_things, effective_number
from merits.stats.falls import Falls
from merits.stats.means import mean, mean_score, skewed_limits
from merits.stats.moments import Moments
from merits.stats.noninferiority import difference_bounds
from merits.stats.paired import (
    PairedDifferences,
    bonett_price,
    compare_all,
    holm,
    mcnemar_exact,
    mcnemar_mid_p,
    paired_scores,
    sign_flip_p,
)
from merits.stats.power import (
    examples_for_difference,
    examples_for_gate,
    examples_for_margin,
    minimal_detectable_difference,
)
from merits.stats.powered import Powered, powered, powered_mean
from merits.stats.probes import allowance, answers_p, odds_of_noticing, solved_p
from merits.stats.proportions import (
    clopper_pearson,
    clopper_pearson_bound,
    clopper_pearson_bounds,
    clopper_pearson_limits,
    wilson,
    wilson_limits,
)
from merits.stats.quantiles import quantile
from merits.stats.rates import rate, rate_bounds, rate_of_variance, variance_of_rare_classes
from merits.stats.ratios import combined_limits, cost_per_solved, ratio_limits
from merits.stats.shifts import Recent, Shift, shift_between
from merits.stats.streams import alphas
from merits.stats.sums import Jackknifed, Scale, Statistic, jackknifed, statistic_difference, statistic_of_sums
from merits.stats.wealth import Wealth

__all__ = [
    "ASSUMPTION",
    "FEW_GROUPS",
    "Assisted",
    "Changes",
    "Components",
    "Compositions",
    "Falls",
    "Jackknifed",
    "Moments",
    "PairedDifferences",
    "Powered",
    "Recalibration",
    "Recent",
    "Scale",
    "Shift",
    "Statistic",
    "Wealth",
    "allowance",
    "alphas",
    "answers_p",
    "assisted_mean",
    "bonett_price",
    "bootstrap_limits",
    "bootstrap_rows",
    "bootstrap_tables",
    "calibration_error",
    "category_bets",
    "clopper_pearson",
    "clopper_pearson_bound",
    "clopper_pearson_bounds",
    "clopper_pearson_limits",
    "clustered",
    "cohen_kappa",
    "combined_limits",
    "compare_all",
    "components",
    "cost_per_solved",
    "difference_bounds",
    "different_things",
    "effective_number",
    "estimated_quality",
    "examples_for_difference",
    "examples_for_gate",
    "examples_for_margin",
    "holm",
    "jackknife_variance",
    "jackknifed",
    "mcnemar_exact",
    "mcnemar_mid_p",
    "mean",
    "mean_score",
    "minimal_detectable_difference",
    "number_bets",
    "odds_of_noticing",
    "paired_scores",
    "powered",
    "powered_mean",
    "quantile",
    "rate",
    "rate_bounds",
    "rate_of_variance",
    "ratio_limits",
    "recalibration",
    "resampled_sums",
    "shift_between",
    "sign_flip_p",
    "skewed_limits",
    "slope",
    "solved_p",
    "statistic_difference",
    "statistic_of_sums",
    "variance_of_rare_classes",
    "wilson",
    "wilson_limits",
]
