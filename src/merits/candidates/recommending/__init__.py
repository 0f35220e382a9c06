"""Candidates that recommend: each learns from events before the cut, and ranks items for a user by the user's history."""
