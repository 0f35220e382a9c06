"""Common words exchanged for rare ones that mean the same: feline for cat, azure for blue."""

from __future__ import annotations

import numpy as np

from merits.core.kinds import Reads
from merits.perturbations.worded import exchanged

__all__ = ["LEVELS", "READS", "STRENGTH", "VERSION", "perturb"]

READS: Reads = "text"
STRENGTH = "share of the words that have a rare one"
LEVELS = (0.25, 0.5, 1.0)
VERSION = 1
_RARE = dict(
    pair.split("=")
    for pair in [
        "angry=irate",
        "baby=infant",
        "bad=deplorable",
        "bag=satchel",
        "beautiful=pulchritudinous",
        "big=gargantuan",
        "bird=avian",
        "black=ebony",
        "blue=azure",
        "book=tome",
        "box=coffer",
        "boy=lad",
        "bread=loaf",
        "bright=effulgent",
        "brown=umber",
        "building=edifice",
        "car=automobile",
        "cat=feline",
        "cats=felines",
        "child=bairn",
        "clock=timepiece",
        "cloud=nimbus",
        "cold=gelid",
        "cow=bovine",
        "cup=chalice",
        "dark=tenebrous",
        "dog=canine",
        "dogs=canines",
        "door=portal",
        "dress=frock",
        "drink=beverage",
        "eat=consume",
        "face=visage",
        "fast=fleet",
        "fat=corpulent",
        "flag=pennant",
        "flower=blossom",
        "food=sustenance",
        "forest=woodland",
        "friend=confidant",
        "girl=lass",
        "glass=tumbler",
        "good=laudable",
        "green=verdant",
        "grey=ashen",
        "hair=tresses",
        "happy=jubilant",
        "hat=chapeau",
        "head=noggin",
        "hill=knoll",
        "horse=steed",
        "hot=torrid",
        "house=abode",
        "jumps=vaults",
        "king=sovereign",
        "knife=dagger",
        "large=capacious",
        "laugh=guffaw",
        "laughing=guffawing",
        "lazy=indolent",
        "light=luminous",
        "little=diminutive",
        "mad=irate",
        "man=gentleman",
        "money=lucre",
        "music=melody",
        "old=antediluvian",
        "orange=tangerine",
        "pink=fuchsia",
        "pretty=comely",
        "purple=mauve",
        "quick=celeritous",
        "rain=precipitation",
        "red=crimson",
        "ring=annulus",
        "river=rivulet",
        "road=thoroughfare",
        "sad=lugubrious",
        "sea=brine",
        "ship=vessel",
        "shoe=brogue",
        "short=squat",
        "sick=indisposed",
        "sleep=slumber",
        "small=minuscule",
        "smile=beam",
        "smiling=beaming",
        "snake=serpent",
        "stone=boulder",
        "street=boulevard",
        "strong=stalwart",
        "tall=towering",
        "thin=gaunt",
        "tired=enervated",
        "tree=arbour",
        "ugly=unsightly",
        "walk=perambulate",
        "walking=perambulating",
        "water=aqua",
        "white=alabaster",
        "wind=zephyr",
        "woman=gentlewoman",
        "yellow=amber",
        "young=juvenile",
    ]
)


def perturb(value: str, strength: float, random: np.random.Generator) -> str:
    """The text with that share of the words that have a rare synonym exchanged, at least one where it has any; English.

    >>> perturb("A small red car", 1.0, np.random.default_rng(0))
    'A minuscule crimson automobile'
    """
    return exchanged(value, strength, _RARE, _RARE.__getitem__, random)
