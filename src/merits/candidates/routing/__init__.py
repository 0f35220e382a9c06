"""How one answer is read when it is to be decided whether another part is asked, and how an input is, before any is.

What searches for a cascade or a router reads stored answers with the same functions as the candidate that is served:
otherwise what was found would not be what runs.
"""
