"""Answers live with what was decided, and records what it said: outcomes of the split `live`."""
