"""FID, KID and diversity from sums are what the field's libraries print on the same features."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from merits.scorers.picture_sets import (
    DIMENSIONS,
    as_blank_in_fid,
    as_blank_in_kid,
    diversity_counts,
    diversity_of,
    fid_counts,
    fid_of,
    kid_counts,
    kid_of,
    without_picture,
)

Floats = NDArray[np.float64]


@pytest.fixture(scope="module")
def sets() -> tuple[Floats, Floats]:
    """Two sets of 60 pictures as features."""
    random = np.random.default_rng(5)
    return random.normal(size=(60, DIMENSIONS)), random.normal(0.3, 1.4, size=(60, DIMENSIONS))


def summed(counts: object, sets: tuple[Floats, Floats]) -> Floats:
    return np.sum([counts(x, y) for x, y in zip(*sets, strict=True)], axis=0)  # type: ignore[operator]


def test_fid_is_the_frechet_distance_by_a_matrix_root(sets: tuple[Floats, Floats]) -> None:
    from scipy.linalg import sqrtm

    made, wanted = sets
    covariances = np.cov(made.T), np.cov(wanted.T)
    root = sqrtm(covariances[0] @ covariances[1]).real
    distance = ((made.mean(0) - wanted.mean(0)) ** 2).sum() + np.trace(sum(covariances) - 2 * root)
    assert fid_of(summed(fid_counts, sets)) == pytest.approx(distance, rel=1e-9)


@pytest.mark.filterwarnings("ignore")  # of torchmetrics, about memory
def test_fid_and_kid_are_what_torchmetrics_prints(sets: tuple[Floats, Floats]) -> None:
    """Its metrics with a network that hands on the features; KID over one subset, which is all."""
    torch = pytest.importorskip("torch")
    fid_module, kid_module = (pytest.importorskip(f"torchmetrics.image.{name}") for name in ("fid", "kid"))

    class Hands(torch.nn.Module):  # type: ignore[name-defined,misc]
        num_features = DIMENSIONS

        def forward(self, x):
            return x.reshape(len(x), DIMENSIONS)

    made, wanted = (torch.from_numpy(each) for each in sets)
    fid = fid_module.FrechetInceptionDistance(feature=Hands(), input_img_size=(1, 4, 4)).set_dtype(torch.float64)
    kid = kid_module.KernelInceptionDistance(feature=Hands(), subsets=1, subset_size=60)
    for metric in (fid, kid):
        metric.update(wanted.reshape(-1, 1, 4, 4), real=True)
        metric.update(made.reshape(-1, 1, 4, 4), real=False)
    assert fid_of(summed(fid_counts, sets)) == pytest.approx(float(fid.compute()), rel=1e-5)
    assert kid_of(summed(kid_counts, sets)) == pytest.approx(float(kid.compute()[0]), rel=1e-5)


def test_kid_is_unbiased_and_fid_is_not() -> None:
    """Two sets from one distribution: KID is 0 on average at any size, FID falls as pictures get more."""
    random = np.random.default_rng(0)
    found: dict[int, Floats] = {}
    for n in (20, 80):
        drawn = [(random.normal(size=(n, DIMENSIONS)), random.normal(size=(n, DIMENSIONS))) for _ in range(40)]
        found[n] = np.array([[fid_of(summed(fid_counts, each)), kid_of(summed(kid_counts, each))] for each in drawn])
    fid, kid = ({n: each[:, place] for n, each in found.items()} for place in (0, 1))
    assert fid[20].mean() > 2 * fid[80].mean() > 0
    for each in kid.values():
        assert abs(each.mean()) < 3 * each.std() / np.sqrt(len(each))


def test_diversity_is_the_root_of_mean_squared_distances_over_those_of_the_reference(
    sets: tuple[Floats, Floats],
) -> None:
    from scipy.spatial.distance import pdist

    made, wanted = (np.sqrt((pdist(each) ** 2).mean()) for each in sets)
    assert diversity_of(summed(diversity_counts, sets)) == pytest.approx(made / wanted)
    same = (np.repeat(sets[0][:1], 60, axis=0), sets[1])
    assert diversity_of(summed(diversity_counts, same)) == pytest.approx(0.0, abs=1e-6)


def test_one_picture_is_no_set(sets: tuple[Floats, Floats]) -> None:
    one = (sets[0][:1], sets[1][:1])
    measures = ((fid_of, fid_counts), (kid_of, kid_counts), (diversity_of, diversity_counts))
    assert all(np.isnan(value(summed(counts, one))) for value, counts in measures)


def test_what_was_not_answered_counts_as_a_blank_page(sets: tuple[Floats, Floats]) -> None:
    """Whose features are zeros: so the counts of a failure follow from those of anybody's answer."""
    made, wanted = sets[0][0], sets[1][0]
    blank = np.zeros(DIMENSIONS)
    assert as_blank_in_fid(fid_counts(made, wanted)).tolist() == fid_counts(blank, wanted).tolist()
    assert as_blank_in_kid(kid_counts(made, wanted)).tolist() == kid_counts(blank, wanted).tolist()
    assert without_picture(diversity_counts(made, wanted)).tolist() == diversity_counts(None, wanted).tolist()
