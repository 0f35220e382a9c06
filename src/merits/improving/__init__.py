"""Propose candidates: better or cheaper ones, made out of those there are, by what is known of them on `dev`.

One technique is one file that holds an improver: a generator that asks for candidates to be evaluated and is told how
they did. None of them runs anything, reads files or asks models, and none can see an example of `test`.
"""
