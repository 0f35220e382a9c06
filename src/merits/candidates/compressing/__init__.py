"""Smaller and faster copies of models that run here: one way of making them a file, `methods` is their door."""
