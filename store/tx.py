"""One transaction of the catalog, speaking watcher.types; its methods are grouped by subject."""

from store.tx_accepted import AcceptedTx
from store.tx_alerts import AlertsTx
from store.tx_catalog import CatalogTx
from store.tx_changes import ChangesTx
from store.tx_corrections import CorrectionsTx
from store.tx_evaluations import EvaluationsTx
from store.tx_members import MembersTx
from store.tx_sources import SourcesTx


class Tx(SourcesTx, CatalogTx, MembersTx, ChangesTx, AlertsTx, CorrectionsTx, AcceptedTx, EvaluationsTx):
    """Opened by Store.write (everything) or Store.read (what does not write); it ends with its block."""
