"""One of a list of labels, for a picture."""

from merits.core.kinds import TaskKind

__all__ = ["KIND"]

KIND = TaskKind(
    name="image-classification",
    description="one of a list of labels, for a picture",
    reads=("picture",),
    target="label",
    scorers=("label",),
    perturbations=("blur", "pixel_noise", "brightness", "jpeg", "rotation", "occlusion"),
    case="picture",
)
