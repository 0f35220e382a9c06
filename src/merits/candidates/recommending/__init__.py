"""Candidates that recommend: each learns from events, and ranks items for a user by the user's history."""
