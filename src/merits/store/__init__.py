"""Append-only memory: answers, candidates, evaluations and decisions, embedded in one file."""

from merits.store.searches import keep_search, kept_search
from merits.store.sqlite import SqliteStore, open_store

__all__ = ["SqliteStore", "keep_search", "kept_search", "open_store"]
