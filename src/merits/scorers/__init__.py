"""What "solved" means, one idea a file. Pure: an example and an answer in, a score out.

Knows nothing about who answered, what it cost, or how many answered.
"""
