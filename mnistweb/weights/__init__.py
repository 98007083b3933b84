"""Reading and writing weights: our own files, a pickle reader that runs no code, importers and exporters.

`mnistweb.weights.importers` and `mnistweb.weights.exporters` are not loaded with it: a server does
not need them.
"""

from mnistweb.weights.document import SavedModel
from mnistweb.weights.errors import WeightsError
from mnistweb.weights.safe_pickle import read_pickle, write_pickle
from mnistweb.weights.saved_model import read_model, write_model

__all__ = ["SavedModel", "WeightsError", "read_model", "read_pickle", "write_model", "write_pickle"]
