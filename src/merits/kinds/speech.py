"""What is said in a sound."""

from merits.core.kinds import TaskKind

__all__ = ["KIND"]

KIND = TaskKind(
    name="speech",
    description="what is said in a sound",
    reads=("sound",),
    target="text",
    scorers=("wer", "cer", "real_time_factor"),
    perturbations=("white_noise", "telephone", "speed", "reverberation", "clipping"),
    case="sound",
)
