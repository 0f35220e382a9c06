"""A causal language model of transformers: what follows a text, and how likely. Knows nothing about messages' meaning.

Prompts are computed together, padded on the left. Whatever is drawn is drawn for each prompt by itself, so that an
answer does not depend on its company.
"""

from __future__ import annotations

import importlib.util
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from merits.candidates.fine_tuning.writing import Pair
from merits.candidates.label_shares import NextTokens
from merits.candidates.local_chat import cut
from merits.candidates.prompts import Message
from merits.candidates.texts import as_text
from merits.core.errors import CandidateError, MissingExtra
from merits.core.identity import content_hash
from merits.media.weights import IMPORTING, ModelFolder

__all__ = ["CausalModel", "Written", "language_model"]

_EXTRA = "Install it: pip install 'merits[transformers]'"
_TOP = 500  # tokens looked at for the start of a label; further down a token is less likely than 1 in 10,000


@dataclass(frozen=True)
class Written:
    """What a model wrote after a prompt; `confidence` is the geometric mean of its tokens' probabilities.

    `is_whole` where it came to its end, and was not cut off.
    """

    text: str
    confidence: float
    input_tokens: int
    output_tokens: int
    is_whole: bool


class CausalModel:
    """A model and its tokenizer, loaded. Not safe for several threads at once."""

    def __init__(self, source: ModelFolder | Path, *, device: str, dtype: str, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        if device == "cuda" and not torch.cuda.is_available():
            raise CandidateError("device is cuda, and there is no GPU that torch can use.", "Write `device: auto`.")
        self._torch: Any = torch
        self._device = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
        numbers = dtype if dtype != "auto" else "bfloat16" if self._device == "cuda" else "float32"
        self._tokenizer, self._model = _opened(source, getattr(torch, numbers))
        self._model.to(self._device).eval()
        self._tokenizer.padding_side = "left"
        if self._tokenizer.pad_token_id is None:
            self._tokenizer.pad_token_id = self._tokenizer.eos_token_id or 0
        self.has_template = bool(self._tokenizer.chat_template)
        self._pieces: dict[int, str] = {}
        self._anchor = self._tokenizer.encode("a", add_special_tokens=False)

    def templated(self, messages: Sequence[Message]) -> str:
        """Messages in the model's own chat template, up to where its answer begins.

        Where the template knows no system message, the instructions stand before the first question.
        """
        try:
            return self._through_template(messages)
        except Exception:  # a template is a program of the model's maker, and may raise what it likes
            merged = _without_system(messages)
            if len(merged) == len(messages):
                raise
            return self._through_template(merged)

    def _through_template(self, messages: Sequence[Message]) -> str:
        text: str = self._tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
        return text

    @property
    def network(self) -> Any:
        """The module of torch, for whoever trains it."""
        return self._model

    @property
    def device(self) -> str:
        """Where it computes."""
        return self._device

    def pair(self, text: str, answer: str) -> Pair:
        """A prompt and the answer that is wanted as tokens, with the token that ends it."""
        ids = self._tokenizer.encode(answer, add_special_tokens=False)
        if self._tokenizer.eos_token_id is not None and not (ids and ids[-1] in self.ends):
            ids = [*ids, self._tokenizer.eos_token_id]
        return Pair(self._ids([text])["input_ids"][0], ids)

    def templated_answer(self, messages: Sequence[Message], prompt: str, answer: str) -> str:
        """What stands after the prompt when it is answered, with what ends an answer in the chat template.

        Without the space that some templates put before it: labels are looked for where the prompt ends.
        """
        said: Message = {"role": "assistant", "content": answer}
        for asked in (list(messages), _without_system(messages)):
            try:
                whole: str = self._tokenizer.apply_chat_template([*asked, said], tokenize=False)
            except Exception:  # noqa: BLE001  as in `templated`
                continue
            if whole.startswith(prompt):
                return whole[len(prompt) :].strip()
        return answer

    def room_left(self, texts: Sequence[str], *, context: int, answer: int) -> list[int]:
        """How many tokens each text and an answer leave of a context, or of what the model can hold; negative where
        they are too long.
        """
        most = min(context, getattr(self._model.config, "max_position_embeddings", None) or context)
        return [most - answer - len(ids) for ids in self._ids(texts)["input_ids"]]

    def _ids(self, texts: Sequence[str]) -> Any:
        """Tokens; a chat template has written the special ones into the text already."""
        return self._tokenizer(list(texts), add_special_tokens=not self.has_template) if texts else {"input_ids": []}

    def _padded(self, texts: Sequence[str]) -> Any:
        batch = self._tokenizer.pad(self._ids(texts), return_tensors="pt")
        return {name: batch[name].to(self._device) for name in ("input_ids", "attention_mask")}

    def next_tokens(self, texts: Sequence[str]) -> list[tuple[NextTokens, int]]:
        """The likeliest next tokens after each text, with their probabilities, and how many tokens the text has."""
        if not texts:
            return []
        batch = self._padded(texts)
        scores = self._generate(batch, max_new_tokens=1, output_logits=True, return_dict_in_generate=True).logits[0]
        top = self._torch.softmax(scores.float(), dim=-1).topk(min(_TOP, scores.shape[-1]))
        lengths = batch["attention_mask"].sum(dim=1).tolist()
        return [
            ([(self._piece(token), share) for token, share in zip(tokens, shares, strict=True)], length)
            for tokens, shares, length in zip(top.indices.tolist(), top.values.tolist(), lengths, strict=True)
        ]

    def _piece(self, token: int) -> str:
        """A token as the text that it adds after a letter: its space before a word is kept; a special one adds none."""
        if token not in self._pieces:
            before = self._tokenizer.decode(self._anchor, skip_special_tokens=True)
            text = self._tokenizer.decode([*self._anchor, token], skip_special_tokens=True)
            self._pieces[token] = text[len(before) :]
        return self._pieces[token]

    def write(
        self, texts: Sequence[str], *, max_tokens: int, temperature: float, stops: Sequence[str], seed: int
    ) -> list[Written]:
        """What the model writes after each text, up to its own end, to one of the stops, or to `max_tokens`."""
        batch = self._padded(texts)
        start = batch["input_ids"].shape[1]
        seeds = [int(content_hash([seed, text]), 16) for text in texts]
        hand = _Hand(self, seeds, temperature=temperature, stops=stops)
        ids = self._generate(
            batch, max_new_tokens=max_tokens, logits_processor=[hand.choose], stopping_criteria=[hand.look]
        )
        lengths = batch["attention_mask"].sum(dim=1).tolist()
        found = []
        for row, chances, length, ended in zip(ids[:, start:].tolist(), hand.chances, lengths, hand.ended, strict=True):
            text = cut(self.text_of(row[: len(chances)]), stops)
            confidence = min(1.0, math.exp(math.fsum(chances) / len(chances)))
            found.append(Written(text, confidence, length, len(chances), ended))
        return found

    def text_of(self, ids: Sequence[int]) -> str:
        """Tokens as text, without the special ones."""
        text: str = self._tokenizer.decode(ids, skip_special_tokens=True)
        return text

    @property
    def ends(self) -> frozenset[int]:
        """The tokens that end an answer."""
        found = self._model.generation_config.eos_token_id or self._tokenizer.eos_token_id
        return frozenset(found if isinstance(found, list) else [] if found is None else [found])

    def _generate(self, batch: Any, **options: object) -> Any:
        """The likeliest tokens; draws are made by who sets the scores."""
        with self._torch.inference_mode():
            return self._model.generate(
                **batch,
                do_sample=False,
                num_beams=1,
                temperature=None,
                top_p=None,
                top_k=None,
                pad_token_id=self._tokenizer.pad_token_id,
                **options,
            )

    def release(self) -> None:
        """Frees the memory, that of a GPU too."""
        del self._model
        if self._device == "cuda":
            self._torch.cuda.empty_cache()


class _Hand:
    """Writes down the probability of each token that is written, draws where that is wanted, and sees where to stop.

    transformers hands over all scores before a token is chosen (`choose`), and the tokens afterwards (`look`). A draw
    is the largest of scores / temperature + Gumbel noise, which is one of the softmax of scores / temperature
    (Gumbel, Statistical Theory of Extreme Values, 1954).
    """

    def __init__(self, model: CausalModel, seeds: Sequence[int], *, temperature: float, stops: Sequence[str]) -> None:
        self._model = model
        self._temperature = temperature
        self._stops = stops
        self._random = [np.random.default_rng(seed) for seed in seeds]
        self._logprobs: Any = None
        self._start = 0
        self.chances: list[list[float]] = [[] for _ in seeds]
        self.ended = [False] * len(seeds)

    def choose(self, ids: Any, scores: Any) -> Any:
        """The scores of which the highest is taken, shape (prompts, tokens)."""
        self._start = self._start or ids.shape[1]
        self._logprobs = scores.log_softmax(dim=-1)
        if not self._temperature:
            return scores
        noise = np.stack([random.gumbel(size=scores.shape[-1]).astype(np.float32) for random in self._random])
        return scores / self._temperature + scores.new_tensor(noise)

    def look(self, ids: Any, scores: Any) -> Any:
        """Which prompts are done, shape (prompts,)."""
        chosen = ids[:, -1:]
        chances = self._logprobs.gather(1, chosen)[:, 0].tolist()
        for n, (token, chance) in enumerate(zip(chosen[:, 0].tolist(), chances, strict=True)):
            if not self.ended[n]:
                self.chances[n].append(chance)
                self.ended[n] = token in self._model.ends or self._stopped(ids[n, self._start :])
        return ids.new_tensor(self.ended, dtype=bool)

    def _stopped(self, written: Any) -> bool:
        if not self._stops:
            return False
        text = self._model.text_of(written.tolist())
        return cut(text, self._stops) != text


def _without_system(messages: Sequence[Message]) -> list[Message]:
    if len(messages) < 2 or messages[0]["role"] != "system":
        return list(messages)
    first = {**messages[1], "content": f"{as_text(messages[0]['content'])}\n\n{as_text(messages[1]['content'])}"}
    return [first, *messages[2:]]


def language_model(source: ModelFolder | Path, is_encoder_decoder: bool) -> Any:
    """A model to be trained, in 32 bits; without its tokenizer."""
    import torch

    with IMPORTING:
        from transformers import AutoModelForSeq2SeqLM

    if is_encoder_decoder and isinstance(source, ModelFolder):
        return source.open(AutoModelForSeq2SeqLM, dtype=torch.float32)
    return _opened(source, torch.float32)[1]


def _opened(source: ModelFolder | Path, dtype: Any) -> tuple[Any, Any]:
    with IMPORTING:
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging

    bars: Any = logging
    bars.disable_progress_bar()
    if isinstance(source, ModelFolder):
        return source.open_tokenizer(AutoTokenizer), source.open(AutoModelForCausalLM, dtype=dtype)
    return _from_gguf(source, dtype)


def _from_gguf(file: Path, dtype: Any) -> tuple[Any, Any]:
    """The weights of a GGUF file, unpacked to full numbers."""
    with IMPORTING:
        from transformers import AutoModelForCausalLM, AutoTokenizer

    if importlib.util.find_spec("gguf") is None:
        raise MissingExtra("transformers reads GGUF files with the package gguf, which is not installed.", _EXTRA)
    options = {"gguf_file": file.name, "local_files_only": True, "trust_remote_code": False}
    try:
        with IMPORTING:  # the class of this very model among others
            tokenizer = AutoTokenizer.from_pretrained(str(file.parent), **options)
            return tokenizer, AutoModelForCausalLM.from_pretrained(str(file.parent), dtype=dtype, **options)
    except (OSError, ValueError, LookupError, RuntimeError, struct.error) as problem:
        raise CandidateError(
            f"{file} cannot be read by transformers: {problem}.",
            "Is it a GGUF model? The kind gguf reads more of them.",
        ) from problem
