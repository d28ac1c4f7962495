"""Advice for people: what speaks for and against each model, as tables and lines."""

from collections.abc import Iterable, Sequence

import typer

from watcher import advice_words as words
from watcher.advise import Advice, Place
from watcher.cli_common import print_table
from watcher.families import Registry
from watcher.inert import plain
from watcher.types import Deployment


def print_advice(advice: Advice, registry: Registry, most: int, *, every: bool) -> None:
    """most: so many of each kind of answer; every: older releases and unknown ones too."""
    d = advice.deployment
    _say(f"{d.name}: {words.asked(d)}", f"in use: {words.in_use(d)}", "", words.headline(advice))
    if advice.narrow:
        _narrow(advice, registry, most)
    else:
        _ranking(advice, registry, most)
    _rejected(advice, most)
    if every:
        _say(*(f"older, a newer release stands for it: {name}" for name in advice.older))
        _say(*(f"no weights known that run here: {name}" for name in advice.unknown))
    elif advice.older:
        _say("", f"{len(advice.older)} older releases are left out: --all shows them")


def _ranking(advice: Advice, registry: Registry, most: int) -> None:
    places = list(enumerate(advice.ranked, 1))
    clean = [(rank, place) for rank, place in places if not place.way.doubts]
    open_ = [(rank, place) for rank, place in places if place.way.doubts]
    _table("No requirement fails", _first(clean, most), registry)
    _table("With questions to settle first", _first(open_, most), registry)
    for rank, place in _first(open_, most):
        _say(*(f"  {rank} {place.name}: {doubt}" for doubt in place.way.doubts))
    if advice.ranked:
        _chosen(advice.ranked[0], advice.deployment)


def _first(places: Sequence[tuple[int, Place]], most: int) -> list[tuple[int, Place]]:
    """So many, and the model in use in its place wherever that is."""
    return [*places[:most], *(pair for pair in places[most:] if pair[1].in_use)]


def _table(title: str, places: Iterable[tuple[int, Place]], registry: Registry) -> None:
    rows = [_row(rank, place, registry) for rank, place in places]
    if not rows:
        return
    columns = [("#", "right"), ("model", "left"), ("weights", "left"), ("engine", "left")]
    columns += [("GiB", "right"), ("users", "right"), ("tok/s each", "right"), ("context", "right")]
    columns += [("licence", "left"), ("origin", "left")]
    typer.echo()
    print_table(title, columns, rows)


def _row(rank: int, place: Place, registry: Registry) -> list[object]:
    way = place.way
    mark = " (as it runs)" if place.as_it_runs else " (in use)" if place.in_use else ""
    cache = f", {way.small_cache} cache" if way.small_cache else ""
    return [
        rank,
        f"{place.name}{mark}",
        f"{way.weights.variant.label}{'?' if way.weights.hypothetical else ''}",
        f"{way.choice.engine}{cache}",
        words.memory(way.fit),
        f"{way.fit.max_users:,}",
        words.pace(way.fit),
        f"{way.fit.max_context:,}",
        words.licence(way),
        words.origin(way, registry) or "?",
    ]


def _chosen(place: Place, d: Deployment) -> None:
    """The first choice in full."""
    way = place.way
    _say("", f"Why {place.name}:", *(f"  {reason}" for reason in words.reasons(place)))
    if way.cautions:
        _say("Keep in mind:", *(f"  {caution}" for caution in way.cautions))
    if place.others:
        _say("Its other weights here:")
    for other in place.others:
        verdict = (
            words.against(other.failed[0]) if other.failed else "; ".join(other.doubts) or "would do too"
        )
        _say(f"  {other.weights.variant.label} in {other.choice.engine}: {verdict}")
    if command := words.command(place, d):
        _say("Start it:", *(f"  {line}" for line in command.splitlines()))


def _narrow(advice: Advice, registry: Registry, most: int) -> None:
    rows = [
        [
            rank,
            f"{place.name}{' (in use)' if place.in_use else ''}",
            place.specialist.sentence() if place.specialist else place.way.contender.entry.lineage.variant,
            words.licence(place.way),
            words.origin(place.way, registry) or "?",
            place.way.choice.reason,
        ]
        for rank, place in enumerate(advice.ranked[:most], 1)
    ]
    columns = [("#", "right"), ("model", "left"), ("kind", "left"), ("licence", "left"), ("origin", "left")]
    if rows:
        typer.echo()
        print_table("Specialists", [*columns, ("runs in", "left")], rows)
    if advice.hard_cases:
        title = f"A small LLM, only for the hard {advice.hard_share}"
        _table(title, list(enumerate(advice.hard_cases[:most], 1)), registry)
        _chosen(advice.hard_cases[0], advice.deployment)


def _rejected(advice: Advice, most: int) -> None:
    if not advice.rejected:
        return
    _say("", "Rejected")
    shown = _first([(0, place) for place in advice.rejected], most)
    for _, place in shown:
        mark = " (as it runs)" if place.as_it_runs else " (in use)" if place.in_use else ""
        how = f"{place.way.weights.variant.label}, {place.way.choice.engine}"
        _say(f"  {place.name}{mark} ({how}): {words.against(place.way.failed[0])}")
    if len(shown) < len(advice.rejected):
        _say(f"  and {len(advice.rejected) - len(shown)} more: --all shows them")


def _say(*lines: str) -> None:
    for line in lines:
        typer.echo(plain(line))
