"""The codes that a decision gives its reasons under: stable, so that programs can test them."""

from __future__ import annotations

from collections.abc import Mapping

from merits.core.decision import Reason

__all__ = ["REASONS", "because"]

REASONS: Mapping[str, str] = {
    "better": "The named candidate is better than another one, after correction for the number of comparisons.",
    "cheapest-of-the-tied": "Several candidates cannot be told apart; the named one is the cheapest of them.",
    "only-one-sure-of-the-tied": "It is the only one of the tied that certainly meets what is required.",
    "worthiest-of-the-tied": "Several candidates cannot be told apart; the named one brings most, its price included.",
    "fastest-of-the-tied": "Several candidates cannot be told apart, none has a price; this one took the least time.",
    "best-of-the-tied": "Several candidates cannot be told apart or by price; the named one solved the most.",
    "tied": "A candidate cannot be told apart from the leader on these examples.",
    "worse": "A candidate is worse than the leader, after correction for the number of comparisons.",
    "dropped": "A candidate left the race: it cannot be the best, or certainly misses a requirement.",
    "not-assessed": "A candidate has no scored outcome (all failed, unscored or missing) and was left out.",
    "ruled-out": "What a candidate says of itself (licence, region) rules it out, so it was not asked.",
    "no-outcomes": "There is no scored outcome of any candidate, so there is nothing to decide on.",
    "nothing-to-compare": "There is one candidate, no requirement and no worth of a case: nothing to judge it by.",
    "requirement-met": "The named candidate meets a requirement at its confidence.",
    "requirement-not-met": "A candidate certainly misses a requirement.",
    "requirement-open": "The data do not yet show whether a candidate meets a requirement.",
    "nothing-solved": "No candidate, or none that may meet what is required, solved a single case.",
    "all-fail": "Every candidate certainly misses a requirement, or certainly loses money.",
    "tie-too-wide": "The cheapest of the tied could still be worse than the leader by more than the tie margin.",
    "too-few-examples": "No candidate was shown to be worse than any other, and the tie margin is not excluded.",
    "failures-matter": "The verdict depends on whether failures count as wrong or are left out.",
    "failures": "Some questions could not be asked of a candidate (timeouts, errors).",
    "many-unscored": "More than a tenth of a candidate's answers could not be judged, and are in no figure.",
    "off-list": "Half of a candidate's answers or more are none of the labels, so it says little of what it knows.",
    "many-missing": "More than a tenth of a candidate's answers are not there yet, and are in no figure.",
    "budget-ended": "The budget ended before everything was asked: this rests on what was answered by then.",
    "not-asked": "The run asked only what had failed before, so some answers are not there and are in no figure.",
    "refused": "A candidate was refused (key, quota) or out of reach: what was not asked is in no figure.",
    "cost-not-known": "Some attempts may be on the bill, and the provider did not tell what they used.",
    "assisted": "A candidate's quality over all examples was estimated with the help of those that were asked all.",
    "closest-rival": "What the examples can show of the leader and the nearest candidate tied with it.",
    "judge-corrected": "People labelled some answers, and the scorer's verdicts are corrected by what they said.",
    "judge-unchecked": "A model judged the answers, and nothing says how well: its errors are in no interval.",
    "judge-given-up": "A judge could not be read or reached: what it did not judge is in no figure.",
    "few-labels": "Hardly any answer of a candidate is labelled by people, so it is compared with nobody.",
    "few-groups": "The examples fall into fewer than ten groups: the intervals rest on little.",
    "unknown-price": "A candidate has no price, so what it costs is unknown; it is never taken to be free.",
    "incumbent-stays": "The candidate in use stays: none was shown to be better, or as good and cheaper.",
    "incumbent-not-assessed": "The candidate in use was not evaluated, so it could not be compared.",
    "not-on-test": "The decision was made on development examples, which candidates may have been chosen or tuned on.",
    "test-reused": "The test examples were used for several decisions; the best of many tries looks better than it is.",
}
"""Code -> what it says, for the documentation and for readers of the JSON."""


def because(code: str, text: str, candidate: str = "") -> Reason:
    """A reason under a code of the table; KeyError for any other.

    >>> because("tied", "B cannot be told apart from A.", "B").code
    'tied'
    """
    if code not in REASONS:
        raise KeyError(f"no reason {code!r}; add it to the table in merits/deciding/reasons.py")
    return Reason(code=code, text=text, candidate=candidate)
