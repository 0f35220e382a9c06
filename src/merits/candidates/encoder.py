"""A transformer encoder of a Hugging Face folder with a linear head: texts in, probabilities of classes out."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from merits.candidates.insides import Batch, Outputs, labelled
from merits.candidates.keeping import keep_labels
from merits.candidates.sentence_embeddings import of_one_length
from merits.candidates.texts import as_text
from merits.core.answer import Answer
from merits.core.errors import CandidateError
from merits.core.identity import JSON
from merits.core.task import Example
from merits.media.weights import IMPORTING, ModelFolder

__all__ = ["Encoder", "OpenEncoder", "TextReading", "Tokeniser"]


class Tokeniser:
    """What reads texts for a network, without the network."""

    def __init__(self, folder: ModelFolder, max_tokens: int) -> None:
        with IMPORTING:
            from transformers import AutoTokenizer
            from transformers.utils import logging

        bars: Any = logging
        bars.disable_progress_bar()
        self._max_tokens = max_tokens
        self._tokenizer = folder.open_tokenizer(AutoTokenizer)

    def tokens(self, texts: Sequence[str], form: str) -> Any:
        """Arrays by name, shape (texts, tokens), of torch ("pt") or NumPy ("np")."""
        return self._tokenizer(
            list(texts), padding=True, truncation=True, max_length=self._max_tokens, return_tensors=form
        )

    def lengths(self, texts: Sequence[str]) -> NDArray[np.intp]:
        """How many tokens of each text are read, shape (texts,)."""
        ids = self._tokenizer(list(texts), truncation=True, max_length=self._max_tokens)["input_ids"] if texts else []
        return np.array([len(row) for row in ids], np.intp)


class Encoder:
    """The network, its tokenizer and where it computes. Not safe for several threads at once."""

    def __init__(
        self, folder: ModelFolder, n_labels: int, *, max_tokens: int, device: str, threads: int, seed: int
    ) -> None:
        import torch

        with IMPORTING:
            from transformers import AutoModel

        from merits.candidates.pooled_classifier import PooledClassifier

        torch.set_num_threads(threads)
        if device == "cuda" and not torch.cuda.is_available():
            raise CandidateError("device is cuda, and there is no GPU that torch can use.", "Write `device: auto`.")
        self.tokeniser = Tokeniser(folder, max_tokens)
        self.torch: Any = torch
        self.device = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
        self.n_labels = n_labels
        with torch.random.fork_rng(devices=[]):  # what is read afterwards is drawn first, from a global generator
            body = folder.open(AutoModel, dtype=torch.float32)
            self.network: Any = PooledClassifier(body, n_labels, seed=seed).to(self.device)
        for module in body.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0  # draws from torch's one global generator, which other candidates share

    def around(self, network: Any) -> Encoder:
        """The same with another network, which is moved to where this one computes."""
        other = copy.copy(self)
        other.network = network.to(self.device)
        return other

    def tokens(self, texts: Sequence[str]) -> Any:
        """What the network takes, by name, shape (texts, tokens): shorter texts are padded, longer ones cut."""
        return self.tokeniser.tokens(texts, "pt")

    def lengths(self, texts: Sequence[str]) -> NDArray[np.intp]:
        """How many tokens of each text are read, shape (texts,)."""
        return self.tokeniser.lengths(texts)

    def logits(self, texts: Sequence[str]) -> Any:
        """Scores of the classes, shape (texts, classes); mixed precision on a GPU that has bfloat16."""
        torch = self.torch
        mixed = self.device == "cuda" and torch.cuda.is_bf16_supported()
        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=mixed):
            return self.network(**self.tokens(texts).to(self.device)).float()

    @property
    def n_bytes(self) -> int:
        """What the network's numbers take."""
        return sum(numbers.numel() * numbers.element_size() for numbers in self.network.parameters())

    def shares(self, texts: Sequence[str]) -> list[list[float]]:
        """The probability of each class, shape (texts, classes)."""
        self.network.eval()
        with self.torch.inference_mode():
            rows: list[list[float]] = self.logits(texts).double().softmax(dim=-1).tolist()
        return rows

    def write(self, file: Path) -> None:
        """Writes the network's numbers to a file."""
        self.torch.save(self.network.state_dict(), file)

    def read(self, file: Path) -> None:
        """Takes the numbers that `write` wrote."""
        self.network.load_state_dict(self.torch.load(file, map_location=self.device, weights_only=True))

    def release(self) -> None:
        """Frees the memory."""
        del self.network
        if self.device == "cuda":
            self.torch.cuda.empty_cache()


@dataclass(frozen=True, eq=False)
class TextReading:
    """Texts as tokens, and rows of logits as labels: see `insides.Reading`."""

    tokeniser: Tokeniser
    labels: Sequence[str]
    beside: ClassVar[Sequence[Any]] = ()

    def batches(self, inputs: Sequence[JSON]) -> Iterator[Batch]:
        """Texts of the same number of tokens together, so that nothing is padded."""
        texts = [as_text(input) for input in inputs]
        for places in of_one_length(self.tokeniser.lengths(texts).tolist()):
            tokens = self.tokeniser.tokens([texts[at] for at in places], "np")
            yield Batch(places, {name: np.asarray(values) for name, values in tokens.items()})

    def answers(self, outputs: Outputs) -> list[Answer]:
        """A label and the probability of each, for rows of logits."""
        return labelled(self.labels, outputs[0])

    def keep(self, folder: Path) -> None:
        """Writes the labels; the tokenizer is in the encoder's folder."""
        keep_labels(self.labels, folder)


@dataclass(frozen=True, eq=False)
class OpenEncoder:
    """A trained encoder that others may look into: see `insides.Network`. `train` trains a changed one."""

    encoder: Encoder
    labels: Sequence[str]
    train: Callable[[Encoder, Sequence[Example], int], None]

    @property
    def module(self) -> Any:
        """The module of torch."""
        return self.encoder.network

    @property
    def reading(self) -> TextReading:
        """How texts are read, and labels said."""
        return TextReading(self.encoder.tokeniser, self.labels)

    def tune(self, module: Any, examples: Sequence[Example], epochs: int) -> None:
        """Trains a changed copy of the module as the encoder was trained."""
        self.train(self.encoder.around(module), examples, epochs)
