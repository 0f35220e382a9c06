"""Append-only memory: answers, candidates, evaluations and decisions, embedded in one file."""

from merits.store.sqlite import SqliteStore, open_store

__all__ = ["SqliteStore", "open_store"]
