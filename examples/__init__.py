"""A worked example of each kind of task, on real data: `python -m examples` lists them.

Each is a folder with its task file and an `__init__.py` that says where its models and data are from (`ASSETS`) and
makes the data file of them (`prepare`).
"""
