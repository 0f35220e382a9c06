"""Merits tells which AI model is worth using for your task."""

__version__ = "0.1.0"
