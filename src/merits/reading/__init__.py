"""Reads what candidates said: a text, a label, a number, a forecast, a transcript, a list; and the language of a text.

Never what is right.

For scorers, and for candidates that answer with what others say.
"""
