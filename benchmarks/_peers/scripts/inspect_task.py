"""The prompts as a task of Inspect."""

import os

from inspect_ai import Task, task
from inspect_ai.dataset import json_dataset
from inspect_ai.scorer import exact
from inspect_ai.solver import generate


@task
def prompts():
    return Task(dataset=json_dataset(os.environ["PROMPTS"]), solver=generate(), scorer=exact())
