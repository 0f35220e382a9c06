"""What all recommenders share: learning from examples, updates with new events, and the list of the best items.

How items are ranked is a `Ranker`'s business. A user is ranked for by the history in the input, so that users whom
nobody knew when the model was trained, and choices made since, count at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.candidates.imports import versions
from merits.candidates.incremental.arrays import arrays_in, arrays_of
from merits.candidates.incremental.model import LearningModel
from merits.candidates.keeping import keep_arrays, keep_json, kept_arrays, kept_json
from merits.candidates.learner import one_thread
from merits.candidates.recommending.events import Events, Numbering, events_of
from merits.candidates.registry import LoadContext
from merits.core.answer import Answer
from merits.core.errors import CandidateError
from merits.core.identity import JSON, content_hash
from merits.core.interactions import items_of
from merits.core.task import Example

__all__ = ["Asked", "Known", "Ranker", "Recommender", "RecommenderParams", "RecommendingModel", "recommending_model"]

Floats = NDArray[np.floating]
_BATCH = 64


class RecommenderParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """What every recommender may be told."""

    k: Annotated[int, msgspec.Meta(ge=1, description="How many items an answer lists.")] = 10
    updated_from: Annotated[
        Annotated[float, msgspec.Meta(gt=0, lt=1)] | None,
        msgspec.Meta(
            description="It is trained on this share of the events only, the oldest, and updated with the others, as "
            "in production between two trainings. Beside the same recipe without it, this shows what updates lose."
        ),
    ] = None


@dataclass(frozen=True)
class Known:
    """All events so far, with how many users and items there are."""

    events: Events
    n_users: int
    n_items: int


@dataclass(frozen=True)
class Asked:
    """What is known of one who is asked for: the items chosen so far, oldest first, and the user's number, if any."""

    items: NDArray[np.int64]
    user: int | None


class Ranker(Protocol):
    """How one kind ranks. Called from one thread at a time, with native code kept to one thread.

    `needs_history` is whether it can say nothing of one who chose nothing yet; then it is not asked about those.
    `fit` learns from all events. `update` is given new events and all of them, `known`, which may have new users and
    items behind the others; it must cost much less than `fit`. `scores` are of shape (asked, items), higher is
    better. `kept` and `take` keep what was learned and bring it back: where `goes_on`, so that one that was brought
    back is updated in the same way too.
    """

    needs_history: bool
    goes_on: bool

    def fit(self, known: Known) -> None: ...

    def update(self, new: Events, known: Known) -> None: ...

    def scores(self, asked: Sequence[Asked]) -> Floats: ...

    def kept(self) -> dict[str, Any]:
        """What it has learned, as arrays and sparse matrices by name."""
        ...

    def take(self, kept: dict[str, Any], known: Known) -> None:
        """Takes what `kept` gave; it has not learned, and these are all events so far."""
        ...


class Recommender:
    """A ranker that learns from examples and answers with the names of items.

    Who has no history gets what most users chose, and so do ties: an item that a ranker knows nothing of stands behind
    those it knows, the more popular first.
    """

    def __init__(self, ranker: Ranker, params: RecommenderParams, recipe: str = "") -> None:
        self._ranker, self._params, self._recipe = ranker, params, recipe
        self._met: _Met | None = None
        self._users, self._items = Numbering(), Numbering()
        self._events = Events(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
        self._chosen = np.zeros(0)

    def fit(self, examples: Sequence[Example]) -> None:
        """Learn from the events of the examples. CandidateError where there are none."""
        events = events_of(examples, self._users, self._items)
        if not len(events):
            raise CandidateError("there is no event to learn from.", "Add events before the cut.")
        n_first = len(events)
        if self._params.updated_from is not None:
            n_first = max(1, round(self._params.updated_from * len(events)))
        first = events[:n_first]
        self._take(first)
        with one_thread():
            self._ranker.fit(Known(first, *_sizes(first)))
            if n_first < len(events):
                self._take(events)
                self._ranker.update(events[n_first:], self._known())

    def update(self, examples: Sequence[Example]) -> None:
        """Learn from the events of further examples, without beginning anew; users and items may be new.

        >>> from merits.candidates.recommending.popularity import Params, load
        >>> import asyncio
        >>> model = load(Params(k=1), LoadContext())
        >>> model.fit([Example("1", {"user": "7", "items": ["a"]}), Example("2", {"user": "8", "items": ["a", "b"]})])
        >>> model.update([Example(n, {"user": n, "items": ["new"]}) for n in "3456"])
        >>> asyncio.run(model.answer({"user": "9", "items": []})).output
        ['new']
        """
        self._take_in(events_of(examples, self._users, self._items))

    def keep(self, folder: Path) -> None:
        """Writes the events, the names of users and items, and what the ranker learned of them."""
        if not len(self._events):
            raise RuntimeError("kept before it was fitted")
        events = self._events
        keep_json({"users": self._users.names, "items": self._items.names}, folder / "names.json")
        own = {f"ranker-{name}": value for name, value in self._ranker.kept().items()}
        keep_arrays({"user": events.user, "item": events.item, "times": events.times, **own}, folder / "learned.npz")

    def restore(self, folder: Path) -> None:
        """Takes what `keep` wrote."""
        names = kept_json(folder / "names.json", dict[str, list[str]])
        kept = kept_arrays(folder / "learned.npz")
        for numbering, which in ((self._users, "users"), (self._items, "items")):
            for name in names[which]:
                numbering.add(name)
        self._take(Events(kept["user"], kept["item"], kept["times"]))
        own = {name.removeprefix("ranker-"): value for name, value in kept.items() if name.startswith("ranker-")}
        self._ranker.take(own, self._known())

    def learn(self, examples: Sequence[Example]) -> None:
        """Learn the events of live examples that are not known yet: what an input tells again teaches nothing."""
        if not len(self._events):
            self.fit(examples)
            return
        found = events_of(examples, self._users, self._items)
        if self._met is None:
            self._met = _Met(self._events)
        timed = all(isinstance(one.input, Mapping) and "times" in one.input for one in examples)
        self._take_in(found[self._met.are_new(found, timed=timed)])

    def _take_in(self, new: Events) -> None:
        """Learns events that are all new."""
        if not len(new):
            return
        if self._met is not None:
            self._met.add(new)
        self._take(self._events.joined(new))
        with one_thread():
            self._ranker.update(new, self._known())

    def state(self) -> bytes:
        """All that was learned: the events, and what the ranker made of them."""
        self._must_go_on()
        arrays = {f"ranker {name}": value for name, value in self._ranker.kept().items()} if len(self._events) else {}
        arrays |= {"user": self._events.user, "item": self._events.item, "times": self._events.times}
        return arrays_of(self._recipe, arrays, {"users": self._users.names, "items": self._items.names})

    def restore_state(self, state: bytes) -> None:
        """Puts back what was learned. CandidateError for what is not of this recipe."""
        self._must_go_on()
        arrays, names = arrays_in(self._recipe, state)
        self._users, self._items, self._met = Numbering.of(names["users"]), Numbering.of(names["items"]), None
        self._events = Events(arrays["user"], arrays["item"], arrays["times"])
        if len(self._events):
            self._take(self._events)
            own = {name.removeprefix("ranker "): array for name, array in arrays.items() if name.startswith("ranker ")}
            self._ranker.take(own, self._known())

    def _must_go_on(self) -> None:
        if not self._ranker.goes_on:
            raise CandidateError(
                "what this recommender has learned cannot be put away to go on from there.",
                "Take popularity, item-knn, ease or implicit-als where it is to go on learning.",
            )

    def answer_batch(self, inputs: Sequence[JSON]) -> Sequence[Answer | Exception]:
        """One list for each input; an input that is no run of events fails alone."""
        if not len(self._events):
            raise RuntimeError("asked before it was fitted")
        read = [self._read(input) for input in inputs]
        asked = [each for each in read if isinstance(each, Asked) and self._can_rank(each)]
        with one_thread():
            rows = iter(self._ranker.scores(asked) if asked else ())
        nothing = np.zeros(len(self._chosen))
        answers: list[Answer | Exception] = []
        for input, each in zip(inputs, read, strict=True):
            if isinstance(each, Exception):
                answers.append(each)
                continue
            scores = np.asarray(next(rows), np.float64) if self._can_rank(each) else nothing
            again = isinstance(input, Mapping) and bool(input.get("again"))
            best = self._best(scores, np.zeros(0, np.int64) if again else each.items)
            answers.append(Answer([self._items.names[number] for number in best]))
        return answers

    def _can_rank(self, asked: Asked) -> bool:
        return bool(len(asked.items)) or not self._ranker.needs_history

    def _take(self, events: Events) -> None:
        self._events = events
        self._chosen = np.bincount(events.item, minlength=int(events.item.max()) + 1).astype(np.float64)

    def _known(self) -> Known:
        return Known(self._events, *_sizes(self._events))

    def _read(self, input: JSON) -> Asked | Exception:
        if not isinstance(input, Mapping) or "items" not in input:
            return TypeError("the input is not what a user chose so far: {user: ..., items: [...]}")
        numbers = [number for name in items_of(input) if (number := self._items.number(name)) is not None]
        known = np.array([number for number in numbers if number < len(self._chosen)], np.int64)
        return Asked(known, self._users.number(str(input.get("user", ""))))

    def _best(self, scores: Floats, seen: NDArray[np.int64]) -> list[int]:
        """The best k items but those in `seen`, as numbers; ties by how often they were chosen, then by number."""
        open_to = np.ones(len(scores), np.bool_)
        open_to[seen] = False
        numbers = np.flatnonzero(open_to)
        k = min(self._params.k, len(numbers))
        if not k:
            return []
        left = scores[numbers]
        if k < len(numbers):
            enough = left >= np.partition(left, len(left) - k)[len(left) - k]
            numbers, left = numbers[enough], left[enough]
        order = np.lexsort((numbers, -self._chosen[numbers], -left))
        return [int(number) for number in numbers[order[:k]]]


class _Met:
    """Which events are known: by user and item, and by their time as well."""

    def __init__(self, events: Events) -> None:
        self._pairs: set[tuple[int, int]] = set()
        self._moments: set[tuple[int, int, float]] = set()
        self.add(events)

    def add(self, events: Events) -> None:
        """These are known from now on."""
        users, items = events.user.tolist(), events.item.tolist()
        self._pairs.update(zip(users, items, strict=True))
        self._moments.update(zip(users, items, events.times.tolist(), strict=True))

    def are_new(self, events: Events, *, timed: bool) -> NDArray[np.bool_]:
        """Which of them are not known, nor one before them among themselves; without times a choice counts once."""
        known: set[Any] = self._moments if timed else self._pairs
        these: set[Any] = set()
        rows = zip(events.user.tolist(), events.item.tolist(), events.times.tolist(), strict=True)
        fresh = np.zeros(len(events), np.bool_)
        for number, row in enumerate(rows):
            key = row if timed else row[:2]
            fresh[number] = key not in known and key not in these
            these.add(key)
        return fresh


class RecommendingModel(LearningModel):
    """A recommender as a trainable model that goes on learning. `update` blocks, as `fit` does."""

    def __init__(self, recommender: Recommender, *, fingerprint: str, timeout_s: float) -> None:
        super().__init__(recommender, fingerprint=fingerprint, timeout_s=timeout_s, batch_size=_BATCH, labelled=False)
        self._recommender = recommender

    def keep(self, folder: Path) -> None:
        """Writes what was learned into a folder."""
        with self._lock:
            self._recommender.keep(folder)

    def restore(self, folder: Path) -> None:
        """Takes what was learned from a folder."""
        with self._lock:
            self._recommender.restore(folder)

    def update(self, examples: Sequence[Example]) -> None:
        """Learn from the events of further examples, all of which are new."""
        with self._lock:
            self._recommender.update(examples)


def recommending_model(
    ranker: Ranker, params: RecommenderParams, context: LoadContext, *code: str, packages: Sequence[str] = ("scipy",)
) -> RecommendingModel:
    """The ranker as a model; `code` names what can change its answers beside the recipe, the seed and packages."""
    fingerprint = content_hash([*code, "recommender 1", versions(*packages), context.seed])
    recipe = content_hash([fingerprint, msgspec.to_builtins(params)])
    return RecommendingModel(Recommender(ranker, params, recipe), fingerprint=fingerprint, timeout_s=context.timeout_s)


def _sizes(events: Events) -> tuple[int, int]:
    """How many users and items are numbered by these events."""
    return int(events.user.max()) + 1, int(events.item.max()) + 1
