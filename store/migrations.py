"""The schema as an ordered list of steps; PRAGMA user_version says how many a file has taken.

A step never changes once released: add another, and change store/schema.py with it (a test compares
the two). Indexes, triggers and checks live here only. Views are not steps: they hold nothing and are
put in place anew whenever their text differs.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from store.errors import StoreError
from store.views import VIEWS

Step = tuple[str, ...]

# Marks a file as ours ("mwch"), so that a wrong path never adds tables to somebody else's database.
APPLICATION_ID = 0x6D776368

_FIRST: Step = (
    """CREATE TABLE source_states (
        source TEXT NOT NULL PRIMARY KEY, watermark TEXT, baseline_at TEXT, swept_at TEXT,
        last_attempt_at TEXT, last_success_at TEXT, last_error TEXT, failing_since TEXT, not_before TEXT)""",
    """CREATE TABLE problems (
        id INTEGER NOT NULL PRIMARY KEY, source TEXT NOT NULL, key TEXT, message TEXT NOT NULL,
        first_seen TEXT NOT NULL, last_seen TEXT NOT NULL, count BIGINT NOT NULL, closed_at TEXT)""",
    """CREATE UNIQUE INDEX problems_open ON problems (source, ifnull(key, ''), message)
        WHERE closed_at IS NULL""",
    """CREATE TABLE repos (
        folded TEXT NOT NULL PRIMARY KEY, source TEXT NOT NULL, repo_id TEXT NOT NULL, hub_id TEXT,
        author TEXT NOT NULL COLLATE NOCASE, family TEXT, series TEXT, version TEXT, size TEXT, variant TEXT,
        thread TEXT NOT NULL, base_repo TEXT, base_folded TEXT, publisher TEXT NOT NULL COLLATE NOCASE,
        official BOOLEAN NOT NULL, derived BOOLEAN NOT NULL, quant BOOLEAN NOT NULL, impersonates TEXT,
        licence TEXT, gated TEXT, created_at TEXT, last_modified TEXT, revision TEXT NOT NULL,
        downloads BIGINT, likes BIGINT, trending_score FLOAT, model_type TEXT, parameters_total BIGINT,
        first_seen TEXT NOT NULL, last_seen TEXT NOT NULL, removed_at TEXT, missing_since TEXT,
        facts TEXT NOT NULL)""",
    "CREATE INDEX repos_hub_id ON repos (hub_id)",
    "CREATE INDEX repos_author ON repos (author)",
    "CREATE INDEX repos_publisher ON repos (publisher)",
    "CREATE INDEX repos_family ON repos (family)",
    "CREATE INDEX repos_base ON repos (base_folded) WHERE base_folded IS NOT NULL",
    "CREATE INDEX repos_published ON repos (quant, coalesce(created_at, first_seen) DESC, folded)",
    """CREATE TABLE aliases (
        folded TEXT NOT NULL PRIMARY KEY,
        target TEXT NOT NULL REFERENCES repos ON UPDATE CASCADE ON DELETE CASCADE)""",
    "CREATE INDEX aliases_target ON aliases (target)",
    """CREATE TABLE details (
        repo TEXT NOT NULL PRIMARY KEY REFERENCES repos ON UPDATE CASCADE ON DELETE CASCADE,
        revision TEXT NOT NULL, document TEXT NOT NULL, saved_at TEXT NOT NULL)""",
    """CREATE TABLE variants (
        repo TEXT NOT NULL REFERENCES repos ON UPDATE CASCADE ON DELETE CASCADE, position INTEGER NOT NULL,
        format TEXT NOT NULL COLLATE NOCASE, label TEXT NOT NULL, bits FLOAT, size_bytes BIGINT,
        size_source TEXT NOT NULL, files TEXT NOT NULL, PRIMARY KEY (repo, position))""",
    """CREATE TABLE observations (
        id INTEGER NOT NULL PRIMARY KEY, source TEXT NOT NULL, key TEXT NOT NULL, folded TEXT NOT NULL,
        seen_at TEXT NOT NULL, row TEXT NOT NULL)""",
    "CREATE INDEX observations_key ON observations (folded)",
    "CREATE INDEX observations_seen ON observations (seen_at)",
    """CREATE TRIGGER observations_keep BEFORE UPDATE ON observations
        BEGIN SELECT RAISE(ABORT, 'the observation log is append-only'); END""",
    """CREATE TRIGGER observations_stay BEFORE DELETE ON observations
        BEGIN SELECT RAISE(ABORT, 'the observation log is append-only'); END""",
    """CREATE TABLE changes (
        id TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, source TEXT NOT NULL, repo_id TEXT NOT NULL,
        folded TEXT NOT NULL, family TEXT, thread TEXT NOT NULL, lineage TEXT NOT NULL, before TEXT,
        after TEXT, degree TEXT, evidence TEXT NOT NULL, detected_at TEXT NOT NULL)""",
    "CREATE INDEX changes_detected ON changes (detected_at)",
    "CREATE INDEX changes_repo ON changes (folded)",
    """CREATE TABLE verdicts (
        id INTEGER NOT NULL PRIMARY KEY, change_id TEXT NOT NULL REFERENCES changes, deployment TEXT,
        action TEXT NOT NULL, "trigger" TEXT NOT NULL, reason TEXT NOT NULL, until TEXT, fit TEXT,
        at TEXT NOT NULL)""",
    "CREATE INDEX verdicts_change ON verdicts (change_id, id)",
    "CREATE INDEX verdicts_holds ON verdicts (until) WHERE action = 'hold'",
    """CREATE TABLE fits (
        repo TEXT NOT NULL, label TEXT NOT NULL, hardware TEXT NOT NULL, deployment TEXT NOT NULL,
        engine TEXT NOT NULL, verdict TEXT NOT NULL, users BIGINT NOT NULL, context_tokens BIGINT NOT NULL,
        required_bytes BIGINT, budget_bytes BIGINT, decode_tokens_per_second FLOAT, fit TEXT NOT NULL,
        at TEXT NOT NULL, PRIMARY KEY (repo, label, hardware, deployment))""",
    """CREATE TABLE alerts (
        id TEXT NOT NULL PRIMARY KEY, thread TEXT NOT NULL, "trigger" TEXT NOT NULL, title TEXT NOT NULL,
        created_at TEXT NOT NULL, saved_at TEXT NOT NULL, document TEXT NOT NULL)""",
    "CREATE INDEX alerts_created ON alerts (created_at)",
    """CREATE TABLE alert_changes (
        alert_id TEXT NOT NULL REFERENCES alerts, change_id TEXT NOT NULL REFERENCES changes,
        PRIMARY KEY (alert_id, change_id))""",
    "CREATE INDEX alert_changes_change ON alert_changes (change_id)",
    """CREATE TABLE deliveries (
        id INTEGER NOT NULL PRIMARY KEY, alert_id TEXT NOT NULL REFERENCES alerts, channel TEXT NOT NULL,
        state TEXT NOT NULL, attempts BIGINT NOT NULL, begun_at TEXT, settled_at TEXT, next_attempt_at TEXT,
        last_error TEXT, UNIQUE (alert_id, channel))""",
    "CREATE INDEX deliveries_due ON deliveries (next_attempt_at) WHERE state NOT IN ('sent', 'dead')",
    """CREATE TABLE attempts (
        delivery_id BIGINT NOT NULL REFERENCES deliveries, number BIGINT NOT NULL, begun_at TEXT NOT NULL,
        settled_at TEXT, outcome TEXT, error TEXT, PRIMARY KEY (delivery_id, number))""",
    """CREATE TABLE decisions (
        id INTEGER NOT NULL PRIMARY KEY, thread TEXT NOT NULL,
        choice TEXT NOT NULL CHECK (choice IN ('evaluate', 'adopt', 'reject')), reason TEXT NOT NULL,
        by TEXT NOT NULL, until TEXT, at TEXT NOT NULL)""",
    "CREATE INDEX decisions_thread ON decisions (thread, id)",
)

# The Hub's account names are one in any case. Of two states the one read last stays.
_ACCOUNTS_IN_ANY_CASE: Step = (
    """CREATE TABLE states (
        source TEXT NOT NULL COLLATE NOCASE PRIMARY KEY, watermark TEXT, baseline_at TEXT, swept_at TEXT,
        last_attempt_at TEXT, last_success_at TEXT, last_error TEXT, failing_since TEXT, not_before TEXT)""",
    """INSERT OR IGNORE INTO states
        SELECT source, watermark, baseline_at, swept_at, last_attempt_at, last_success_at, last_error,
            failing_since, not_before
        FROM source_states ORDER BY baseline_at IS NULL, last_success_at DESC, source""",
    "DROP TABLE source_states",
    "ALTER TABLE states RENAME TO source_states",
    """CREATE TABLE episodes (
        id INTEGER NOT NULL PRIMARY KEY, source TEXT NOT NULL COLLATE NOCASE, key TEXT, message TEXT NOT NULL,
        first_seen TEXT NOT NULL, last_seen TEXT NOT NULL, count BIGINT NOT NULL, closed_at TEXT)""",
    """CREATE UNIQUE INDEX episodes_open ON episodes (source, ifnull(key, ''), message)
        WHERE closed_at IS NULL""",
    """INSERT OR IGNORE INTO episodes
        SELECT id, source, key, message, first_seen, last_seen, count, closed_at FROM problems ORDER BY id""",
    "DROP TABLE problems",
    "ALTER TABLE episodes RENAME TO problems",
    "DROP INDEX episodes_open",
    """CREATE UNIQUE INDEX problems_open ON problems (source, ifnull(key, ''), message)
        WHERE closed_at IS NULL""",
)

_UNWATCHED: Step = ("ALTER TABLE source_states ADD COLUMN unwatched_since TEXT",)

# Beside repos: saving a repo overwrites its row, and a repo may trend before it is in the catalog.
_TRENDING: Step = ("CREATE TABLE trending (folded TEXT NOT NULL PRIMARY KEY, seen_at TEXT NOT NULL)",)

_CORRECTIONS: Step = (
    """CREATE TABLE corrections (
        device TEXT NOT NULL, engine TEXT NOT NULL, term TEXT NOT NULL, factor FLOAT NOT NULL,
        measured_on TEXT NOT NULL, source TEXT NOT NULL, PRIMARY KEY (device, engine, term))""",
)

# What a name says of date and format, and the constraints that a verdict weighed one by one.
_NAMES_AND_CHECKS: Step = (
    "ALTER TABLE repos ADD COLUMN stamp TEXT",
    "ALTER TABLE repos ADD COLUMN quant_label TEXT",
    "ALTER TABLE verdicts ADD COLUMN checks TEXT",
)

# Appended only, so that one can see when the team changed what.
_ACCEPTED: Step = (
    "CREATE TABLE accepted (id INTEGER NOT NULL PRIMARY KEY, document TEXT NOT NULL, at TEXT NOT NULL)",
)

# Kept by date: the latest of a model, task and metric is the current one.
_EVALUATIONS: Step = (
    """CREATE TABLE evaluations (
        model_folded TEXT NOT NULL, task_folded TEXT NOT NULL, metric TEXT NOT NULL, at TEXT NOT NULL,
        model TEXT NOT NULL, task TEXT NOT NULL, score FLOAT NOT NULL, samples BIGINT, stderr FLOAT,
        source TEXT NOT NULL, items TEXT, position BIGINT NOT NULL, saved_at TEXT NOT NULL,
        PRIMARY KEY (model_folded, task_folded, metric, at))""",
    "CREATE INDEX evaluations_task ON evaluations (task_folded, at)",
)

# What was alerted of late is asked with every change.
_ALERTED: Step = ("CREATE INDEX verdicts_alerts ON verdicts (at) WHERE action = 'alert'",)

STEPS: tuple[Step, ...] = (
    _FIRST,
    _ACCOUNTS_IN_ANY_CASE,
    _UNWATCHED,
    _TRENDING,
    _CORRECTIONS,
    _NAMES_AND_CHECKS,
    _ACCEPTED,
    _EVALUATIONS,
    _ALERTED,
)
VERSION = len(STEPS)


def check_version(connection: sqlite3.Connection, path: Path, *, version: int = VERSION) -> int:
    """The version of a file of ours, 0 for an empty one; StoreError for a newer or a foreign file."""
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
    empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if owner != APPLICATION_ID and not (empty and owner == 0 and found == 0):
        raise StoreError(f"{path} is the database of another program: point store.url at another file")
    if found > version:
        raise StoreError(
            f"{path} was written by a newer modelwatch (schema {found}, this one knows {version}): "
            "upgrade modelwatch, or point store.url at another file"
        )
    return found


def migrate(connection: sqlite3.Connection, path: Path, *, steps: Sequence[Step] = STEPS) -> int:
    """Bring a file to the last step in one transaction, and return the version it had before.

    The connection is in autocommit mode (isolation_level None). A failing step leaves the file as it was.
    """
    if check_version(connection, path, version=len(steps)) == len(steps) and _views_match(connection):
        return len(steps)
    connection.execute("BEGIN IMMEDIATE")
    try:
        before = check_version(connection, path, version=len(steps))
        for name in VIEWS:  # first, because a table that a view reads can not be altered freely
            connection.execute(f"DROP VIEW IF EXISTS {name}")
        for step in steps[before:]:
            for statement in step:
                connection.execute(statement)
        for name, sql in VIEWS.items():
            connection.execute(_create(name, sql))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(steps)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return before


def _views_match(connection: sqlite3.Connection) -> bool:
    rows = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'view'").fetchall())
    return all(rows.get(name) == _create(name, sql) for name, sql in VIEWS.items())


def _create(name: str, sql: str) -> str:
    return f"CREATE VIEW {name} AS {sql.strip()}"
