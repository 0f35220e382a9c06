"""How a case is shown: what was asked, what is right and what was said, as people would rather look at it."""
