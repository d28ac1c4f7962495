"""Views for people: `sqlite3 -readonly -box modelwatch.db 'SELECT * FROM v_changes LIMIT 20'`.

Their names and columns are stable; the tables behind them are not. Times are UTC text
(2026-08-22T10:00:00.000000Z), sizes in GB are 1e9 bytes.

v_recent_quants  one row per file variant of every quantised repo, newest repo first
v_models         every repo that is not a quant, newest first; removed_at is set for those that are gone
v_fits           the last fit of weights on a hardware pool, under a deployment's load ('' for the team)
v_changes        every change with its current verdict per deployment, newest first
v_decisions      what the team decided per release, the latest decision of a thread first
"""

_RECENT_QUANTS = """
SELECT r.repo_id, r.publisher, r.base_repo, r.family, r.version, r.size, v.format, v.label, v.bits,
       v.size_bytes, round(v.size_bytes / 1e9, 1) AS size_gb, r.licence, r.downloads,
       coalesce(r.created_at, r.first_seen) AS published_at, r.last_modified AS updated_at
FROM repos r JOIN variants v ON v.repo = r.folded
WHERE r.quant AND r.removed_at IS NULL
ORDER BY published_at DESC, r.folded, v.position
"""

_MODELS = """
SELECT r.repo_id, r.publisher, r.family, r.series, r.version, r.size, r.variant, r.thread, r.base_repo,
       r.official, r.derived, r.model_type, r.parameters_total, r.licence, r.gated, r.downloads, r.likes,
       coalesce(r.created_at, r.first_seen) AS published_at, r.last_modified AS updated_at,
       r.first_seen, r.last_seen, r.removed_at
FROM repos r
WHERE NOT r.quant
ORDER BY published_at DESC, r.folded
"""

_FITS = """
SELECT coalesce(r.repo_id, f.repo) AS repo_id, f.label, f.hardware, f.deployment, f.engine, f.verdict,
       f.users, f.context_tokens, round(f.required_bytes / 1e9, 1) AS required_gb,
       round(f.budget_bytes / 1e9, 1) AS budget_gb, f.decode_tokens_per_second, f.at
FROM fits f LEFT JOIN repos r ON r.folded = f.repo
ORDER BY repo_id, f.label, f.hardware, f.deployment
"""

_CHANGES = """
SELECT c.id, c.detected_at, c.kind, c.repo_id, c.family, c.thread, c.before, c.after, c.degree,
       v.deployment, v.action, v."trigger", v.reason, v.until, v.at AS judged_at
FROM changes c LEFT JOIN verdicts v ON v.change_id = c.id AND NOT EXISTS (
    SELECT 1 FROM verdicts n WHERE n.change_id = v.change_id AND n.deployment IS v.deployment AND n.id > v.id)
ORDER BY c.detected_at DESC, c.id, v.deployment
"""

_DECISIONS = """
SELECT d.thread, d.choice, d.reason, d.by, d.until, d.at,
       NOT EXISTS (SELECT 1 FROM decisions n WHERE n.thread = d.thread AND n.id > d.id) AS current
FROM decisions d
ORDER BY d.at DESC, d.id DESC
"""

VIEWS = {
    "v_recent_quants": _RECENT_QUANTS,
    "v_models": _MODELS,
    "v_fits": _FITS,
    "v_changes": _CHANGES,
    "v_decisions": _DECISIONS,
}
