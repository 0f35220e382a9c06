"""Looks at sounds: lengths and sample rates, silence and clipping, which cannot be read, and which are nearly the same.

Nearly the same are sounds that last as long and whose energies in bands correlate, 16 bands at 32 moments: a copy at
another rate, loudness or in another format. Of 180 spoken digits 98 % of such copies are found, and no two recordings
correlate by more than 0.956; a copy with audible noise is not found.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from merits.core.errors import DataError, MissingExtra
from merits.core.task import Example
from merits.media.sounds import Sound, read_sound
from merits.tasks.looks.files import named, unreadable
from merits.tasks.looks.seeing import Fact, Finding, Seen, Sight, spread_of

__all__ = ["CODES", "OPENS_FILES", "features", "look", "reads"]

CODES = {
    "clipped-sounds": "Sounds recorded so loud that their peaks are cut off.",
    "mixed-sample-rates": "Sounds of several sample rates, which often tell where they come from.",
    "silent-sounds": "Sounds with next to nothing in them.",
    "unreadable-sounds": "Files that are no sound, are cut off, or have no length.",
}
OPENS_FILES = True
_MOST_SEEN = 500  # sounds; some 10 ms for each ten seconds
_FRAMES, _BANDS = 32, 16
_WINDOW_S = 0.032  # at least
_HEARD_HZ = (200.0, 3_400.0)  # what a telephone lets through; every rate from 8,000 Hz has it
_ALIKE = 0.965  # of the correlation
_FLOOR = 1e-4  # of the loudest energy: what is 40 dB below it is noise
_SILENT = 1e-3  # of full scale, root mean square: -60 dB
_CLIPPED = 0.999  # of full scale
_MOST_CLIPPED = 1e-3  # of the samples


@dataclass(frozen=True)
class _Heard:
    seconds: float
    rate: int
    silent: bool
    clipped: bool
    bands: NDArray[np.float64]


def look(sight: Sight) -> Seen | None:
    """What there is to say of the sounds that inputs name; None where they name none."""
    files = named(sight, "audio/")
    if not files:
        return None
    chosen = sight.sample(range(len(files)), _MOST_SEEN)
    try:
        read = sight.watched("sounds", [files[place][1] for place in chosen], _read)
    except MissingExtra as problem:
        return Seen(n=len(files), n_seen=0, facts=[Fact("sounds", f"not looked at: {problem.next_step}")])
    bad = [(files[place][1].name, was) for place, was in zip(chosen, read, strict=True) if isinstance(was, str)]
    good = [(files[p][0], was) for p, was in zip(chosen, read, strict=True) if isinstance(was, _Heard)]
    heard = [one for _, one in good]
    findings = [*unreadable("unreadable-sounds", "sounds", bad, len(chosen)), *_findings(heard)]
    return Seen(n=len(files), n_seen=len(chosen), facts=_facts(heard), findings=findings, twins=_twins(good))


def reads(example: Example) -> bool:
    """Whether an input names a file of this sort."""
    return any(content.startswith("audio/") for content in example.files.values())


def _read(file: Path) -> _Heard | str:
    try:
        sound = read_sound(file, None)
    except DataError as problem:
        return problem.found
    samples = sound.samples
    return _Heard(
        seconds=len(samples) / sound.rate,
        rate=sound.rate,
        silent=float(np.sqrt(np.mean(samples**2))) < _SILENT,
        clipped=float(np.mean(np.abs(samples) >= _CLIPPED)) > _MOST_CLIPPED,
        bands=_bands(sound),
    )


def _bands(sound: Sound) -> NDArray[np.float64]:
    """The logarithm of the energy in each of 16 bands from 200 to 3,400 Hz at each of 32 moments: (32, 16).

    Relative to the loudest of them, and at the same moments whatever the rate, so that copies have the same.
    """
    window = max(round(sound.rate * _WINDOW_S), len(sound.samples) // (_FRAMES // 2))
    padded = np.pad(sound.samples.astype(np.float64), (0, max(0, window - len(sound.samples))))
    starts = np.linspace(0, len(padded) - window, _FRAMES).round().astype(int)
    frames = np.stack([padded[start : start + window] for start in starts])
    spectra = np.abs(np.fft.rfft(frames * np.hanning(window), axis=1)) ** 2
    places = np.searchsorted(np.fft.rfftfreq(window, 1.0 / sound.rate), np.geomspace(*_HEARD_HZ, _BANDS + 1))
    energies = [spectra[:, a : max(b, a + 1)].sum(axis=1) for a, b in pairwise(places)]
    table = np.stack(energies, axis=1)
    return np.asarray(np.log(table / max(float(table.max()), 1e-30) + _FLOOR))


def _facts(heard: list[_Heard]) -> list[Fact]:
    if not heard:
        return []
    lengths = spread_of([one.seconds for one in heard])
    rates = Counter(one.rate for one in heard)
    low, middle, p95, high = (f"{value:,.3g}" for value in lengths.values())
    return [
        Fact("seconds", f"{low} to {high}, half up to {middle}, 95 % up to {p95}", {**lengths}),
        Fact("total", f"{sum(one.seconds for one in heard) / 60:,.1f} minutes"),
        Fact(
            "sample rates",
            ", ".join(f"{rate:,} Hz {n:,}" for rate, n in rates.most_common()),
            {str(rate): n for rate, n in rates.most_common()},
        ),
    ]


def _findings(heard: list[_Heard]) -> list[Finding]:
    found = []
    silent, clipped = sum(one.silent for one in heard), sum(one.clipped for one in heard)
    rates = {one.rate for one in heard}
    if silent:
        found.append(
            Finding(
                code="silent-sounds",
                text=f"{silent:,} of {len(heard):,} sounds are silent (below -60 dB of full scale).",
                next_step="Listen to some; leave them out if nothing is said in them.",
            )
        )
    if clipped:
        found.append(
            Finding(
                code="clipped-sounds",
                text=f"{clipped:,} of {len(heard):,} sounds are clipped.",
                next_step="Record with less gain, if production does not sound like that.",
            )
        )
    if len(rates) > 1:
        found.append(
            Finding(
                code="mixed-sample-rates",
                text=f"There are {len(rates)} sample rates, from {min(rates):,} to {max(rates):,} Hz.",
                next_step="Candidates resample by themselves; name where sounds come from under `slices:`.",
            )
        )
    return found


def _twins(heard: list[tuple[int, _Heard]]) -> list[tuple[int, int]]:
    """Pairs of the positions of examples that sound nearly the same and last as long: every pair is compared."""
    spoken = [(position, one) for position, one in heard if not one.silent]
    if len(spoken) < 2:
        return []
    tables = np.stack([one.bands.ravel() for _, one in spoken])
    tables -= tables.mean(axis=1, keepdims=True)
    tables /= np.sqrt((tables**2).sum(axis=1, keepdims=True)) + 1e-12
    seconds = np.array([one.seconds for _, one in spoken])
    as_long = np.abs(seconds[:, None] - seconds) <= 0.02 * np.maximum(seconds[:, None], seconds)
    found = np.argwhere(np.triu((tables @ tables.T >= _ALIKE) & as_long, k=1))
    pairs = {(spoken[a][0], spoken[b][0]) for a, b in found.tolist()}
    return sorted((min(pair), max(pair)) for pair in pairs if pair[0] != pair[1])


def features(sight: Sight, positions: list[int]) -> NDArray[np.float64] | None:
    """The energies of bands in 32 parts of each sound; None where one cannot be read, or without the packages."""
    by_position = dict(reversed(named(sight, "audio/")))
    rows = []
    for position in positions:
        if position not in by_position:
            return None
        try:
            rows.append(_bands(read_sound(by_position[position], None)).ravel())
        except (DataError, MissingExtra):
            return None
    matrix = np.stack(rows)
    return np.asarray((matrix - matrix.mean(axis=0)) / (matrix.std(axis=0) + 1e-9))
