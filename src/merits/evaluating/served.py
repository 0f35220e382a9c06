"""Who answered, as the provider says: whether it was one model all the time. Knows nothing about scores."""

from __future__ import annotations

from collections import Counter

from merits.core.answer import Answer
from merits.core.secrets import redact_values

__all__ = ["Served"]

_SHOWN = 4


class Served:
    """Counts the models and system fingerprints that a candidate's answers name.

    A provider may put another model behind a name, or run it on another system, while it is asked: then the answers
    are not all of one candidate. Answers that name none are no sign of a change.

    >>> served = Served()
    >>> for model in ("small-08", "small-08", "small-11"):
    ...     served.note(Answer("yes", model=model, system_fingerprint="fp_1"))
    >>> served.changes()
    'model: small-08 (2 answers), small-11 (1)'
    """

    def __init__(self) -> None:
        self._models: Counter[str] = Counter()
        self._fingerprints: Counter[str] = Counter()

    def note(self, answer: Answer) -> None:
        """Takes one answer into account."""
        if answer.model:
            self._models[answer.model] += 1
        if answer.system_fingerprint:
            self._fingerprints[answer.system_fingerprint] += 1

    def changes(self) -> str:
        """What was not the same in all answers, the commonest first; "" if nothing. Names are redacted, as stored ones
        are: a name that holds a key is the same one before and after it was stored.
        """
        named = (("model", _redacted(self._models)), ("system fingerprint", _redacted(self._fingerprints)))
        return "; ".join(f"{name}: {_listed(counts)}" for name, counts in named if len(counts) > 1)


def _redacted(counts: Counter[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for name, n in counts.items():
        found[redact_values(name)] += n
    return found


def _listed(counts: Counter[str]) -> str:
    shown = [f"{name} ({n:,})" for name, n in counts.most_common(_SHOWN)]
    shown[0] = f"{shown[0][:-1]} answers)"
    return ", ".join(shown) + (f" and {len(counts) - _SHOWN} more" if len(counts) > _SHOWN else "")
