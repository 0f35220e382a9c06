"""What may happen to inputs in the field (typos, noise, blur): seeded, each of a strength, one idea a file."""
