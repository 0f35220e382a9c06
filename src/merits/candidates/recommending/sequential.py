"""What comes next after a history, in its order: a network of self-attention that is trained here (SASRec)."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from merits.candidates.recommending.events import Events
from merits.candidates.recommending.recommender import (
    Asked,
    Floats,
    Known,
    RecommenderParams,
    RecommendingModel,
    recommending_model,
)
from merits.candidates.registry import LoadContext, Space
from merits.core.errors import CandidateError, MissingExtra
from merits.core.kinds import Reads

if TYPE_CHECKING:
    from merits.candidates.recommending.attention import NextItem

__all__ = ["READS", "SPACE", "Params", "Sequential", "load"]

ON_PREMISES = True
SPACE: Space = {
    "width": [32, 64, 128],
    "layers": [1, 2, 3],
    "dropout": {"low": 0.0, "high": 0.5, "step": 0.1},
    "learning_rate": {"low": 5e-4, "high": 1e-2, "log": True},
}

READS: tuple[Reads, ...] = ("events",)
Ints = NDArray[np.int64]
_BATCH = 64  # histories in a step
_HELD_OUT = 0.1  # of the users, whose last choice tells when to stop
_UPDATE_EPOCHS = 3
_UPDATE_RATE = 0.5  # of the rate of training


class Params(RecommenderParams, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Self-attention over the history in its order (SASRec), trained on the events before the cut (extra `torch`)."""

    width: Annotated[int, msgspec.Meta(ge=4, le=1024, description="Numbers for each item.")] = 64
    layers: Annotated[int, msgspec.Meta(ge=1, le=12, description="Blocks of attention.")] = 2
    longest: Annotated[int, msgspec.Meta(ge=2, le=1024, description="The latest events of a history that count.")] = 50
    dropout: Annotated[float, msgspec.Meta(ge=0, lt=1, description="Share left out at random in training.")] = 0.2
    learning_rate: Annotated[float, msgspec.Meta(gt=0, description="The size of a step of training.")] = 0.002
    epochs: Annotated[int, msgspec.Meta(ge=1, description="The most rounds of training.")] = 40
    patience: Annotated[
        int, msgspec.Meta(ge=1, description="Rounds without a better loss on held-out choices before it stops.")
    ] = 3


class Sequential:
    """Stops training when the last choices of a tenth of the users are no longer foreseen better.

    An update goes on from there, with the users that are in it and as many others, so that what was learned of those is
    not forgotten. On a GPU where there is one.
    """

    needs_history = True
    goes_on = False

    def __init__(self, params: Params, seed: int) -> None:
        self._params, self._seed = params, seed
        self._network: NextItem | None = None
        self._random = np.random.default_rng(seed)
        self._device: Any = None

    def fit(self, known: Known) -> None:
        self._network = self._fresh(known.n_items)
        self._train(_runs(known.events, np.unique(known.events.user)))

    def kept(self) -> dict[str, Any]:
        assert self._network is not None
        return {name.replace(".", "/"): part.cpu().numpy() for name, part in self._network.state_dict().items()}

    def take(self, kept: dict[str, Any], known: Known) -> None:
        import torch

        network = self._fresh(known.n_items)
        state = {name.replace("/", "."): torch.from_numpy(part) for name, part in kept.items()}
        try:
            network.load_state_dict(state)
        except RuntimeError as problem:
            raise CandidateError(
                f"the kept numbers are of another network: {problem}.", "Release it anew: merits release"
            ) from None
        self._network = network

    def _fresh(self, n_items: int) -> NextItem:
        import torch

        from merits.candidates.recommending.attention import NextItem

        torch.set_num_threads(1)
        params = self._params
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        random = torch.Generator().manual_seed(self._seed)  # the weights are drawn on the processor, on any machine
        network = NextItem(
            n_items,
            width=params.width,
            layers=params.layers,
            longest=params.longest,
            dropout=params.dropout,
            random=random,
        )
        return network.to(self._device)

    def update(self, new: Events, known: Known) -> None:
        assert self._network is not None
        self._network.grow(known.n_items)
        users = np.unique(new.user)
        others = np.setdiff1d(known.events.user, users)
        replayed = self._random.choice(others, min(len(users), len(others)), replace=False)
        runs = _runs(known.events, np.union1d(users, replayed))
        optimiser = self._optimiser(self._params.learning_rate * _UPDATE_RATE)
        for _ in range(_UPDATE_EPOCHS):
            self._epoch(self._pieces(runs), optimiser)

    def scores(self, asked: Sequence[Asked]) -> Floats:
        import torch

        assert self._network is not None
        torch.set_num_threads(1)
        self._network.eval()
        with torch.no_grad():
            histories, _ = self._tensors([each.items[-self._params.longest :] for each in asked], shift=False)
            ends = torch.tensor([min(len(each.items), self._params.longest) - 1 for each in asked], device=self._device)
            vectors = self._network(histories)[torch.arange(len(asked), device=self._device), ends]
            scores = vectors @ self._network.items.weight[1:].T
        return np.asarray(scores.cpu().numpy())

    def _train(self, runs: Sequence[Ints]) -> None:
        assert self._network is not None
        long_enough = [at for at, run in enumerate(runs) if len(run) > 2]
        n_held_out = max(1, round(_HELD_OUT * len(long_enough))) if len(long_enough) > 1 else 0
        held_out = set(self._random.choice(long_enough, n_held_out, replace=False).tolist()) if n_held_out else set()
        taught = [run[:-1] if at in held_out else run for at, run in enumerate(runs)]
        last = [runs[at][-self._params.longest - 1 :] for at in sorted(held_out)]
        optimiser = self._optimiser(self._params.learning_rate)
        best, kept, worse = math.inf, copy.deepcopy(self._network.state_dict()), 0
        for _ in range(self._params.epochs):
            self._epoch(self._pieces(taught), optimiser)
            loss = self._loss_at_the_end(last)
            if not last or loss < best:
                best, kept, worse = loss, copy.deepcopy(self._network.state_dict()), 0
            else:
                worse += 1
                if worse >= self._params.patience:
                    break
        self._network.load_state_dict(kept)

    def _optimiser(self, rate: float) -> Any:
        import torch

        assert self._network is not None
        return torch.optim.AdamW(self._network.parameters(), lr=rate, weight_decay=0.01)

    def _pieces(self, runs: Sequence[Ints]) -> list[Ints]:
        """Pieces of one more than the longest history, in a new order and from a new start each time."""
        size = self._params.longest
        pieces: list[Ints] = []
        for run in runs:
            offset = int(self._random.integers(size)) if len(run) > size + 1 else 0
            starts = [0, *range(offset, len(run) - 1, size)] if offset else range(0, len(run) - 1, size)
            pieces += [run[start : start + size + 1] for start in starts]
        return [pieces[at] for at in self._random.permutation(len(pieces)) if len(pieces[at]) > 1]

    def _epoch(self, pieces: Sequence[Ints], optimiser: Any) -> None:
        import torch

        from merits.candidates.recommending.attention import loss_of

        assert self._network is not None
        torch.set_num_threads(1)
        self._network.train()
        for some in _some(pieces):
            histories, following = self._tensors(some, shift=True)
            optimiser.zero_grad(set_to_none=True)
            loss_of(self._network, self._network(histories), following).backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
            optimiser.step()

    def _loss_at_the_end(self, last: Sequence[Ints]) -> float:
        """The mean loss of the last item of each run; 0 where there is none."""
        import torch

        from merits.candidates.recommending.attention import loss_of

        assert self._network is not None
        self._network.eval()
        total = 0.0
        with torch.no_grad():
            for some in _some(last):
                histories, following = self._tensors(some, shift=True)
                only_last = torch.zeros_like(following)
                for row, run in enumerate(some):
                    only_last[row, len(run) - 2] = following[row, len(run) - 2]
                total += float(loss_of(self._network, self._network(histories), only_last)) * len(some)
        return total / max(len(last), 1)

    def _tensors(self, runs: Sequence[Ints], *, shift: bool) -> tuple[Any, Any]:
        """Items from 1 on (runs, length), 0 behind the end; with `shift` all but the last, and what follows each."""
        import torch

        length = max(len(run) for run in runs)
        table = np.zeros((len(runs), length), np.int64)
        for row, run in zip(table, runs, strict=True):
            row[: len(run)] = run + 1
        tensor = torch.from_numpy(table).to(self._device)
        return (tensor[:, :-1], tensor[:, 1:]) if shift else (tensor, tensor)


def _runs(events: Events, users: Ints) -> list[Ints]:
    """The items of each of these users, oldest first."""
    order = np.argsort(events.user, kind="stable")
    starts = np.searchsorted(events.user[order], users)
    ends = np.searchsorted(events.user[order], users, side="right")
    items = events.item[order]
    return [items[start:end] for start, end in zip(starts, ends, strict=True)]


def _some(runs: Sequence[Ints]) -> Iterator[Sequence[Ints]]:
    return (runs[at : at + _BATCH] for at in range(0, len(runs), _BATCH))


def load(params: Params, context: LoadContext) -> RecommendingModel:
    """A recommender that goes by the order of a history. MissingExtra without torch."""
    try:
        import torch  # noqa: F401
    except ImportError:
        raise MissingExtra("it needs the package torch.", "pip install 'merits[torch]'") from None
    ranker = Sequential(params, context.seed)
    return recommending_model(ranker, params, context, "sequential 1", packages=("torch",))
