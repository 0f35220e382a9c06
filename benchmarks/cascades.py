"""Cascades and routers on outcomes that are known: what is saved, and what accuracy that takes.

Half of the examples are searched, the other half tells what came of it, for every seed; the search is that of
`merits improve` (techniques `cascades` and `routers`). By default on four data sets of FrugalML (2020 list prices);
`--outcomes FILE` (CSV, Parquet or JSONL: a row an example; columns NAME.score, NAME.cost, and where known
NAME.confidence, NAME.answer, for each candidate; `text`; categories) on any other; a folder is one table of all its
files, and so are several files with `--together`. RouteLLM's responses (`prompt`, and true or false of each model) are
read as they are; `--costs NAME=10,NAME=0.3` says what they cost, `--embeddings` looks at those of the texts too. Of
two candidates and a text the RouteLLM protocol is run too, with `--labels` examples to learn from. Intervals are
Student's t over the seeds, whose halves overlap.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks._markdown import markdown
from benchmarks._outcomes import frugal_ml, read_pool
from benchmarks._recovered import protocol
from merits.core.candidate import Candidate
from merits.improving.cascades import families
from merits.improving.composing.baselines import beside, mixed
from merits.improving.composing.choosing import Choice, floor, no_loss
from merits.improving.composing.frontier import Family, frontier
from merits.improving.composing.learners import learners_of
from merits.improving.composing.policies import Single
from merits.improving.composing.pool import Pool
from merits.improving.composing.routing import families_of
from merits.stats.critical import t_critical

OUTCOMES = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "outcomes"
DATA_SETS = ("AUDIOMNIST", "FERPLUS", "FLUENT", "IMDB")
_DELTA = 0.1
_FLOORS = {"no loss, certified": 0.0, "0.5 points, certified": 0.005, "1 point, certified": 0.01}
_EXPECTED = "no loss, expected"


def main(argv: Sequence[str]) -> dict[str, object]:
    """For each data set and goal what is saved and lost; the RouteLLM protocol of two with text; CPU seconds."""
    options = _options(argv)
    given = [options.outcomes] if options.together else [[path] for path in options.outcomes or ()]
    pools = {
        paths[0].name.split(".")[0]: partial(read_pool, *paths, costs=options.costs, embeddings=options.embeddings)
        for paths in given
    } or {name: partial(frugal_ml, OUTCOMES / "FrugalML", name) for name in DATA_SETS}
    figures: dict[str, object] = {"seeds": options.seeds, "delta": _DELTA}
    rows: dict[str, object] = {}
    for name, load in pools.items():
        pool = load()
        if pool.size == 2 and pool.texts is not None:
            figures[f"recovered_{name}"] = protocol(pool, options.labels, options.seeds)
        for goal, found in searched(pool, options.seeds).items():
            rows[f"{name}: {goal}"] = found
            print(f"{name}, {goal}: {_line(found)}", flush=True)
    figures["goals"] = rows
    if not options.outcomes:
        figures["speed"] = speed()
    return figures


def table(figures: Mapping[str, object]) -> str:
    """The savings as a Markdown table."""
    rows = figures["goals"]
    assert isinstance(rows, Mapping), "what `main` returns"
    columns = {
        "saving_percent": "saved %",
        "saving_reach": "±",
        "change_points": "accuracy, points",
        "change_reach": "±",
        "broken_percent": "floor broken, % of seeds",
        "one_alone_percent": "saved by one alone, %",
        "above_a_coin_points": "above a coin, points",
    }
    return markdown(columns, rows)


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("cascades", description=__doc__)
    parser.add_argument("--outcomes", nargs="+", type=Path, metavar="FILE", help="these outcomes instead")
    parser.add_argument("--together", action="store_true", help="the files of --outcomes are one table")
    parser.add_argument("--embeddings", action="store_true", help="look at embeddings of the texts too, at no cost")
    parser.add_argument("--costs", type=_costs, metavar="NAME=COST,...", help="what an answer of each candidate costs")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--labels", type=int, default=1500, help="examples that a text router learns from")
    options = parser.parse_args(argv)
    if not options.outcomes and (options.together or options.costs or options.embeddings):
        parser.error("--together, --embeddings and --costs go with --outcomes")
    return options


def _costs(text: str) -> dict[str, float]:
    """The cost of each candidate by its name, which may hold any sign but a comma."""
    return dict(map(_cost, text.split(",")))


def _cost(text: str) -> tuple[str, float]:
    name, _, amount = text.rpartition("=")
    try:
        cost = float(amount)
    except ValueError:
        cost = 0.0
    if not name.strip() or not cost > 0.0:
        raise argparse.ArgumentTypeError(f"{text!r} is no NAME=COST with a cost above 0")
    return name.strip(), cost


# What is saved --------------------------------------------------------------------------------------------------


def searched(pool: Pool, seeds: int) -> dict[str, dict[str, object]]:
    """For each goal the saving and the change of accuracy on halves that were not searched, and the simple ways."""
    learners = learners_of(pool)
    tried = [*families(), *families_of({name: one for name, one in learners.items() if name != "surface"})]
    goals: dict[str, tuple[float, Callable[..., Choice]]] = {_EXPECTED: (0.0, no_loss)}
    goals |= {goal: (least, partial(floor, epsilon=least, delta=_DELTA)) for goal, least in _FLOORS.items()}
    found: dict[str, list[dict[str, float]]] = {goal: [] for goal in goals}
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(pool.n)
        fit, held = pool.rows(order[: pool.n // 2]), pool.rows(order[pool.n // 2 :])
        for goal, (least, choose) in goals.items():
            chosen = partial(_chosen, choose, fit, seed)
            simple = {f"saving by {name}": _of(one, held)[1] for name, one in beside(chosen, learners).items()}
            found[goal].append(_one(chosen(tried), held, least) | simple)
    return {goal: _summed(each) for goal, each in found.items()}


def _chosen(choose: Callable[..., Choice], fit: Pool, seed: int, of: Sequence[Family]) -> Choice:
    return choose(fit, of, np.random.default_rng(seed))


def _one(choice: Choice, held: Pool, least: float) -> dict[str, float]:
    change, saving, cost = _of(choice, held)
    value = float(Single(choice.reference).apply(held).value.mean()) + change
    broken = float(change < -least - 1e-12)
    return {"change": change, "saving": saving, "broken": broken, "above a coin": value - mixed(held, cost)}


def _of(choice: Choice, held: Pool) -> tuple[float, float, float]:
    """The change of accuracy, the saving and the mean cost on rows that were not searched."""
    routed, base = choice.policy.apply(held), Single(choice.reference).apply(held)
    cost = float(routed.cost.mean())
    return float(routed.value.mean() - base.value.mean()), 1.0 - cost / float(base.cost.mean()), cost


def _summed(runs: Sequence[Mapping[str, float]]) -> dict[str, object]:
    mean, reach = {}, {}
    for name in runs[0]:
        values = np.array([run[name] for run in runs])
        error = values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else np.inf
        mean[name] = float(values.mean())
        reach[name] = float(t_critical(0.95, len(values) - 1) * error)
    others = {name: mean[name] for name in mean if name.startswith("saving by ") and name != "saving by one alone"}
    return {
        "saving_percent": _tenth(mean["saving"]),
        "saving_reach": _tenth(reach["saving"]),
        "change_points": round(100.0 * mean["change"], 2),
        "change_reach": round(100.0 * reach["change"], 2),
        "broken_percent": _tenth(mean["broken"]),
        "one_alone_percent": _tenth(mean["saving by one alone"]),
        "above_a_coin_points": round(100.0 * mean["above a coin"], 2),
        **{
            f"{name.replace('saving by ', '').replace(' ', '_')}_percent": _tenth(each) for name, each in others.items()
        },
    }


def _tenth(share: float) -> float:
    return round(100.0 * share, 1)


def _line(found: Mapping[str, object]) -> str:
    others = {name: found[name] for name in found if name.endswith("_percent") and name not in ("saving_percent",)}
    return (
        f"saves {found['saving_percent']} ± {found['saving_reach']} %, "
        f"accuracy {found['change_points']:+} ± {found['change_reach']} points; "
        + ", ".join(f"{name.removesuffix('_percent').replace('_', ' ')} {value} %" for name, value in others.items())
    )


# Speed ----------------------------------------------------------------------------------------------------------


def speed(n: int = 10_000) -> dict[str, float | int]:
    """CPU seconds of a search over 10,000 examples and four candidates, and of 1,000 cascades played one by one."""
    draw = np.random.default_rng(0)
    pool = Pool(
        candidates=tuple(Candidate(name=str(k), kind="constant", params={"output": k}) for k in range(4)),
        value=(draw.random((4, n)) < np.array([[0.7], [0.8], [0.85], [0.9]])).astype(np.float64),
        cost=np.repeat([[0.1], [1.0], [3.0], [10.0]], n, axis=1),
        sure=draw.random((4, n)),
        said=draw.integers(0, 5, (4, n)),
        words=tuple("abcde"),
        groups=np.arange(n),
    )
    start = time.process_time()
    found = frontier(pool, families())
    search = time.process_time() - start
    start = time.process_time()
    for k in range(1000):
        found.policies[k % len(found.policies)].apply(pool)
    played = time.process_time() - start
    print(
        f"{found.n_searched:,} cascades over {n:,} examples searched in {search:.2f} CPU s; "
        f"1,000 played row by row in {played:.2f} CPU s",
        file=sys.stderr,
    )
    return {
        "examples": n,
        "cascades": found.n_searched,
        "search_cpu_seconds": round(search, 3),
        "thousand_played_cpu_seconds": round(played, 3),
    }
