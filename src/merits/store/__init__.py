"""Append-only memory: answers, candidates, evaluations and decisions in one file; what happens in production beside."""

from merits.store.live import open_live
from merits.store.searches import keep_search, kept_search
from merits.store.sqlite import SqliteStore, open_store

__all__ = ["SqliteStore", "keep_search", "kept_search", "open_live", "open_store"]
