"""What candidates say of themselves (licence, region, where they run) against what is required: exact, and free.

Knows the metadata of recipes only. Nothing is measured here, so nothing is uncertain but what is not said.
"""

from __future__ import annotations

from merits.core.candidate import Candidate
from merits.core.decision import Met
from merits.core.identity import JSON
from merits.core.needs import Needs, Requirement

__all__ = ["fact_met", "facts_of", "key_of", "ruled_out"]

_TRUE, _FALSE = ("true", "yes"), ("false", "no")


def ruled_out(candidate: Candidate, needs: Needs) -> str:
    """Why a candidate certainly may not be used, whatever it answers; "" if nothing that it says rules it out.

    Whoever is ruled out need not be asked, and costs nothing then.

    >>> needs = Needs(requirements=(Requirement("licence", "in", values=("MIT", "Apache-2.0")),))
    >>> [ruled_out(Candidate(name=n, kind="k", metadata={"licence": n}), needs) for n in ("MIT", "GPL-3.0")]
    ['', 'licence in [MIT, Apache-2.0] is required (licence: GPL-3.0)']
    """
    reasons = [
        f"{requirement} is required ({facts_of(requirement, candidate)})"
        for requirement in needs.requirements
        if requirement.is_fact and fact_met(requirement, candidate) == "not met"
    ]
    return ", and ".join(reasons)


def fact_met(requirement: Requirement, candidate: Candidate) -> Met:
    """Whether a candidate's metadata satisfy a requirement; "not yet known" where they do not say.

    Texts are compared without regard to case, `yes` is `true`, and a list must satisfy it with every entry: one that
    runs in two regions is in neither alone. What is made of parts and says nothing itself is what its parts are.

    >>> here = Requirement("on-premises", "in", values=("true",))
    >>> [fact_met(here, Candidate(name="a", kind="k", metadata={"on-premises": v})) for v in (True, "no", None)]
    ['met', 'not met', 'not yet known']
    """
    said = _said(candidate, requirement.metric)
    if said:
        allowed = {_normal(value) for value in requirement.values}
        wanted = requirement.op == "in"
        return "met" if all((_normal(value) in allowed) == wanted for value in said) else "not met"
    parts = [fact_met(requirement, part) for part in candidate.parts]
    if "not met" in parts:
        return "not met"
    return "met" if parts and set(parts) == {"met"} else "not yet known"


def facts_of(requirement: Requirement, candidate: Candidate) -> str:
    """What a candidate says under the key of a requirement, for readers: `licence: MIT`."""
    said = _said(candidate, requirement.metric) or tuple(
        text for part in candidate.parts for text in _said(part, requirement.metric)
    )
    return f"{requirement.metric}: {', '.join(said)}" if said else f"{requirement.metric}: not said"


def key_of(text: str) -> str:
    """A metadata key as keys are compared: without regard to case, `_` or `-`, and in one spelling of licence.

    >>> key_of("On_Premises"), key_of("license")
    ('on-premises', 'licence')
    """
    return "-".join(text.casefold().replace("_", " ").replace("-", " ").split()).replace("license", "licence")


def _said(candidate: Candidate, key: str) -> tuple[str, ...]:
    """The values under a key as texts; () where nothing is said."""
    for name, value in candidate.metadata.items():
        if key_of(name) == key_of(key):
            values = value if isinstance(value, list) else [value]
            return tuple(text for text in map(_text, values) if text)
    return ()


def _text(value: JSON) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value).strip()


def _normal(text: str) -> str:
    small = text.casefold().strip()
    return "true" if small in _TRUE else "false" if small in _FALSE else small
