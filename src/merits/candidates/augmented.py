"""A trained candidate that learns from more examples than there are: changed ones, mixed ones, or those of a file."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Annotated

import msgspec

from merits.candidates.augmenting.making import Made, Maker, group_of, made_example, strengths_of, versions_of
from merits.candidates.further import further_examples, further_file
from merits.candidates.registry import LoadContext, kind_of
from merits.candidates.registry import load as loaded
from merits.candidates.wrapped import Wrapped, trainable_part
from merits.core.answer import Answer
from merits.core.doors import Model, SoftTrainable, Trainable
from merits.core.errors import CandidateError
from merits.core.identity import JSON, content_hash
from merits.core.task import Example
from merits.core.validate import did_you_mean
from merits.media.finding import Media

__all__ = ["PARTS", "Params", "load"]

PARTS = (1, 3)
ON_PREMISES = True
_AT_ONCE = 64  # texts that a translator is given


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A trained candidate (the first part) that also learns from examples made of those there are."""

    methods: Annotated[
        dict[str, float] | tuple[str, ...],
        msgspec.Meta(
            description="How: names of perturbations (typos, flip, ...), smote, mixup; as a list, or with strengths."
        ),
    ] = ()
    copies: Annotated[int, msgspec.Meta(ge=1, le=20, description="New examples of each, by each method.")] = 1
    extra: Annotated[str, msgspec.Meta(description="A file of further labelled examples: .csv, .tsv or .jsonl.")] = ""
    column: Annotated[str, msgspec.Meta(description="Its column with the input, if it has no usual name.")] = ""
    target: Annotated[str, msgspec.Meta(description="Its column with the label, if it has no usual name.")] = ""
    source: Annotated[str, msgspec.Meta(description="Its column that says where an example is from.")] = ""

    def __post_init__(self) -> None:
        if not self.extra and (self.column or self.target or self.source):
            raise ValueError("column, target and source are those of the `extra` file, and none is named")


def load(params: Params, context: LoadContext) -> Model:
    """A trainable model whose answers are its first part's, after that learned from more examples.

    With a second part, each text is also learned in the words that this one says for it (a chat model with a `prompt`
    that asks for them): asked once, and stored. With a third, in the words that come back when the second translates
    it and the third translates that (Sennrich et al. 2016, arXiv 1511.06709; Edunov et al. 2018, arXiv 1808.09381);
    these two must run here. Nothing is made of an example that is held out for an evaluation.
    """
    student = trainable_part(context, 0, "taught")
    strengths = strengths_of(params.methods)
    if not strengths and not params.extra and len(context.parts) == 1:
        raise CandidateError(
            "augmented: nothing says how examples are made.", "Name some: methods: {typos: 0.05, synonyms: 0.25}"
        )
    if "mixup" in strengths and not isinstance(student, SoftTrainable):
        part = context.parts[0]
        raise CandidateError(
            f"mixup needs a candidate that learns shares of labels, and {part.name!r} ({part.kind}) learns one each.",
            "Take image-cnn, image-backbone-linear or an estimator, or leave mixup out.",
        )
    extra: list[Example] = []
    n_held = 0
    if params.extra:
        file = further_file(params.extra, context)
        extra, n_held = further_examples(
            file, context, column=params.column, target=params.target, source=params.source or "source"
        )
        _check_labels(extra, context, params.extra)
    sources = _Sources(params, context, student, extra, strengths)
    sources.n_held = n_held
    if len(context.parts) == 2:
        _check_paraphraser(context)
        return _Paraphrased(sources)
    if len(context.parts) == 3:
        sources.translators = tuple(_translator(context, number) for number in (1, 2))
    return _SoftlyTrained(sources) if isinstance(student, SoftTrainable) else _Trained(sources)


class _Sources:
    """Where further examples are from, and the student that learns from them."""

    def __init__(
        self,
        params: Params,
        context: LoadContext,
        student: Trainable,
        extra: Sequence[Example],
        strengths: Mapping[str, float],
    ) -> None:
        self.params, self.context, self.student = params, context, student
        self.extra = {example.input_hash: example for example in extra}
        self.maker = Maker(strengths, params.copies, context)
        self.methods = versions_of(strengths)
        self.translators: tuple[Model, ...] = ()
        self.media = Media.of(context)
        self.n_held = 0  # extra examples that the task holds

    @property
    def identity(self) -> list[JSON]:
        """What it learns from, beside the examples of the task."""
        brought: list[JSON] = [[example.input_hash, example.target] for example in self.extra.values()]
        return [[*self.methods], self.params.copies, brought, [one.fingerprint for one in self.translators]]

    def learn(
        self,
        given: Sequence[Example],
        shares: Sequence[Mapping[str, float]] | None = None,
        temperature: float = 1.0,
        words: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Trains the student on the examples, the extra ones, and what is made of both.

        `shares` are those of labels in the given examples, where it learns these; `words` other words for inputs.
        """
        known = {example.input_hash for example in given}
        extra = [example for hash, example in self.extra.items() if hash not in known]
        base = [msgspec.structs.replace(example, group=group_of(example)) for example in (*given, *extra)]
        made = [*self.maker.made_of(base), *self._said_back(base), *self._in_other_words(base, words)]
        self._report(len(given), base, made)
        told = dict(zip((example.group for example in base), shares or (), strict=False))
        pairs = [(one, told.get(one.group)) for one in base if one.target is not None]
        pairs += [(e, one.shares or told.get(e.group)) for one in made if (e := one.example).target is not None]
        if isinstance(self.student, SoftTrainable) and any(found for _, found in pairs):
            soft = [found or {str(example.target): 1.0} for example, found in pairs]
            self.student.fit_soft([example for example, _ in pairs], soft, temperature)
        else:
            self.student.fit([example for example, _ in pairs])

    def _report(self, n_given: int, base: Sequence[Example], made: Sequence[Made]) -> None:
        """Says how many examples are from where."""
        if self.n_held:
            self.context.note(f"{self.n_held:,} examples of {self.params.extra} are in the task, and are left out")
        counts = Counter(example.tags.get("source", "") for example in base[n_given:])
        counts.update(one.example.tags["source"] for one in made)
        listed = ", ".join(f"{n:,} by {name}" for name, n in counts.items()) or "none"
        self.context.note(f"learns from {n_given:,} examples, and of further ones {listed}")

    def _in_other_words(self, examples: Sequence[Example], words: Mapping[str, str]) -> list[Made]:
        return [
            Made(made_example(example, text, "paraphrase", self.media))
            for example in examples
            if (text := words.get(example.input_hash)) and text != example.input
        ]

    def _said_back(self, examples: Sequence[Example]) -> list[Made]:
        if not self.translators:
            return []
        texts = [example.input for example in examples]
        for translator in self.translators:
            texts = asyncio.run(_translated(translator, texts))
        return [
            Made(made_example(example, text, "back-translation", self.media))
            for example, text in zip(examples, texts, strict=True)
            if isinstance(text, str) and text.strip() and text != example.input
        ]


class _Augmented(Wrapped):
    """What is common to all: the answers are the student's."""

    def __init__(self, sources: _Sources) -> None:
        super().__init__(sources.student)
        self._sources = sources

    @property
    def fingerprint(self) -> str:
        """Of the student, and of all it learns from beside the examples of the task."""
        sources = self._sources
        return content_hash(["augmented 1", sources.student.fingerprint, sources.identity, sources.context.seed])

    async def close(self) -> None:
        """Closes the student, and those that translate for it."""
        await super().close()
        for translator in self._sources.translators:
            await translator.close()


class _Trained(_Augmented):
    def fit(self, examples: Sequence[Example]) -> None:
        """Learn from the examples, and from what is made of them."""
        self._sources.learn(examples)


class _SoftlyTrained(_Trained):
    def fit_soft(
        self, examples: Sequence[Example], shares: Sequence[Mapping[str, float]], temperature: float = 1.0
    ) -> None:
        """The same, from shares of labels: what is made of an example has its shares."""
        self._sources.learn(examples, shares, temperature)


class _Paraphrased(_Augmented):
    """A pupil (`merits.core.doors.Pupil`): its second part says texts in other words."""

    teachers = (1,)

    def asks(self, examples: Sequence[Example]) -> Sequence[Example]:
        """The examples with a text."""
        return [example for example in examples if isinstance(example.input, str)]

    def learn(self, examples: Sequence[Example], said: Mapping[int, Mapping[str, Answer]]) -> None:
        """Learn from the examples, what is made of them, and what was said for them."""
        answers, asked = said.get(1, {}), self.asks(examples)
        words = {one.input_hash: _words(answers[one.input_hash]) for one in asked if one.input_hash in answers}
        lacking = sum(words.get(one.input_hash, "") in ("", one.input) for one in asked)
        if lacking:
            self._sources.context.note(
                f"{lacking:,} of {len(asked):,} examples ({lacking / len(asked):.1%}) were put in no other words"
            )
        self._sources.learn(examples, words=words)


def _words(answer: Answer) -> str:
    """What was said, in no quotes; "" where that is nothing."""
    if answer.failure is not None or answer.refused or not isinstance(answer.output, str):
        return ""
    text = answer.output.strip()
    return text[1:-1].strip() if len(text) > 1 and text[0] == text[-1] == '"' else text


async def _translated(translator: Model, texts: Sequence[JSON]) -> list[JSON]:
    """Each text translated; None where that failed, or where there is no text."""
    found: list[JSON] = []
    for start in range(0, len(texts), _AT_ONCE):
        some = [
            translator.answer(text) if isinstance(text, str) else _nothing() for text in texts[start : start + _AT_ONCE]
        ]
        answers = await asyncio.gather(*some, return_exceptions=True)
        found += [answer.output if isinstance(answer, Answer) else None for answer in answers]
    return found


async def _nothing() -> None:
    return None


def _translator(context: LoadContext, number: int) -> Model:
    part = context.parts[number]
    if not getattr(kind_of(part), "RUNS_HERE", True):
        raise CandidateError(
            f"{part.name!r} ({part.kind}) runs elsewhere, and what it translates on the way would not be kept.",
            "Translate with apertium, ctranslate2 or seq2seq, or name one part that is asked for a paraphrase.",
        )
    return loaded(part, replace(context, task_kind="translation", classes=(), parts=()))


def _check_paraphraser(context: LoadContext) -> None:
    """Raises CandidateError where who should say texts in other words is told to answer with a label."""
    part = context.parts[1]
    tells = any(field.encode_name == "labels" for field in msgspec.structs.fields(kind_of(part).Params))
    if context.is_labelled and tells and part.params.get("labels", True):
        raise CandidateError(
            f"{part.name!r} ({part.kind}) is told to answer with a label, and should say texts in other words.",
            "Give it `labels: false` and a prompt: 'Put this in other words, and say nothing else: {input}'",
        )


def _check_labels(extra: Sequence[Example], context: LoadContext, file: str) -> None:
    """Raises CandidateError for a label that the task does not have."""
    if not context.is_labelled or not context.classes:
        return
    strange = next((example for example in extra if str(example.target) not in context.classes), None)
    if strange is not None:
        raise CandidateError(
            f"{file}: {strange.id} is labelled {strange.target!r}, which is no label of the task.",
            did_you_mean(str(strange.target), context.classes) or "Leave it out, or list the label under `labels:`.",
        )
