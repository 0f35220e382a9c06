"""The sections of a report as plain data, one a file: a frozen record, and the function that makes it.

Each takes the evaluation and the decision, and returns None when there is nothing to show.
"""
