"""What a text says, as a record of fields or a list of spans."""

from merits.core.kinds import TaskKind

__all__ = ["KIND"]

KIND = TaskKind(
    name="extraction",
    description="fields of a record, or spans, read out of a text",
    reads=("text",),
    target="record",
    scorers=("fields",),
    perturbations=(
        "typos",
        "case",
        "keyboard",
        "dropped_words",
        "distractor",
        "punctuation",
        "noise",
        "emoji",
        "language_mix",
    ),
)
