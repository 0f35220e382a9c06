"""A short free answer to a text."""

from merits.core.kinds import TaskKind

__all__ = ["KIND"]

KIND = TaskKind(
    name="generation",
    description="a short free answer",
    reads=("text",),
    target="text",
    scorers=("normalised",),
    perturbations=("typos", "case", "synonyms", "distractor", "keyboard", "punctuation", "noise"),
)
