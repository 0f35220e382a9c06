"""Searching a space of recipes: what a space is, what is looked for in it, how points are chosen, and when one is
given up early. Knows nothing about how candidates are evaluated.
"""
