"""Which candidate is worth using, how sure that is, and what would change it: `merits.deciding.decide.decide`.

Pure: an Evaluation and Needs in, a Decision out. Asks nothing, reads no clock, draws no random number that is not
seeded here. What a number's interval is belongs to `merits.stats`; what is drawn of it, to `merits.report`.
"""
