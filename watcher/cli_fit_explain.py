"""One fit as an explanation: memory as bars against the budget, speed, room, what breaks it, the command."""

import textwrap
from dataclasses import dataclass

from watcher.cli_fit_ask import Answer, Model
from watcher.cli_fit_breaks import breaks
from watcher.cli_fit_silent import ENCODES, silence
from watcher.inert import plain
from watcher.types import Fit, FitVerdict, Hardware, Speed

GIB = 1024**3
_WIDE = 100
_SURE = 0.25  # of the budget; who has more to spare is tight for another reason
_UNKNOWN = "the size of the weights is not known"
_FROM = {
    "files": "the files' sizes",
    "header": "from the headers of the files",
    "config": "from the configuration",
    "table": "parameters x bits",
    "guess": "guessed from the name",
}


@dataclass(frozen=True, slots=True)
class Signs:
    """What bars are drawn with: taken, still free, the least that can be seen, and the budget as a ruler."""

    full: str
    free: str
    little: str
    ruler: tuple[str, str, str]


BLOCKS, ASCII = Signs("█", "░", "▏", ("└", "─", "┘")), Signs("#", ".", "|", ("+", "-", "+"))


def explain(model: Model, answer: Answer, *, signs: Signs = BLOCKS, width: int = 100) -> list[str]:
    """The lines of an explanation; the second is the verdict. Lines that a shell takes are never wrapped."""
    fit = answer.fit
    verdict, told = verdict_line(fit)
    lines = [heading(model, answer), *_wrapped(verdict, width), *_memory(answer, signs, width)]
    said = [
        *_speed(fit),
        *_room(fit),
        *_breaks(model, fit),
        *_levers(fit),
        *_engine(answer),
    ]
    notes = dict.fromkeys((*model.notes, *fit.notes))
    said += [f"note: {note}" for note in notes if note != told]
    said += [f"corrected by your own measurement: {correction}" for correction in fit.corrections]
    lines += [wrapped for line in said for wrapped in _wrapped(line, width)]
    return [plain(line) for line in lines] + _command(answer)


def heading(model: Model, answer: Answer) -> str:
    """Which weights, where, in which engine, for whom."""
    fit, load = answer.fit, answer.fit.load
    users = "1 user" if load.users == 1 else f"{load.users:,} users"
    what = answer.variant.repo_id or model.name
    return (
        f"{what} {answer.variant.label} on {place(answer.hardware)}, {fit.engine}, "
        f"{users} x {load.context_tokens:,} tokens"
    )


def place(hardware: Hardware) -> str:
    """A pool by its name, and what it is where the name does not say so."""
    count, device = f"{hardware.count} x " if hardware.count > 1 else "", hardware.device
    what = device.name
    if device.name == hardware.name:
        what = f"{_gib(device.visible_bytes)}, {device.bandwidth_bytes_per_s / 1e9:,.0f} GB/s"
    return f"{hardware.name} ({count}{what})"


def verdict_line(fit: Fit) -> tuple[str, str | None]:
    """The verdict with its reason, and the note that the reason was taken from."""
    spare = fit.budget_bytes - fit.required_bytes
    each = f" on each of {fit.devices} devices" if fit.devices > 1 else ""
    if fit.verdict is FitVerdict.FITS:
        silent = silence(fit)
        return f"fits, with {_gib(spare)} to spare{each}" + (f"; {silent}" if silent else ""), silent
    if fit.verdict is FitVerdict.TIGHT:
        if any(note.startswith(("loads only with", "has room only with")) for note in fit.notes):
            return f"tight: {_gib(spare)} to spare{each}, with the settings below", None
        if spare < _SURE * fit.budget_bytes:
            return f"tight: {_gib(spare)} to spare{each}, less than the estimate may be off by", None
        first = next(iter(fit.notes), "its layers or its weights are not known well enough")
        return f"tight: {first}", first
    if _UNKNOWN in fit.notes:
        return f"no: {_UNKNOWN}", _UNKNOWN
    if spare < 0:
        return f"no: {_gib(-spare)} too much{each}", None
    why = next((note for note in fit.notes if _is_reason(note)), None)
    return (f"no: {why}", why) if why else ("no", None)


def _is_reason(note: str) -> bool:
    words = (" run", "context ends", "tensor parallel", "cache type")
    return any(word in note for word in words)


def _memory(answer: Answer, signs: Signs, width: int) -> list[str]:
    """The terms one after the other along the budget, or along what would be needed."""
    fit = answer.fit
    rows = [
        ("weights", fit.weights.bytes, "as given" if answer.given else _FROM.get(fit.weights.source, "")),
        ("cache", fit.kv_cache.bytes, _about_cache(fit)),
        ("state", fit.state.bytes, "recurrent layers, at any length"),
        ("activations", fit.activations.bytes, f"a step of {fit.settings.batched_tokens or 0:,} tokens"),
        ("overhead", fit.overhead.bytes, "the engine itself"),
    ]
    scale, cells = max(fit.budget_bytes, fit.required_bytes, 1), 28 if width >= _WIDE else 20
    drawn: list[tuple[str, str, int, str]] = []
    used = 0
    for name, size, about in rows:
        if size or name != "state":
            bar = _bar(used / scale, (used + size) / scale, cells, signs.full, signs.little)
            drawn.append((name, bar, size, about))
            used += size
    if used < fit.budget_bytes:
        free = _bar(used / scale, fit.budget_bytes / scale, cells, signs.free, signs.free)
        drawn.append(("free", free, fit.budget_bytes - used, ""))
    ruler = _ruler(round(fit.budget_bytes / scale * cells), signs)
    drawn.append(("budget", ruler, fit.budget_bytes, _about_budget(answer)))
    return [
        line
        for name, bar, size, about in drawn
        for line in _row(f"  {name:<12}{bar:<{cells}} {_gib(size):>11}  ", about, width)
    ]


def _row(begun: str, about: str, width: int) -> list[str]:
    """A term; what is said of it goes on below where the line is too short."""
    said = textwrap.wrap(about, max(20, width - len(begun))) or [""]
    return [f"{begun}{said[0]}".rstrip(), *(" " * len(begun) + more for more in said[1:])]


def _bar(start: float, end: float, cells: int, sign: str, little: str) -> str:
    """From one share of the whole to another; what is there can be seen."""
    first, last = round(start * cells), round(end * cells)
    if end > start and last == first:
        return " " * min(first, cells - 1) + little
    return " " * first + sign * (last - first)


def _ruler(length: int, signs: Signs) -> str:
    left, line, right = signs.ruler
    return left + line * (length - 2) + right if length > 1 else line


def _about_cache(fit: Fit) -> str:
    if fit.kv_cache.source == "guess":
        return "a guess: the layers were not read"
    said = f"{fit.kv_bytes_per_token:,} bytes per token"
    word = fit.settings.cache_dtype
    said += f" ({word})" if word and word != "auto" else ""
    held = fit.kv_cache.bytes + fit.state.bytes
    if fit.ideal_bytes and held > 1.05 * fit.ideal_bytes:
        whose = "attention and state themselves need" if fit.state.bytes else "attention itself needs"
        said += f"; {whose} {_gib(fit.ideal_bytes)}"
    return said


def _about_budget(answer: Answer) -> str:
    fit, device = answer.fit, answer.hardware.device
    each = f"on each of {fit.devices} devices, " if fit.devices > 1 else ""
    total = device.visible_bytes
    if fit.settings.utilisation is None:
        return f"{each}of {_gib(total)} what one may plan with"
    return f"{each}{100 * fit.budget_bytes / total:.0f} % of {_gib(total)}"


def _speed(fit: Fit) -> list[str]:
    if fit.verdict is FitVerdict.NO:
        return []
    speed, total = fit.decode_tokens_per_second, fit.total_tokens_per_second
    if fit.kv_cache.source == "guess":
        return ["speed: not said, since its layers were not read"]
    if speed is None:
        return []
    users = fit.load.users
    said = f"speed: {span(speed)} tok/s for {'one user' if users == 1 else f'each of {users:,} users'}"
    if users > 1 and total is not None:
        said += f", {span(total)} for all"
    said += f", most likely {_number(speed.expected)} (eight in ten measured runs lie in such a range)"
    if fit.prefill_seconds is not None:
        said += (
            f"; about {_seconds(fit.prefill_seconds)} (rough: within a factor of two) "
            f"until a prompt of {fit.load.context_tokens:,} tokens is read"
        )
    return [said]


def _room(fit: Fit) -> list[str]:
    if fit.verdict is FitVerdict.NO or silence(fit) == ENCODES:
        return []
    load = fit.load
    each = "one user" if load.users == 1 else f"each of {load.users:,}"
    guess = fit.kv_cache.source == "guess"
    users = f"{fit.max_users:,} {'user' if fit.max_users == 1 else 'users'}"
    said = f"room: for {users} at this context, or {fit.max_context:,} tokens for {each}"
    said += "; a guess, from half to twice of it" if guess else ""
    if fit.engine == "vllm" and fit.max_concurrency and not guess:
        said += (
            f'; vLLM will print "Maximum concurrency for {load.context_tokens:,} tokens per request: '
            f'{fit.max_concurrency:.2f}x"'
        )
    return [said]


def _breaks(model: Model, fit: Fit) -> list[str]:
    longest = model.shape.context_tokens if model.shape else None
    ends = breaks(fit, longest)
    if not ends or fit.kv_cache.source == "guess" or silence(fit) == ENCODES:
        return []
    return [f"breaks first: {ends[0].what}; then {'; then '.join(end.what for end in ends[1:])}"]


def levers_that_help(fit: Fit) -> list[str]:
    """Without what saves memory where memory is not what is short."""
    other = fit.verdict is FitVerdict.NO and fit.required_bytes <= fit.budget_bytes
    return [lever for lever in fit.levers if not other or "shorter context" in lever]


def _levers(fit: Fit) -> list[str]:
    levers = levers_that_help(fit)
    if not levers:
        return []
    wanted = "to make it fit" if fit.verdict is FitVerdict.NO else "for more room"
    return [f"{wanted}: {'; or '.join(levers)}"]


def _engine(answer: Answer) -> list[str]:
    reason = answer.engine_reason
    return [f"engine: {answer.fit.engine} ({reason})"] if reason and reason not in answer.fit.notes else []


def _command(answer: Answer) -> list[str]:
    line = answer.command or answer.sketch
    if line is None:
        return [f"  no command: {plain(answer.why_no_command)}"] if answer.why_no_command else []
    first = "run it:" if answer.command else f"run it, with a repo that has it in {answer.variant.label}:"
    return [f"  {first}", *(f"    {plain(part)}" for part in line.splitlines())]


def _wrapped(line: str, width: int) -> list[str]:
    return textwrap.wrap(
        line,
        max(40, width),
        initial_indent="  ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _gib(size: int) -> str:
    return f"{size / GIB:,.1f} GiB"


def span(speed: Speed) -> str:
    """The range of a speed: "62-95"."""
    return f"{_number(speed.low)}-{_number(speed.high)}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def _seconds(value: float) -> str:
    if value >= 120:
        return f"{value / 60:,.0f} min"
    return f"{value:.0f} s" if value >= 10 else f"{value:.1f} s"
