"""Questions to the catalog, answered read-only with nothing but sqlite3, so that a command starts in no time.

Every function takes the path of the database and returns plain rows, ready for JSON: times are UTC
text, sizes bytes. StoreError says what to do where there is no database, or one of another version.
"""

from functools import partial

from store.read_changes import alerts, changes
from store.read_evaluations import evaluations
from store.read_explain import explain
from store.read_names import unknown
from store.read_repos import repos
from store.read_status import status

quants = partial(repos, quant=True)
models = partial(repos, quant=False)

__all__ = ["alerts", "changes", "evaluations", "explain", "models", "quants", "status", "unknown"]
