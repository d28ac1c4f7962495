"""Commands that answer questions from the catalog: quants, models, changes, explain, status."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from watcher import app
from watcher.cli_common import (
    ConfigOption,
    CsvOption,
    JsonOption,
    ago,
    configuration,
    print_csv,
    print_json,
    print_table,
    since,
    size,
)
from watcher.config import Config
from watcher.config_errors import did_you_mean
from watcher.inert import plain
from watcher.types import Action, ChangeKind

__all__ = ["changes", "explain", "models", "quants", "status"]

OVERDUE_AFTER = timedelta(days=1)
_REPO_COLUMNS = (
    "repo_id",
    "publisher",
    "base_repo",
    "family",
    "version",
    "size",
    "format",
    "label",
    "bits",
    "size_bytes",
    "licence",
    "downloads",
    "published_at",
    "updated_at",
    "fits",
)
SinceOption = Annotated[str | None, typer.Option("--since", help="Published since: 7d, 24h, or a date.")]
FamilyOption = Annotated[str | None, typer.Option("--family", help="One family: qwen, gemma, ...")]
PublisherOption = Annotated[str | None, typer.Option("--publisher", help="One Hub account.")]
FitsOption = Annotated[
    str | None, typer.Option("--fits", help="Only what fits (or is tight on) this hardware of yours.")
]
FormatOption = Annotated[str | None, typer.Option("--format", help="gguf, nvfp4, fp8, awq, gptq, ...")]
LimitOption = Annotated[int | None, typer.Option("--limit", min=1, help="At most so many rows.")]


def quants(
    since_: SinceOption = None,
    fits: FitsOption = None,
    format_: FormatOption = None,
    base: Annotated[str | None, typer.Option("--base", help="Part of the base model's id.")] = None,
    family: FamilyOption = None,
    publisher: PublisherOption = None,
    every_file: Annotated[
        bool, typer.Option("--files", help="A row for every file, not one per repo.")
    ] = False,
    limit: LimitOption = 100,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
) -> None:
    """Quantised releases, newest first, with the file to take and where it fits.

    With --fits, the file shown is the best one that fits there. Examples:

      modelwatch quants --since 7d --fits spark --format gguf

      modelwatch quants --base Qwen3.6-27B --files

      modelwatch quants --publisher nvidia --json
    """
    settings = configuration(config)
    _check_pool(settings, fits)
    rows = app.questions().quants(
        app.store_path(settings),
        since=since(since_),
        format=format_.casefold() if format_ else None,
        base=base,
        family=family,
        fits=fits,
        publisher=publisher,
        limit=limit,
        every_file=every_file,
    )
    _print_repos(settings, rows, "quants", as_json=as_json, as_csv=as_csv)


def models(
    since_: SinceOption = None,
    fits: FitsOption = None,
    family: FamilyOption = None,
    publisher: PublisherOption = None,
    limit: LimitOption = 100,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
) -> None:
    """Original releases (no quants), newest first. Examples:

    modelwatch models --family qwen --since 30d

    modelwatch models --fits h100 --json
    """
    settings = configuration(config)
    _check_pool(settings, fits)
    rows = app.questions().models(
        app.store_path(settings),
        since=since(since_),
        family=family,
        fits=fits,
        publisher=publisher,
        limit=limit,
    )
    _print_repos(settings, rows, "models", as_json=as_json, as_csv=as_csv)


def _check_pool(settings: Config, name: str | None) -> None:
    if name is None or name in settings.hardware:
        return
    names = ", ".join(settings.hardware) or "none: name your machines under hardware: in the configuration"
    raise typer.BadParameter(
        f"--fits {name!r} is no hardware of yours{did_you_mean(name, settings.hardware)}; there is: {names}"
    )


def _print_repos(
    settings: Config, rows: list[dict[str, Any]], what: str, *, as_json: bool, as_csv: bool
) -> None:
    if as_json:
        print_json(rows)
        return
    if as_csv:
        print_csv(rows, _REPO_COLUMNS)
        return
    if not rows:
        typer.echo(f"No {what} match. Drop a filter, or see modelwatch status for what is known so far.")
        return
    now = datetime.now(UTC)
    pools = list(settings.hardware)
    columns = [
        ("repo", "left"),
        ("take", "left"),
        ("size", "right"),
        ("licence", "left"),
        ("published", "left"),
    ]
    columns += [("downloads", "right"), *((pool, "left") for pool in pools)]
    cells = [
        [
            row["repo_id"],
            row["label"] or "?",
            size(row["size_bytes"]),
            row["licence"] or "not stated",
            ago(row["published_at"], now),
            f"{row['downloads']:,}" if row["downloads"] is not None else "?",
            *(row["fits"].get(pool, "?") for pool in pools),
        ]
        for row in rows
    ]
    print_table(f"{len(rows)} {what}", columns, cells)


def changes(
    since_: Annotated[str | None, typer.Option("--since", help="Detected since: 7d, 24h, or a date.")] = None,
    kind: Annotated[ChangeKind | None, typer.Option("--kind", help="Of one kind.")] = None,
    family: FamilyOption = None,
    repo: Annotated[str | None, typer.Option("--repo", help="One repo.")] = None,
    action: Annotated[Action | None, typer.Option("--action", help="Decided so for a deployment.")] = None,
    limit: LimitOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
) -> None:
    """What changed, newest first, with the decision for each deployment. Examples:

    modelwatch changes --since 7d --action alert

    modelwatch changes --kind licence --json
    """
    settings = configuration(config)
    rows = app.questions().changes(
        app.store_path(settings),
        since=since(since_),
        kind=kind,
        family=family,
        repo=repo,
        action=action,
        limit=limit,
    )
    if as_json:
        print_json(rows)
    elif as_csv:
        print_csv(rows, ("id", "kind", "repo_id", "before", "after", "detected_at", "verdicts"))
    elif not rows:
        typer.echo(
            "No changes match. The first look at an account is a baseline; changes come with later rounds."
        )
    else:
        now = datetime.now(UTC)
        cells = [
            [r["repo_id"], r["kind"], _moved(r), ago(r["detected_at"], now), _decisions(r)] for r in rows
        ]
        columns = [
            ("repo", "left"),
            ("kind", "left"),
            ("what", "left"),
            ("seen", "left"),
            ("decided", "left"),
        ]
        print_table(f"{len(rows)} changes", columns, cells)


def _moved(row: dict[str, Any]) -> str:
    return f"{row['before']} -> {row['after']}" if row["before"] else str(row["after"] or "")


def _decisions(row: dict[str, Any]) -> str:
    """The strongest action, and what decided it."""
    order = ("alert", "digest", "hold", "ignore")
    strongest = min(row["verdicts"], key=lambda v: order.index(v["action"]), default=None)
    return f"{strongest['action']}: {strongest['reason']}" if strongest else "not decided"


def explain(
    what: Annotated[
        str, typer.Argument(help="A repo id, or a change or alert id (its beginning is enough).")
    ],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """The whole story of a repo, change or alert; also the answer to "why was I not told?".

    Example:

      modelwatch explain mistralai/Mistral-Small-4-119B-2603
    """
    story = app.questions().explain(app.store_path(configuration(config)), what)
    if as_json:
        print_json(story)
        return
    for line in _story(story, datetime.now(UTC)):
        typer.echo(plain(line))


def _story(story: dict[str, Any], now: datetime) -> list[str]:
    lines: list[str] = []
    for repo in story["repos"]:
        lines.append(
            f"{repo['repo_id']}: {repo['family'] or 'no known family'}, {repo['licence'] or 'no licence'}"
        )
        lines.append(
            f"  first seen {repo['first_seen']} ({ago(repo['first_seen'], now)}), last {repo['last_seen']}"
        )
        lines += [f"  gone since {repo['removed_at']}"] if repo["removed_at"] else []
        lines += [f"  formerly {name}" for name in repo["former_names"]]
    if story["observations"]:
        lines.append(
            f"{len(story['observations'])} looks, the latest at {story['observations'][-1]['seen_at']}"
        )
    if not story["changes"]:
        lines.append("No changes: its first look was a baseline, or nothing that matters moved since.")
    for change in story["changes"]:
        lines.append("")
        lines.append(
            f"change {change['id']}: {change['kind']}, {_moved(change)}, seen {change['detected_at']}"
        )
        lines += [f"  evidence: {note}" for note in change.get("evidence") or ()]
        for verdict in story["verdicts"]:
            if verdict["change_id"] == change["id"]:
                until = f" until {verdict['until']}" if verdict["until"] else ""
                place = verdict["deployment"] or "the team"
                lines.append(
                    f"  {verdict['at']} {place}: {verdict['action']}{until} "
                    f"by {verdict['trigger']}: {verdict['reason']}"
                )
                lines += [f"    {line}" for line in _checks_story(verdict["checks"])]
    lines += _fits_story(story["fits"])
    for delivery in story["deliveries"]:
        error = f" ({delivery['last_error']})" if delivery["last_error"] else ""
        lines.append(f"alert {delivery['alert']} to {delivery['channel']}: {delivery['state']}{error}")
    return lines


_MARKS = {True: "yes ", False: "no  ", None: "open"}


def _checks_story(checks: list[dict[str, Any]]) -> list[str]:
    """The deployment's constraints one by one, as they were when it was decided."""
    return [f"{_MARKS[c['passed']]} {c['name']}: {c['found']} (wanted: {c['wanted']})" for c in checks]


def _fits_story(fits: list[dict[str, Any]]) -> list[str]:
    if not fits:
        return []
    lines = ["", "fit (label, hardware, for whom: verdict)"]
    lines += [
        f"  {f['label']} on {f['hardware']}, {f['deployment'] or 'one user'}: {f['verdict']}" for f in fits
    ]
    return lines


def status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """How modelwatch itself does: sources, problems, the delivery queue and what comes next.

    Example:

      modelwatch status
    """
    settings = configuration(config)
    state = app.questions().status(app.store_path(settings))
    for source in state["sources"]:
        source["next_run_at"] = _next_run(source, settings)
    if as_json:
        print_json(state)
        return
    now = datetime.now(UTC)
    repos = state["repos"]
    typer.echo(
        f"{repos['total']} repos known: {repos['models']} models, {repos['quants']} quants, "
        f"{repos['removed']} gone."
    )
    rows = [
        [
            s["source"],
            ago(s["last_success_at"], now),
            _health(s, now),
            ago(s["next_run_at"], now),
            s["open_problems"],
        ]
        for s in state["sources"]
    ]
    columns = [
        ("source", "left"),
        ("last success", "left"),
        ("state", "left"),
        ("next", "left"),
        ("problems", "right"),
    ]
    if rows:
        print_table(f"{len(rows)} sources", columns, rows)
    else:
        typer.echo("No source was polled yet: modelwatch sync.")
    for problem in state["problems"]:
        seen = f"{problem['count']} times since {problem['first_seen']}"
        typer.echo(
            plain(f"problem: {problem['source']} {problem['key'] or ''}: {problem['message']} ({seen})")
        )
    queue = state["deliveries"]
    counts = ", ".join(f"{count} {name}" for name, count in queue["counts"].items() if count) or "empty"
    typer.echo(f"Deliveries: {counts}.")
    for delivery in queue["next"]:
        error = f", last: {delivery['last_error']}" if delivery["last_error"] else ""
        when = ago(delivery["next_attempt_at"], now)
        typer.echo(
            plain(
                f"  {delivery['alert'][:8]} to {delivery['channel']}: {delivery['state']}, next {when}{error}"
            )
        )
    for delivery in queue["dead"]:
        typer.echo(
            plain(f"  {delivery['alert'][:8]} to {delivery['channel']}: dead: {delivery['last_error']}")
        )


def _next_run(source: dict[str, Any], settings: Config) -> str | None:
    """When a running daemon polls it again, by schedule; a wait the Hub asked for comes first."""
    if source["not_before"]:
        return str(source["not_before"])
    if not source["last_attempt_at"]:
        return None
    rare = source["source"] == "hub:trending"  # asked for with the sweeps only
    every = settings.schedule.sweep if rare else settings.schedule.hub
    return f"{datetime.fromisoformat(source['last_attempt_at']) + every:%Y-%m-%dT%H:%M:%SZ}"


def _health(source: dict[str, Any], now: datetime) -> str:
    if source["failing_since"]:
        return f"failing for {ago(source['failing_since'], now).removesuffix(' ago')}: {source['last_error']}"
    due = source["next_run_at"]
    if due and now - datetime.fromisoformat(due) > OVERDUE_AFTER:
        return "overdue: is modelwatch run, or a cron job with sync, still there?"
    return "ok"
