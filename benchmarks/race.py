"""Races on matrices of outcomes: share of calls, error rate, against a fixed subset, successive halving and UCB-E.

Of each matrix (candidates x examples) a race is run with every seed: candidates and examples are permuted, the truth is
the candidate with the best mean over all examples. `calls` is the mean share of all questions that were asked, `errors`
counts the races that dropped the best. The rivals get the same number of calls as the certified race took on the mean,
chosen for them; they cannot tell when they are done. `--outcomes FILE` (CSV or Parquet: a row an example, a column of
scores from 0 to 1 a candidate) races any matrix alone.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from merits.stats import clopper_pearson
from merits.stats.racing import Mode, Race, Target

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.integer]
OUTCOMES = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "outcomes"
MODES: tuple[Mode, ...] = ("certified", "economy")


def main(argv: Sequence[str]) -> dict[str, object]:
    """For each matrix and mode the share of calls and the error rate; with no file, also tied arms and CPU seconds."""
    options = _options(argv)
    modes = MODES if options.mode == "both" else (options.mode,)
    matrices = _of_files(options.outcomes) if options.outcomes else {**_made_up(), **_real()}
    figures: dict[str, object] = {"delta": options.delta, "seeds": options.seeds, "target": options.target}
    print(_HEAD)
    figures["matrices"] = [_raced(name, scores, modes, options) for name, scores in matrices.items()]
    if not options.outcomes or options.ties:
        figures["tied"] = [_tied(k, mode, options.delta, options.ties or 500) for mode in modes for k in (2, 12, 50)]
    if not options.outcomes:
        figures["cpu_seconds"] = _cpu(modes)
    return figures


_HEAD = (
    f"{'matrix':16} {'size':>12} {'gap':>6} {'mode':>10} {'calls':>6} {'errors':>9}   "
    "errors at the same calls: fixed subset, successive halving, UCB-E"
)


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("race", description=__doc__)
    parser.add_argument("--outcomes", nargs="+", type=Path, metavar="FILE", help="race these matrices instead")
    parser.add_argument("--mode", choices=(*MODES, "both"), default="both")
    parser.add_argument("--target", choices=("examples", "traffic"), default="examples")
    parser.add_argument("--delta", type=float, default=0.05)
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument(
        "--ties", type=int, metavar="RUNS", help="runs with all arms tied (default: 500, 0 with a file)"
    )
    return parser.parse_args(argv)


# The races ------------------------------------------------------------------------------------------------------


def run_race(scores: Floats, mode: Mode, target: Target, delta: float, seed: int) -> tuple[Race, int]:
    """The race over a matrix (candidates, examples) in this order, and the number of calls it took.

    >>> race, calls = run_race(np.repeat([[1.0], [0.0]], 50, axis=1), "certified", "examples", 0.05, 0)
    >>> race.here.tolist(), calls < 40
    ([True, False], True)
    """
    k, n = scores.shape
    race, calls = Race(k, n, delta=delta, mode=mode, target=target, seed=seed), 0
    while not race.ended:
        who = np.flatnonzero(race.running)
        part = slice(race.n_seen, race.n_seen + race.next_size)
        shown = scores[who, part]
        calls += shown.size
        race.see(shown, who=who)
    return race, calls


def _raced(name: str, scores: Floats, modes: Sequence[Mode], options: argparse.Namespace) -> dict[str, object]:
    k, n = scores.shape
    target, delta, seeds = options.target, options.delta, options.seeds
    means = np.sort(scores.mean(axis=1))[::-1]
    row: dict[str, object] = {
        "matrix": name,
        "candidates": k,
        "examples": n,
        "gap": round(float(means[0] - means[1]), 5),
    }
    calls: dict[Mode, float] = {}
    for mode in modes:
        shares, wrong, decided = [], 0, 0
        for seed in range(seeds):
            mixed = _mixed(scores, seed)
            race, asked = run_race(mixed, mode, target, delta, seed)
            left = race.here if target == "examples" else race.ahead
            shares.append(asked / (k * n))
            wrong += not bool((left & _best(mixed)).any())
            decided += int(left.sum()) == 1
        calls[mode] = float(np.mean(shares))
        row[mode] = {"calls": round(calls[mode], 4), **_errors(wrong, seeds), "named_one": round(decided / seeds, 3)}
        rivals = {}
        if mode == modes[0]:
            rivals = {rival: _rival(pick, scores, calls[mode], seeds) for rival, pick in _RIVALS.items()}
            row["rivals_at_the_same_calls"] = rivals
        beside = "  ".join(f"{errors['errors']}/{seeds}" for errors in rivals.values())
        size = f"{k} x {n:,}"
        print(
            f"{name:16} {size:>12} {row['gap']:>6.3f} {mode:>10} {calls[mode]:>6.3f} {wrong:>5}/{seeds:<3}   {beside}"
        )
    return row


def _mixed(scores: Floats, seed: int) -> Floats:
    generator = np.random.default_rng(seed)
    k, n = scores.shape
    return np.ascontiguousarray(scores[np.ix_(generator.permutation(k), generator.permutation(n))])


def _best(scores: Floats) -> NDArray[np.bool_]:
    means = scores.mean(axis=1)
    return np.asarray(means >= means.max() - 1e-12)


def _errors(wrong: int, runs: int) -> dict[str, float | int]:
    known = clopper_pearson(wrong, runs)
    return {
        "errors": wrong,
        "error_rate": round(wrong / runs, 4),
        "error_low": round(known.low or 0.0, 4),
        "error_high": round(1.0 if known.high is None else known.high, 4),
    }


# The rivals -----------------------------------------------------------------------------------------------------


def _rival(pick: Callable[[Floats, int], int], scores: Floats, share: float, seeds: int) -> dict[str, float | int]:
    wrong = 0
    for seed in range(seeds):
        mixed = _mixed(scores, seed)
        wrong += not _best(mixed)[pick(mixed, max(len(mixed), round(share * mixed.size)))]
    return _errors(wrong, seeds)


def fixed_subset(scores: Floats, budget: int) -> int:
    """The best on the first so many examples, the same for all.

    >>> fixed_subset(np.array([[0.0, 0.0], [1.0, 0.0]]), 2)
    1
    """
    n = max(1, budget // len(scores))
    return int(np.argmax(scores[:, :n].mean(axis=1)))


def successive_halving(scores: Floats, budget: int) -> int:
    """The last one left when the worse half is dropped in each of log2(K) rounds of equal budgets.

    Karnin, Koren & Somekh (2013), ICML 28, 1238–1246. A round asks all that are left the next items.

    >>> successive_halving(np.array([[0.0, 0.0], [1.0, 1.0]]), 4)
    1
    """
    left, seen = np.arange(len(scores)), 0
    rounds = max(1, int(np.ceil(np.log2(len(scores)))))
    while len(left) > 1:
        seen = min(seen + max(1, budget // rounds // len(left)), scores.shape[1])
        means = scores[left, :seen].mean(axis=1)
        left = left[np.argsort(-means, kind="stable")[: int(np.ceil(len(left) / 2))]]
    return int(left[0])


def ucb_e(scores: Floats, budget: int, exploration: float = 1.0) -> int:
    """The best mean after asking, call by call, whoever has the highest mean + √(a / n_k): Audibert & Bubeck (2010).

    a = 1 as in Zhou et al. (2025), arXiv 2407.06172. Calls are made in up to 2,000 equal steps.

    >>> ucb_e(np.array([[0.0] * 8, [1.0] * 8]), 10)
    1
    """
    k, n = scores.shape
    done, sums = np.ones(k, np.int64), scores[:, 0].copy()
    step = max(1, budget // 2_000)
    for _ in range(max(0, (budget - k) // step)):
        bound = np.where(done < n, sums / done + np.sqrt(exploration / done), -np.inf)
        arm = int(np.argmax(bound))
        last = min(n, int(done[arm]) + step)
        sums[arm] += scores[arm, done[arm] : last].sum()
        done[arm] = last
    return int(np.argmax(sums / done))


_RIVALS: Mapping[str, Callable[[Floats, int], int]] = {
    "fixed_subset": fixed_subset,
    "successive_halving": successive_halving,
    "ucb_e": ucb_e,
}


# Tied arms, and CPU ---------------------------------------------------------------------------------------------


def tied_left(k: int, mode: Mode, delta: float, runs: int, *, n: int = 400) -> NDArray[np.bool_]:
    """Who of k equally good arms was left at the end (runs, k), with a look every 2 of n items.

    Each item has a difficulty of its own, and its outcomes are permuted over the arms: all are tied on future traffic.
    """
    left = np.ones((runs, k), np.bool_)
    for seed in range(runs):
        generator = np.random.default_rng(seed)
        easy = generator.beta(2.0, 1.0, size=n)
        scores = (generator.random((k, n)) < easy).astype(np.float64)
        race = Race(k, n, delta=delta, mode=mode, target="traffic", growth=0.0, least=2, seed=seed)
        while not race.ended:
            race.see(scores[race.running, race.n_seen : race.n_seen + race.next_size])
        left[seed] = race.ahead
    return left


def _tied(k: int, mode: Mode, delta: float, runs: int) -> dict[str, object]:
    """The promise is for any one best arm; how often some arm of the k goes, and one is left alone, is shown beside."""
    left = tied_left(k, mode, delta, runs)
    dropped, some, alone = int((~left[:, 0]).sum()), int((~left).any(axis=1).sum()), int((left.sum(axis=1) == 1).sum())
    print(
        f"all {k} tied, {mode}, a look every 2 items: a tied-best arm dropped in {dropped} of {runs} runs "
        f"(some arm of the {k} in {some}, all but one in {alone})"
    )
    known = {"some_arm_dropped": some, "one_left_alone": alone}
    return {"candidates": k, "mode": mode, "runs": runs, **_errors(dropped, runs), **known}


def _cpu(modes: Sequence[Mode]) -> dict[str, float]:
    """CPU seconds (median of 3) of a race of 50 candidates over 100,000 examples, on one core."""
    from threadpoolctl import threadpool_limits

    generator = np.random.default_rng(0)
    spread = (generator.random((50, 100_000)) < np.linspace(0.5, 0.85, 50)[:, None]).astype(np.float64)
    tied = np.ascontiguousarray(np.broadcast_to(spread[-1], spread.shape))
    found = {}
    for name, scores in (("typical", spread), ("all_tied", tied)):
        for mode in modes:
            taken = []
            for _ in range(3):
                start = time.process_time()
                with threadpool_limits(1):
                    run_race(scores, mode, "examples", 0.05, 0)
                taken.append(time.process_time() - start)
            found[f"{name}_{mode}"] = round(float(np.median(taken)), 3)
            print(f"50 candidates x 100,000 examples, {name}, {mode}: {found[f'{name}_{mode}']} CPU s")
    return found


# The matrices ---------------------------------------------------------------------------------------------------


def _of_files(files: Sequence[Path]) -> dict[str, Floats]:
    from merits.evaluating.importing import read_scores

    found = {}
    for file in files:
        scores = read_scores(file)
        whole = scores.known.all(axis=0)
        if not whole.all():
            print(f"{file.name}: {int((~whole).sum())} examples without a score of everybody left out", file=sys.stderr)
        if len(scores.names) < 2:
            raise SystemExit(f"{file.name} has one candidate, {scores.names[0]!r}: a race takes two or more columns.")
        found[file.name.split(".")[0]] = np.ascontiguousarray(scores.values[:, whole], dtype=np.float64)
    return found


def _made_up() -> dict[str, Floats]:
    """Binary outcomes of a two-parameter logistic model (strengths x difficulties), and scores in between."""
    binary = {
        "wide 12": _chances((12, 1_319), 0.6, 0.9, seed=0),
        "small 12": _chances((12, 164), 0.6, 0.9, seed=1),
        "near 20": _chances((20, 249), 0.2, 1.5, seed=2),
        "near 12": _chances((12, 800), 0.3, 0.2, seed=3),
        "large 12": _chances((12, 5_000), 0.4, 0.9, seed=4),
    }
    generator = np.random.default_rng(5)
    found = {name: (generator.random(chances.shape) < chances).astype(np.float64) for name, chances in binary.items()}
    scores = _chances((51, 805), 0.5, 0.9, seed=6)
    return {**found, "scores 51": np.clip(scores + generator.normal(0.0, 0.15, scores.shape), 0.0, 1.0)}


def _chances(shape: tuple[int, int], spread: float, base: float, *, seed: int) -> Floats:
    """How likely each candidate, with strengths around `base`, solves each example."""
    generator = np.random.default_rng(seed)
    strength, difficulty = generator.normal(base, spread, shape[0]), generator.normal(0.0, 1.3, shape[1])
    slope = np.exp(generator.normal(np.log(1.5), 0.3, shape[1]))
    return np.asarray(1.0 / (1.0 + np.exp(-slope * (strength[:, None] - difficulty))))


def _real() -> dict[str, Floats]:
    """The judges of LLMBar and the paid APIs of FrugalML, where the data are there."""
    if not OUTCOMES.is_dir():
        print("the real outcomes are not beside the project: only made-up ones are raced", file=sys.stderr)
        return {}
    judges = llmbar()
    best = np.argsort(-judges.mean(axis=1), kind="stable")[:20]
    return {"LLMBar": judges, "LLMBar top 20": judges[best], **dict(_frugal())}


def llmbar() -> Floats:
    """How far each of 65 judges was right about each of 419 pairs: 0, 0.5 (in one of the two orders) or 1."""
    right: dict[tuple[str, str], dict[tuple[str, str], float]] = {}
    with gzip.open(OUTCOMES / "LLMBar" / "judge_outcomes.csv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            orders = [float(row[name]) for name in ("ok_ab", "ok_ba") if row[name] != ""]
            judge = right.setdefault((row["llm"], row["strategy"]), {})
            judge[row["subset"], row["item"]] = float(np.mean(orders)) if orders else 0.0
    common = set.intersection(*(set(items) for items in right.values()))
    return np.array([[items[item] for item in sorted(common)] for items in right.values()])


def _frugal() -> Iterator[tuple[str, Floats]]:
    for file in sorted((OUTCOMES / "FrugalML").glob("*.csv.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
        right = [name for name in rows[0] if name.startswith("ok_")]
        yield file.name.split(".")[0], np.array([[float(row[name]) for row in rows] for name in right])
