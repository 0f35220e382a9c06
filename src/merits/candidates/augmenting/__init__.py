"""More examples to learn from, made of those there are: changed, mixed, put in other words, or from another file."""
