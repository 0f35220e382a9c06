"""Reads what candidates said: a text, a label, a number, a forecast, a transcript, a list. Never what is right.

For scorers, and for candidates that answer with what others say.
"""
