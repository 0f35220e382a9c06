"""Every measurement that Merits promises, as a command: `python -m benchmarks` lists them.

A benchmark is a module here: the first line of its docstring says what it measures, and `main(argv)` returns the
figures. What `--keep` wrote last is in `results/`, with the date and the machine.
"""
