"""Results of other tools, read into an `Evaluation`: one file a format, one door that knows them by their content.

Reading is all that is done: nothing in a file is run, unpickled or asked for.
"""

from merits.evaluating.importing.door import read_results, read_rows
from merits.evaluating.importing.outcomes import Found, Imported, Reading, Source
from merits.evaluating.importing.own import OutcomesFile, outcomes_file
from merits.evaluating.importing.table import Scores, read_scores

__all__ = [
    "Found",
    "Imported",
    "OutcomesFile",
    "Reading",
    "Scores",
    "Source",
    "outcomes_file",
    "read_results",
    "read_rows",
    "read_scores",
]
