"""What goes into production as one unit: what was decided, what it promises, and the evidence that says so."""

from __future__ import annotations

import msgspec

from merits.core.candidate import Candidate
from merits.core.decision import RequirementResult
from merits.core.estimate import Estimate
from merits.core.identity import content_hash
from merits.core.input_schema import InputSchema
from merits.core.needs import Needs
from merits.core.serving import ContentPolicy
from merits.core.task import ScorerSpec, Settings

__all__ = ["Artefact", "ContentPolicy", "LearnedPart", "Promise", "Release", "model_name"]


class Artefact(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a release: its path in the release's folder ("artefacts/..."), SHA-256 (hex), and size."""

    path: str
    sha256: str
    n_bytes: int


class LearnedPart(msgspec.Struct, frozen=True, kw_only=True):
    """What became of something in a release that learns: kept in so many bytes, or, with the reason, not.

    What is not kept learns again at each start, from examples that are in the release.
    """

    name: str
    kind: str
    kept: bool
    n_bytes: int
    why: str = ""


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """What was proved of the candidate on `test`, each with its interval. None where there is no record.

    `metric` names what `quality` measures: the share of cases solved, by the task's first scorer. Costs are money in
    the needs' currency, for 1,000 cases and for one that is solved; latencies are seconds.
    """

    metric: str
    quality: Estimate | None = None
    cost_per_1000: Estimate | None = None
    cost_per_solved: Estimate | None = None
    latency_p50_s: Estimate | None = None
    latency_p95_s: Estimate | None = None
    requirements: tuple[RequirementResult, ...] = ()


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """One version of what a task is served by. `version` counts from 1 within `task_name`; `task` is the task's id.

    `candidate` is the recipe: prompt, thresholds, parts and prices are in it. `candidate_version` names the exact thing
    that was evaluated (recipe, training data, code); what is loaded must be the same. `fallbacks` are asked, in order,
    where it could not be. `artefacts` are the files beside it, each with its hash. `promise` is what was proved, by
    `decision` (its id) on the run `run` of the store. `inputs` are the names of the columns of an input, where it has
    columns; `schema` is all that is known of inputs, None in a release of a former version. `settings` hold deadlines
    and limits. `made_at` is UNIX seconds, `merits` the version that made it; `reason` says why it was made. `id` is the
    hash of all of it.
    """

    task: str
    task_name: str
    version: int
    kind: str
    candidate: Candidate
    candidate_version: str
    promise: Promise
    needs: Needs
    scorers: tuple[ScorerSpec, ...]
    made_at: float
    merits: str
    classes: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    fallbacks: tuple[Candidate, ...] = ()
    artefacts: tuple[Artefact, ...] = ()
    decision: str = ""
    run: int | None = None
    n_examples: int = 0
    content: ContentPolicy = ContentPolicy()
    settings: Settings = Settings()
    reason: str = ""
    schema: InputSchema | None = None
    id: str = ""

    def __post_init__(self) -> None:
        fields = {name: getattr(self, name) for name in self.__struct_fields__ if name != "id"}
        if self.schema is None:
            del fields["schema"]  # so that a release of a former version keeps its id
        msgspec.structs.force_setattr(self, "id", content_hash(fields))

    @property
    def model(self) -> str:
        """The name by which clients ask for exactly this release: `merits/<task>@<version>`."""
        return model_name(self.task_name, self.version)

    @property
    def billed_in(self) -> str:
        """The currency of what its answers cost; "" where a part of it has no price, so that no sum of them holds."""
        return self.needs.currency if all(map(_has_price, (self.candidate, *self.fallbacks))) else ""


def _has_price(candidate: Candidate) -> bool:
    if candidate.parts:
        return all(map(_has_price, candidate.parts))
    price = candidate.price
    return price is not None and (not price.is_fixed_only or price.per_month is not None)


def model_name(task_name: str, version: int | None = None) -> str:
    """The name of a model as clients write it; without a version, of whatever serves the task now.

    >>> model_name("sentiment", 3), model_name("sentiment")
    ('merits/sentiment@3', 'merits/sentiment')
    """
    return f"merits/{task_name}" if version is None else f"merits/{task_name}@{version}"
