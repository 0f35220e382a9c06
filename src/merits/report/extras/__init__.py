"""Sections that only some kinds of task have."""
