"""A picture for a text. The target, where there is one, names the picture that was wanted."""

from merits.core.kinds import TaskKind

__all__ = ["KIND"]

KIND = TaskKind(
    name="text-to-image",
    description="a picture for a text",
    reads=("text",),
    target="picture",
    scorers=("picture_similarity", "fid", "kid", "diversity"),
    perturbations=("typos", "attribute_swap", "rare_words"),
    case="picture",
)
