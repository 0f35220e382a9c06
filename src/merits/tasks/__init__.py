"""Says what must be solved: loads and checks tasks, divides their examples, profiles their data, drafts task files.

Knows nothing about how candidates answer or how decisions are made.
"""
