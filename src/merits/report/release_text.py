"""A release in words: what it promises, what is in it, and on what evidence; and the list of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from merits.core.estimate import Estimate
from merits.core.live import Rollout
from merits.core.release import Artefact, LearnedPart, Release
from merits.report.plain import one_line

__all__ = ["learned", "lines", "listed"]

_MEGA = 1_000_000


def lines(release: Release, *, kept: bool = True) -> list[str]:
    """What there is to say of a release, line by line; `kept` is whether it was made, not only drawn up."""
    promise, candidate = release.promise, release.candidate
    said = [
        f"release      {release.model}" if kept else f"release      of {release.task_name}, not made",
        f"candidate    {one_line(candidate.name)} ({candidate.kind})",
    ]
    if release.fallbacks:
        said.append(f"fallbacks    {', '.join(one_line(one.name) for one in release.fallbacks)}")
    currency = release.needs.currency
    promised = [
        (f"solved ({promise.metric})", promise.quality),
        (f"{currency} for 1,000", promise.cost_per_1000),
        (f"{currency} for one solved", promise.cost_per_solved),
        ("median latency", promise.latency_p50_s),
        ("95 % latency", promise.latency_p95_s),
    ]
    said += [f"promises     {name}: {_in_words(estimate)}" for name, estimate in promised]
    said += [
        f"required     {one_line(str(one.requirement))}: {one.met} ({one.evidence_text})"
        for one in promise.requirements
    ]
    run = "no run" if release.run is None else f"run {release.run}"
    said.append(f"evidence     decision {release.decision[:12]} on {run}, {release.n_examples:,} test examples")
    said.append(f"reason       {one_line(release.reason) or 'none given'}")
    said += _artefacts(release.artefacts)
    return said


def learned(parts: Sequence[LearnedPart]) -> list[str]:
    """What became of each part that learns, a line each.

    >>> learned([LearnedPart(name="small", kind="compressed", kept=True, n_bytes=24_600)])
    ['learned      small (compressed): kept, 24.6 kB']
    """
    return [
        f"{'' if number else 'learned':13}{one_line(one.name)} ({one.kind}): "
        + (f"kept, {_size(one.n_bytes)}" if one.kept else f"learns again at each start, for {one_line(one.why, 200)}")
        for number, one in enumerate(parts)
    ]


def _in_words(estimate: Estimate | None) -> str:
    return "no record" if estimate is None else str(estimate)


def _artefacts(artefacts: Sequence[Artefact]) -> list[str]:
    if not artefacts:
        return []
    total = sum(one.n_bytes for one in artefacts)
    largest = sorted(artefacts, key=lambda one: -one.n_bytes)[:5]
    said = [f"artefacts    {len(artefacts)} files, {_size(total)}, each with its SHA-256"]
    return said + [f"             {_size(one.n_bytes):>10}  {one.path}" for one in largest]


def _size(n_bytes: int) -> str:
    """A size as people read it.

    >>> _size(1_234_567), _size(800)
    ('1.23 MB', '0.8 kB')
    """
    return f"{n_bytes / _MEGA:,.3g} MB" if n_bytes >= _MEGA else f"{n_bytes / 1000:,.3g} kB"


def listed(releases: Sequence[Release], rollout: Rollout | None) -> list[str]:
    """All releases, oldest first: what each promises, why it was made, and whether it serves."""
    said = []
    for one in releases:
        made = datetime.fromtimestamp(one.made_at, UTC).strftime("%Y-%m-%d %H:%M")
        promise, part = one.promise, _part(one, rollout)
        solved = "no record" if promise.quality is None else f"{promise.quality.text()} solved"
        cost = "no price" if promise.cost_per_1000 is None else f"{promise.cost_per_1000.text()} for 1,000"
        said += [
            f"{one.model}  {made}{f'  {part}' if part else ''}",
            f"    {one_line(one.candidate.name)}: {solved}, {cost}",
            f"    {one_line(one.reason, 200) or 'no reason given'}",
        ]
    return said


def _part(release: Release, rollout: Rollout | None) -> str:
    if rollout is None:
        return ""
    if release.version == rollout.champion:
        return "serves"
    return f"{rollout.mode}, {rollout.share:.0%}" if release.version == rollout.challenger else ""
