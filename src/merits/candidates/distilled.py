"""A cheap candidate that learns from what an expensive one says: knowledge distillation.

The teacher may be anything that answers, a chat API included; the student anything that is trained here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec

from merits.candidates.further import further_examples, further_file
from merits.candidates.lessons import Told, labels_told, told_outputs
from merits.candidates.registry import LoadContext
from merits.candidates.soft import at_temperature, likeliest, soft_of, weighted
from merits.candidates.wrapped import Wrapped, trainable_part
from merits.core.answer import Answer
from merits.core.doors import Model, SoftTrainable, Trainable
from merits.core.errors import CandidateError
from merits.core.identity import content_hash
from merits.core.task import Example

__all__ = ["PARTS", "Params", "load"]

PARTS = (2, 2)
ON_PREMISES = True
_COPIES = 4  # of an example with several labels, for a student that learns one label each


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """A trained candidate (the second part) that learns from the answers of another one (the first)."""

    unlabelled: Annotated[
        str,
        msgspec.Meta(
            description="A file of further inputs that the teacher labels: .txt (one a line), .csv, .tsv or .jsonl."
        ),
    ] = ""
    column: Annotated[str, msgspec.Meta(description="Its column with the input, if it has no usual name.")] = ""
    soft: Annotated[
        bool, msgspec.Meta(description="Learn the teacher's probabilities where it gives them; false: labels only.")
    ] = True
    temperature: Annotated[
        float, msgspec.Meta(ge=0.1, le=20, description="Softens the teacher's probabilities (above 1).")
    ] = 1.0
    truth: Annotated[
        float,
        msgspec.Meta(
            ge=0,
            le=1,
            description="Share of the right answer, where it is known, in what is learned; the rest is said.",
        ),
    ] = 0.5
    least_confidence: Annotated[
        float, msgspec.Meta(ge=0, le=1, description="Answers that the teacher is less sure of teach nothing.")
    ] = 0.0

    def __post_init__(self) -> None:
        if self.truth == 1 and not self.unlabelled:
            raise ValueError("truth: 1 without `unlabelled` leaves nothing that the teacher would be asked")
        if self.column and not self.unlabelled:
            raise ValueError("column is that of the `unlabelled` file, and none is named")


def load(params: Params, context: LoadContext) -> Model:
    """A student that learns once its teacher has answered; it answers by itself.

    Bucila, Caruana and Niculescu-Mizil (2006), "Model Compression"; Hinton, Vinyals and Dean (2015), arXiv 1503.02531;
    of texts it is the sequence-level distillation of Kim and Rush (2016), arXiv 1606.07947. Of labelled tasks a student
    that can learn shares of labels (`SoftTrainable`) learns those; another sees each example in copies.
    """
    student = trainable_part(context, 1, "taught")
    further: list[Example] = []
    n_held = 0
    if params.unlabelled:
        file = further_file(params.unlabelled, context)
        further, n_held = further_examples(file, context, column=params.column)
    return _Distilled(params, context, student, further, n_held)


class _Distilled(Wrapped):
    """A pupil (`merits.core.doors.Pupil`) whose answers are the student's."""

    teachers = (0,)

    def __init__(
        self, params: Params, context: LoadContext, student: Trainable, further: Sequence[Example], n_held: int
    ) -> None:
        super().__init__(student)
        self._params, self._context, self._student = params, context, student
        self._further = {example.input_hash: example for example in further}
        self._n_held = n_held

    @property
    def fingerprint(self) -> str:
        """Of the student, and of the further inputs."""
        return content_hash(["distilled 1", self._student.fingerprint, [*self._further], self._context.seed])

    def asks(self, examples: Sequence[Example]) -> Sequence[Example]:
        """The examples that it learns from, unless only their targets count, and the further inputs."""
        known = {example.input_hash for example in examples}
        further = [example for hash, example in self._further.items() if hash not in known]
        wanted = [example for example in examples if self._params.truth < 1 or example.target is None]
        return [*wanted, *further]

    def learn(self, examples: Sequence[Example], said: Mapping[int, Mapping[str, Answer]]) -> None:
        """Trains the student on the examples and on what the teacher said; says how much of that was of use."""
        answers, params = said.get(0, {}), self._params
        asked = {example.input_hash for example in self.asks(examples)}
        there = {hash: answer for hash, answer in answers.items() if hash in asked}
        told = (labels_told if self._context.is_labelled else told_outputs)(
            there, self._context, soft=params.soft, least=params.least_confidence
        )
        self._report(told, len(asked))
        if asked and not told.usable:
            teacher = self._context.parts[0].name
            raise CandidateError(
                f"the teacher {teacher!r} was asked {len(asked):,} times and said nothing to learn from "
                f"({told.why_not(len(asked))}).",
                "Look at what it answers: evaluate it by itself.",
            )
        known = {example.input_hash for example in examples}
        taught = [*examples, *(example for hash, example in self._further.items() if hash not in known)]
        if self._context.is_labelled:
            self._learn_labels(taught, told)
        else:
            self._student.fit([*filter(None, (self._with_output(example, told) for example in taught))])

    def _learn_labels(self, taught: Sequence[Example], told: Told) -> None:
        pairs = [(example, self._shares(example, told)) for example in taught]
        examples = [msgspec.structs.replace(one, target=likeliest(shares)) for one, shares in pairs if shares]
        shares = [found for _, found in pairs if found]
        if all(len(found) == 1 for found in shares):
            self._student.fit(examples)
        elif isinstance(self._student, SoftTrainable):
            self._student.fit_soft(examples, shares, self._params.temperature)
        else:
            self._student.fit(_copies(examples, shares))

    def _shares(self, example: Example, told: Told) -> dict[str, float]:
        """What is learned of an example: the teacher's shares and the truth, as far as known; {} of neither."""
        said = told.shares.get(example.input_hash)
        soft = at_temperature(said, self._params.temperature) if said else {}
        if example.target is None:
            return soft
        truth = self._params.truth if soft else 1.0
        mixed = {label: (1.0 - truth) * share for label, share in soft.items()}
        right = str(example.target)
        mixed[right] = mixed.get(right, 0.0) + truth
        return {label: share for label, share in mixed.items() if share > 0}

    def _with_output(self, example: Example, told: Told) -> Example | None:
        said = told.outputs.get(example.input_hash)
        if example.target is not None and (said is None or self._params.truth >= 0.5):
            return example
        return None if said is None else msgspec.structs.replace(example, target=said)

    def _report(self, told: Told, n_asked: int) -> None:
        teacher = self._context.parts[0].name
        if self._n_held:
            self._context.note(
                f"{self._n_held:,} inputs of {self._params.unlabelled} are in the task, and are left out"
            )
        said = f"{told.usable:,} of {n_asked:,} answers of {teacher} teach"
        why = told.why_not(n_asked)
        self._context.note(f"{said}; {why}" if why else said)


def _copies(examples: Sequence[Example], shares: Sequence[Mapping[str, float]]) -> list[Example]:
    """Each example in copies, whose labels are shared out as its shares are."""
    soft = soft_of(shares)
    rows, codes, _ = weighted(soft, parts=_COPIES)
    return [
        msgspec.structs.replace(
            examples[row], id=f"{examples[row].id} copy {number}", target=soft.labels[code], group=_group(examples[row])
        )
        for number, (row, code) in enumerate(zip(rows.tolist(), codes.tolist(), strict=True))
    ]


def _group(example: Example) -> str:
    return example.group or example.input_hash
