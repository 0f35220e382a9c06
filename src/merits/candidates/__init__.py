"""Things that can answer: one file per kind, found by name through entry points."""
