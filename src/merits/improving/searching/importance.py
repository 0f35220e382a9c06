"""Which parameters made the difference among the trials of a search: read off the recipes that were tried.

Nothing need be kept by the search itself: what differs between recipes is what was searched.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from merits.core.candidate import Candidate
from merits.core.identity import JSON
from merits.improving.searching.proposers import distributions_of, in_words_of, optuna_here, quiet
from merits.improving.searching.spaces import Domain, Range

__all__ = ["changes", "importances", "values_in"]

_FEWEST = 10  # trials, under which a share of the better ones says nothing
_LOG = 30.0  # numbers above 0 that differ by more are taken to be on a log scale
_ABSENT: JSON = "(not given)"


def values_in(candidate: Candidate) -> dict[str, JSON]:
    """Every value in a recipe and its parts, by path.

    >>> values_in(Candidate(name="a", kind="sklearn", params={"estimator": "x.Y", "params": {"C": 1.0}}))
    {'estimator': 'x.Y', 'params.C': 1.0}
    """
    found: dict[str, JSON] = {}
    for name, value in candidate.params.items():
        _gather(found, name, value)
    for number, part in enumerate(candidate.parts):
        found |= {f"parts.{number}.{path}": value for path, value in values_in(part).items()}
    return found


def changes(candidate: Candidate, seed: Candidate) -> dict[str, JSON]:
    """What a trial has that its seed has not, by path: what to show beside its name.

    >>> seed = Candidate(name="linear", kind="text-linear", params={"words": 2})
    >>> changes(Candidate(name="linear #1", kind="text-linear", params={"words": 2, "strength": 9.0}), seed)
    {'strength': 9.0}
    """
    before = values_in(seed)
    return {path: value for path, value in values_in(candidate).items() if before.get(path, _ABSENT) != value}


def importances(history: Sequence[tuple[Candidate, float | None]]) -> Mapping[str, float]:
    """The share that each parameter has in being among the better trials, largest first; they sum to 1.

    `history` are the trials of one search around one seed (the seed may be among them), each with its value, larger is
    better; None where it failed. {} where Optuna is not installed, nothing differs, all are equally good, or there are
    fewer than 10. A parameter that was not given in some recipes counts as a choice.

    By PED-ANOVA: Watanabe, Bansal & Hutter (2023), arXiv 2304.10255. It says what mattered where the search went, not
    that a parameter matters nowhere; from few trials it is rough.
    """
    told = [(values_in(candidate), value) for candidate, value in history if value is not None]
    paths = sorted({path for values, _ in told for path in values})
    seen = {path: [values.get(path, _ABSENT) for values, _ in told] for path in paths}
    space = {path: _domain(values) for path, values in seen.items() if len({*map(in_words_of, values)}) > 1}
    if not optuna_here() or len(told) < _FEWEST or not space or len({value for _, value in told}) < 2:
        return {}
    import optuna

    distributions = distributions_of(space)
    with quiet():
        study = optuna.create_study(direction="maximize")
        for number, (_, value) in enumerate(told):
            params = {path: _coded(domain, seen[path][number]) for path, domain in space.items()}
            study.add_trial(optuna.create_trial(value=value, params=params, distributions=distributions))
        found = optuna.importance.get_param_importances(study)
    return {path: float(share) for path, share in found.items() if math.isfinite(share)}


def _gather(found: dict[str, JSON], path: str, value: JSON) -> None:
    if isinstance(value, Mapping) and value:
        for name, inside in value.items():
            _gather(found, f"{path}.{name}", inside)
    elif isinstance(value, list | tuple) and any(isinstance(one, Mapping) for one in value):
        for number, inside in enumerate(value):
            _gather(found, f"{path}.{number}", inside)
    else:
        found[path] = value


def _domain(values: Sequence[JSON]) -> Domain:
    """The range of values that are all numbers, else the choices there are."""
    numbers = [one for one in values if isinstance(one, int | float) and not isinstance(one, bool)]
    if len(numbers) < len(values):
        return tuple({in_words_of(value): value for value in values}.values())
    low, high = float(min(numbers)), float(max(numbers))
    return Range(
        low=low, high=high, log=low > 0 and high / low > _LOG, int=all(isinstance(one, int) for one in numbers)
    )


def _coded(domain: Domain, value: JSON) -> object:
    return value if isinstance(domain, Range) else [in_words_of(one) for one in domain].index(in_words_of(value))
