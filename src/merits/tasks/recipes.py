"""Makes candidates, scorers and needs of what a task file says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec

from merits.core.candidate import Candidate, Price
from merits.core.errors import CandidateError, TaskError, UsageError
from merits.core.facts import key_of
from merits.core.limits import Limits
from merits.core.needs import Needs
from merits.core.task import ScorerSpec
from merits.core.validate import did_you_mean
from merits.tasks.composing import Composing, Listed
from merits.tasks.definition import Definition, NeedsPart, candidate_keys
from merits.tasks.requirements import money_of, parse_requirement
from merits.tasks.source import Place, Source, convert_at

__all__ = [
    "candidate_of",
    "candidates_of",
    "completed",
    "costs_by_use",
    "needs_of",
    "provider_of",
    "runs_here",
    "scorers_of",
]

T = TypeVar("T")

_ON_PREMISES = "on-premises"
# What tells two candidates of one kind apart, when they have no name of their own.
_TELLING = ("model", "estimator", "function", "output")


def candidates_of(definition: Definition, needs: Needs, source: Source) -> tuple[Candidate, ...]:
    """The candidates of a task: recipes, checked, each with its own name and its own recipe.

    A candidate is the name of a kind, a mapping with `kind` and its parameters, a Candidate, or (in Python) a
    function, an estimator or an object. Several come as a list, or as a mapping from name to candidate. One that is
    made of others has `parts`: names of candidates, or recipes that are then no candidates by themselves.
    """
    listed = list(_listed(definition.candidates, source))

    def made(thing: object, name: str, place: Place, parts: tuple[Candidate, ...]) -> Candidate:
        candidate = _candidate(thing, name, needs.currency, source, place, parts=parts)
        return completed(candidate, needs, definition.machine_per_hour)

    composing = Composing(listed, made, source)
    candidates: list[Candidate] = []
    for number, (place, _, _) in enumerate(listed):
        candidate = composing.candidate(number)
        _must_differ(candidate, candidates, source, place)
        candidates.append(candidate)
    names, plan = [candidate.name for candidate in candidates], definition.monitor.retrain
    if needs.incumbent:
        _must_be_there(needs.incumbent, names, source, ("needs", "incumbent"))
    for number, name in enumerate(plan.candidates if plan is not None else ()):
        _must_be_there(name, names, source, ("monitor", "retrain", "candidates", number))
    _must_name_rivals(needs, names, source)
    return tuple(candidates)


def _must_be_there(name: str, names: Sequence[str], source: Source, place: Place) -> None:
    if name not in names:
        raise TaskError(f"{source.at(*place)}: no candidate is named {name!r}.", did_you_mean(name, names))


def candidate_of(thing: object, source: Source, place: Place, currency: str = "USD") -> Candidate:
    """The recipe of a candidate that stands elsewhere than under `candidates:`, checked."""
    return _candidate(thing, "", currency, source, place)


def _must_name_rivals(needs: Needs, names: Sequence[str], source: Source) -> None:
    """Refuses a requirement that compares with a candidate that is not there."""
    for number, requirement in enumerate(needs.requirements):
        rival, place = requirement.against, ("needs", "requirements", number)
        if rival == "incumbent" and not needs.incumbent and rival not in names:
            raise TaskError(
                f"{source.at(*place)}: {str(requirement)!r}, and no incumbent is named.",
                "Set `incumbent:` under needs, or name a candidate: non-inferior to NAME by 1 pt.",
            )
        if rival and rival != "incumbent" and names:
            _must_be_there(rival, names, source, place)


def scorers_of(scorers: object, kind: str, source: Source) -> tuple[ScorerSpec, ...]:
    """The scorers of a task, checked; those customary for its kind when it names none."""
    from merits.candidates import registry as candidates
    from merits.scorers import registry

    if scorers is None:
        return tuple(registry.default_scorers(kind))
    listed = scorers if isinstance(scorers, list | tuple) else [scorers]
    specs: list[ScorerSpec] = []
    for number, scorer in enumerate(listed):
        place = ("scorers", number) if isinstance(scorers, list | tuple) else ("scorers",)
        spec = _scorer(scorer, source, place)
        with_place(partial(registry.check, spec), source, place)
        judge = registry.judge_of(spec)
        if judge is not None:
            with_place(partial(candidates.check, judge), source, place)
        if spec.label in [other.label for other in specs]:
            raise TaskError(f"{source.at(*place)}: two scorers are named {spec.label!r}.", "Give one a `name:`.")
        specs.append(spec)
    if not specs:
        raise TaskError(f"{source.at('scorers')}: the list of scorers is empty.", "Leave it out for the usual one.")
    return tuple(specs)


def needs_of(part: NeedsPart, source: Source) -> Needs:
    """The needs of a task, with every requirement read."""
    requirements = []
    for number, text in enumerate(part.requirements):
        place = ("needs", "requirements", number)
        requirements.append(with_place(partial(parse_requirement, text), source, place))
        money = money_of(text)
        if money not in ("", part.currency):
            raise TaskError(
                f"{source.at(*place)}: the requirement {text!r} is in {money}, the needs are in {part.currency}.",
                f"Write it in {part.currency}, or set `currency: {money}`.",
            )
    values = {name: getattr(part, name) for name in part.__struct_fields__}
    by_class = {str(t): {str(label): loss for label, loss in said.items()} for t, said in part.loss_by_class.items()}
    return Needs(**{**values, "requirements": tuple(requirements), "loss_by_class": by_class})


def with_place(check: Callable[[], T], source: Source, place: Place) -> T:
    """What `check` returns; what it complains of gets the place in front."""
    try:
        return check()
    except UsageError as problem:
        raise source.error(problem, *place) from None


def _listed(candidates: object, source: Source) -> Iterator[Listed]:
    if isinstance(candidates, Mapping):
        for name, thing in candidates.items():
            yield ("candidates", str(name)), str(name), thing
    elif isinstance(candidates, Sequence) and not isinstance(candidates, str):
        for number, thing in enumerate(candidates):
            yield ("candidates", number), "", thing
    elif candidates is not None:
        raise TaskError(f"{source.at('candidates')}: candidates are a list.", "Write: candidates: [most-common].")


def _candidate(
    thing: object, name: str, currency: str, source: Source, place: Place, *, parts: tuple[Candidate, ...] = ()
) -> Candidate:
    if isinstance(thing, Candidate):
        recipe = thing
    elif isinstance(thing, str):
        recipe = Candidate(name=name or thing, kind=thing)
    elif isinstance(thing, Mapping):
        recipe = _recipe(thing, name, currency, source, place, parts=parts)
    elif thing is None or isinstance(thing, bool | int | float | list):
        raise TaskError(f"{source.at(*place)}: {thing!r} is no candidate.", "Name a kind, or write {kind: ...}.")
    else:
        from merits.candidates.objects import as_candidate

        return as_candidate(thing, name=name)
    from merits.candidates import registry

    with_place(partial(registry.check, recipe), source, place)
    return recipe


def _recipe(
    spec: Mapping[str, Any], name: str, currency: str, source: Source, place: Place, *, parts: tuple[Candidate, ...]
) -> Candidate:
    own = candidate_keys()
    params = {key: value for key, value in spec.items() if key not in own}
    if "kind" not in spec:
        near = did_you_mean("kind", params) if params else ""
        step = f"{near} " if near.startswith("Did") else ""
        raise TaskError(f"{source.at(*place)}: a candidate without `kind`.", f"{step}See `merits kinds` for all kinds.")
    kind, named = _text(spec["kind"], source, place, "kind"), spec.get("name", name)
    metadata = spec.get("metadata", {})
    if not isinstance(metadata, Mapping):
        raise TaskError(f"{source.at(*place, 'metadata')}: metadata are keys with values, such as {{licence: MIT}}.")
    try:
        return Candidate(
            name=_text(named, source, place, "name") if named else _default_name(kind, params),
            kind=kind,
            params=params,
            parts=parts,
            price=_price(spec.get("price"), currency, source, (*place, "price")),
            metadata=dict(metadata),
            limits=_limits(spec.get("limits"), source, (*place, "limits")),
        )
    except TypeError:  # from hashing what no JSON can hold
        raise CandidateError(
            f"{source.at(*place)}: a parameter of {named or kind!r} is not plain data.",
            "Recipes hold texts, numbers, lists and mappings; pass a live object as the candidate itself.",
        ) from None


def _text(value: object, source: Source, place: Place, key: str) -> str:
    if not isinstance(value, str):
        raise TaskError(f"{source.at(*place, key)}: a {key} is a text, not {value!r}.", "Put it in quotes.")
    return value


def _default_name(kind: str, params: Mapping[str, Any]) -> str:
    """A short name that tells the recipe from others of its kind: `gpt-5-mini`, `LogisticRegression`."""
    for key in _TELLING:
        value = params.get(key)
        if isinstance(value, str) and value:
            return value.rsplit("/", 1)[-1] if key == "model" else value.rsplit(":", 1)[-1].rsplit(".", 1)[-1]
    return kind


def _price(price: object, currency: str, source: Source, place: Place) -> Price | None:
    if price is None or isinstance(price, Price):
        return price
    if not isinstance(price, Mapping):
        raise TaskError(
            f"{source.at(*place)}: a price says what it is for, and {price!r} does not.",
            "Write {per_call: 0.01}, {machine_per_hour: 0.1} or {input_per_million: 0.5, output_per_million: 1.5}.",
        )
    return convert_at({"currency": currency, **price}, Price, source, *place)


def _limits(limits: object, source: Source, place: Place) -> Limits | None:
    if limits is None or isinstance(limits, Limits):
        return limits
    return convert_at(limits, Limits, source, *place)


def completed(candidate: Candidate, needs: Needs, machine_per_hour: float | None) -> Candidate:
    """The candidate with what its task says for it: the price of the machine, and that it stays on it, if it does."""
    return _located(_priced_here(candidate, machine_per_hour, needs.currency), needs)


def _priced_here(candidate: Candidate, machine_per_hour: float | None, currency: str) -> Candidate:
    """The candidate with the price of the machine, if it runs here and has no price of its own.

    A remote model uses no seconds of this machine: with this price it would seem to be free.
    """
    own = candidate.price
    if machine_per_hour is None or (own is not None and not own.is_fixed_only) or not runs_here(candidate):
        return candidate
    if own is not None and own.per_month is not None:
        return candidate  # the month pays for the machine
    price = Price(
        currency=currency if own is None else own.currency,
        machine_per_hour=machine_per_hour,
        one_off=None if own is None else own.one_off,
        source="machine_per_hour of the task",
    )
    return Candidate(
        name=candidate.name,
        kind=candidate.kind,
        params=candidate.params,
        parts=candidate.parts,
        price=price,
        metadata=candidate.metadata,
        limits=candidate.limits,
    )


def runs_here(candidate: Candidate) -> bool:
    """Whether a candidate's work is done by this machine: all but those whose kind says otherwise in RUNS_HERE."""
    from merits.candidates import registry

    return bool(getattr(registry.kind_of(candidate), "RUNS_HERE", True))


def costs_by_use(candidate: Candidate) -> bool:
    """Whether asking a candidate may cost money: it does not run here, or has a price by use; or a part of it does.

    >>> costs_by_use(Candidate(name="a", kind="chat", params={"model": "m"}))
    True
    """
    by_use = candidate.price is not None and candidate.price.paid_by_use
    return by_use or not runs_here(candidate) or any(map(costs_by_use, candidate.parts))


def provider_of(candidate: Candidate) -> str:
    """The provider that a candidate's questions go to: what it says, else what its kind says; "" where none is known.

    >>> provider_of(Candidate(name="a", kind="chat", params={"model": "m"}))
    'openai'
    """
    from merits.candidates import registry

    said = candidate.params.get("provider")
    if isinstance(said, str):
        return said
    kind = registry.kind_of(candidate)
    params = getattr(kind, "Params", None)
    fields = () if params is None else msgspec.structs.fields(params)
    usual = next((field.default for field in fields if field.name == "provider"), getattr(kind, "PROVIDER", ""))
    return usual if isinstance(usual, str) else ""


def _located(candidate: Candidate, needs: Needs) -> Candidate:
    """The candidate with `on-premises: true`, where that is required, it says nothing and its kind calls nobody."""
    from merits.candidates import registry

    wanted = [r for r in needs.requirements if r.is_fact and key_of(r.metric) == _ON_PREMISES]
    said = any(key_of(key) == _ON_PREMISES for key in candidate.metadata)
    if not wanted or said or not registry.stays_here(candidate):
        return candidate
    return msgspec.structs.replace(candidate, metadata={**candidate.metadata, _ON_PREMISES: True})


def _must_differ(candidate: Candidate, others: Sequence[Candidate], source: Source, place: Place) -> None:
    for other in others:
        if other.name == candidate.name:
            raise TaskError(
                f"{source.at(*place)}: two candidates are named {candidate.name!r}.", "Give each its own `name:`."
            )
        if other.id == candidate.id:
            raise TaskError(
                f"{source.at(*place)}: {candidate.name!r} and {other.name!r} are the same recipe.",
                "Leave one out, or change a parameter.",
            )


def _live_judge(thing: object) -> dict[str, Any]:
    """The recipe of a live function or object that judges."""
    from merits.candidates.objects import as_candidate

    recipe = as_candidate(thing)
    return {"name": recipe.name, "kind": recipe.kind, **recipe.params}


def _scorer(scorer: object, source: Source, place: Place) -> ScorerSpec:
    if isinstance(scorer, ScorerSpec):
        return scorer
    if isinstance(scorer, str):
        return ScorerSpec(scorer)
    if isinstance(scorer, Mapping):
        if "kind" not in scorer:
            raise TaskError(f"{source.at(*place)}: a scorer without `kind`.", "Write {kind: numeric, tolerance: 0.01}.")
        params = {str(key): value for key, value in scorer.items() if key not in ("kind", "name")}
        if callable(params.get("model")) or hasattr(params.get("model"), "answer"):
            params["model"] = _live_judge(params["model"])
        name = _text(scorer.get("name", ""), source, place, "name")
        return ScorerSpec(_text(scorer["kind"], source, place, "kind"), params, name)
    if callable(scorer):
        from merits.scorers.python import as_spec

        return as_spec(scorer)
    raise TaskError(f"{source.at(*place)}: {scorer!r} is no scorer.", "Name a kind, or write {kind: ...}.")
