"""What a start-up log says, each figure with the line it stands on, and the desk on which it is gathered."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from watcher.types import Settings

MOST_BYTES, MOST_TOKENS, MOST_SPEED = 2**50, 2**40, 1e7  # what is above is a mistake
_MOST_PROBLEMS = 20
# Every engine that we read divides by powers of 1024, also where it prints "GB" (vLLM before 0.7, SGLang).
_UNITS = {"B": 1, "KIB": 2**10, "KB": 2**10, "MIB": 2**20, "MB": 2**20, "GIB": 2**30, "GB": 2**30}


class UnknownLog(Exception):  # noqa: N818 - says what it is, as UnknownShape does
    """No line of any engine that we know; the message says what was looked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """A figure of a log. Memory is bytes on one device; line counts from 1."""

    value: float
    line: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeedRow:
    """Tokens per second that were measured: kind is "decode" (of one user) or "prefill".

    depth_tokens: what each sequence had in its cache, None where the log does not tell. batch:
    sequences at once. samples: of how many lines this is the median. tokens: of a prefill, its prompt.
    """

    kind: str
    tokens_per_second: float
    line: int
    batch: int = 1
    depth_tokens: int | None = None
    tokens: int | None = None
    samples: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class BootLog:
    """One start of an engine. Memory is bytes on one device, None where the log does not tell.

    Of several ranks the fullest counts (the smallest room). weights: the parameters as loaded;
    activations: the profiled peak; non_torch: context, kernels and communication; graphs: as captured,
    graphs_inside when the engine took an estimate of them out of its budget; kv_cache: what it set aside
    for the cache, all that was left with vLLM and SGLang; state: recurrent state where it is told apart;
    unaccounted: llama.cpp's own word for context and kernels. kv_tokens: tokens that fit the cache.
    max_concurrency: sequences of concurrency_context_tokens; kv_needed: bytes of one sequence of
    needed_context_tokens, from the error of a boot that failed for lack of them.
    sequences and context_tokens: for how many of which length llama.cpp allocated its cache;
    states: for how many its recurrent state.
    quantisation: the method as vLLM or SGLang name it.
    refused: terms that must not be learned from this boot, and why. boots: how many the file holds.
    """

    engine: str
    engine_version: str | None = None
    model: str | None = None
    quantisation: str | None = None
    devices: tuple[str, ...] = ()
    settings: Settings = field(default_factory=Settings)
    context_tokens: int | None = None
    sequences: int = 1
    states: int = 1
    block_size: int | None = None
    device_memory: Measure | None = None
    file_bytes: Measure | None = None
    weights: Measure | None = None
    activations: Measure | None = None
    non_torch: Measure | None = None
    graphs: Measure | None = None
    graphs_inside: bool = False
    unaccounted: Measure | None = None
    kv_cache: Measure | None = None
    state: Measure | None = None
    kv_tokens: Measure | None = None
    kv_needed: Measure | None = None
    needed_context_tokens: int | None = None
    max_concurrency: Measure | None = None
    concurrency_context_tokens: int | None = None
    num_blocks: Measure | None = None
    speeds: tuple[SpeedRow, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    boots: int = 1
    complete: bool = True
    problems: tuple[str, ...] = ()

    @property
    def tensor_parallel(self) -> int:
        return self.settings.tensor_parallel or 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """A line that a busy server writes every few seconds. held_tokens: in the cache, over all sequences."""

    line: int
    total_tokens_per_second: float
    running: int
    held_tokens: float | None
    prefilling: bool = False


class Draft:
    """One boot while it is read: the last word on each figure, of each rank."""

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self.figures: dict[str, dict[str, Measure]] = {}
        self.words: dict[str, str] = {}
        self.devices: dict[str, None] = {}
        self.refused: dict[str, str] = {}
        self.speeds: list[SpeedRow] = []
        self.statuses: list[Status] = []
        self.timings: list[SpeedRow] = []
        self.problems: list[str] = []
        self.last_line = 0

    def problem(self, text: str) -> None:
        if len(self.problems) < _MOST_PROBLEMS and text not in self.problems:
            self.problems.append(text)

    def refuse(self, reason: str, *terms: str) -> None:
        for term in terms:
            self.refused.setdefault(term, reason)

    def memory(
        self, name: str, value: str, unit: str, line: int, *, rank: str = "", add: bool = False
    ) -> None:
        """A size in the log's own unit; add to what the rank has said before."""
        self.count(name, value, line, rank=rank, add=add, scale=_UNITS[unit.upper()], most=MOST_BYTES)

    def count(
        self,
        name: str,
        value: str,
        line: int,
        *,
        rank: str = "",
        add: bool = False,
        scale: float = 1.0,
        most: float = MOST_TOKENS,
    ) -> None:
        """A number of the log; one that can not be is dropped and said."""
        found = number(value)
        if found is None or not abs(found * scale) <= most:
            self.problem(f"line {line}: {name.replace('_', ' ')} {value[:40]!r} can not be; left out")
            return
        before = self.figures.setdefault(name, {}).get(rank)
        total = found * scale + (before.value if add and before else 0.0)
        self.figures[name][rank] = Measure(value=total, line=line)
        self.last_line = line

    def speed(self, row: SpeedRow) -> None:
        if 0 < row.tokens_per_second <= MOST_SPEED:
            self.speeds.append(row)
            self.last_line = row.line
        else:
            self.problem(
                f"line {row.line}: {row.kind} of {row.tokens_per_second:g} tok/s can not be; left out"
            )

    def has(self, *names: str) -> bool:
        return any(name in self.figures for name in names)

    def most(self, name: str) -> Measure | None:
        """The figure of the fullest rank."""
        return max(self.figures.get(name, {}).values(), key=lambda m: m.value, default=None)

    def least(self, name: str) -> Measure | None:
        """The figure of the rank with the smallest room."""
        return min(self.figures.get(name, {}).values(), key=lambda m: m.value, default=None)

    def whole(self, name: str) -> int | None:
        """A setting, as a whole number; None where it was not said or is not above zero."""
        found = self.most(name)
        return int(found.value) if found and found.value >= 1 else None


def number(text: str) -> float | None:
    """A number with thousands separators; None for what is none, or is not finite."""
    try:
        value = float(text.replace(",", ""))
    except ValueError:
        return None
    return value if value - value == 0 else None
