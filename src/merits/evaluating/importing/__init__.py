"""Results of other tools, read into an `Evaluation`: one file a format, one door that knows them by their content.

Reading is all that is done: nothing in a file is run, unpickled or asked for.
"""

from merits.evaluating.importing.door import read_results
from merits.evaluating.importing.outcomes import Reading
from merits.evaluating.importing.own import OutcomesFile, outcomes_file
from merits.evaluating.importing.table import Scores, read_scores

__all__ = ["OutcomesFile", "Reading", "Scores", "outcomes_file", "read_results", "read_scores"]
