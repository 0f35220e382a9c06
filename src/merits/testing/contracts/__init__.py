"""One contract suite for each door: subclass it, say how to make the thing, and let pytest run it."""
