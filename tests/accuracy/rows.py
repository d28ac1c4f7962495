"""Measured rows as their files give them: tolerant of blanks, strict about numbers.

Columns: the README beside the files. A blank is unknown, never zero; a word where a number belongs
counts as a blank.
"""

import csv
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

GIB = 1024**3


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeedRow:
    """One measured speed in tokens per second. weights_bytes: of the whole model."""

    row_id: str
    model_id: str
    named: str
    format: str
    weights_bytes: int | None
    gpu: str
    gpu_count: int
    tensor_parallel: int | None
    layer_split: bool
    nominal_gb: float | None
    engine: str
    cache_dtype: str
    utilisation: float | None
    max_model_len: int | None
    prompt_tokens: float | None
    output_tokens: float | None
    depth_tokens: float | None
    concurrency: int
    speculative: bool
    quantity: str
    value: float | None
    estimated_by_others: bool
    confidence: str
    source: str
    source_date: str
    notes: str

    @property
    def context_tokens(self) -> int:
        """Mean tokens in the cache while it decoded: the stated depth, else prompt and half the output."""
        if self.depth_tokens is not None:
            return max(1, int(self.depth_tokens))
        if self.prompt_tokens is None and self.output_tokens is None:
            return 512  # a chat turn; what such rows leave open costs less than the spread of sources
        return max(1, int((self.prompt_tokens or 0) + (self.output_tokens or 0) / 2))


@dataclass(frozen=True, kw_only=True, slots=True)
class Boot:
    """One start of an engine (rows of one group): its settings, and what it printed by quantity.

    weights_bytes: on one device where weights_per_device, else of the whole model.
    """

    group: str
    model_id: str
    named: str
    format: str
    weights_bytes: int | None
    weights_per_device: bool
    gpu: str
    gpu_count: int
    tensor_parallel: int | None
    nominal_gb: float | None
    memory_bytes: int | None
    utilisation: float | None
    max_model_len: int | None
    cache_dtype: str
    max_sequences: int | None
    batched_tokens: int | None
    speculative: bool
    eager: bool
    engine: str
    engine_version: str
    outcome: str
    confidence: str
    source: str
    notes: str
    row_ids: tuple[str, ...]
    printed: Mapping[str, float] = field(default_factory=dict)

    @property
    def devices(self) -> int:
        return max(1, self.tensor_parallel or self.gpu_count)

    @property
    def fits(self) -> bool | None:
        """What was seen: None where the boot does not tell."""
        if "fits" in self.printed:
            return self.printed["fits"] > 0
        return {"fits": True, "does_not_fit": False}.get(self.outcome)


def number(text: str | None) -> float | None:
    """A finite number, signed or not; None for blanks and words."""
    try:
        value = float((text or "").strip())
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def whole(text: str | None) -> int | None:
    value = number(text)
    return int(value) if value is not None and value > 0 else None


def _flag(text: str | None) -> bool:
    return (text or "").strip().casefold() in ("1", "true", "yes")


def _bytes(gib: str | None) -> int | None:
    value = number(gib)
    return int(value * GIB) if value and value > 0 else None


def _speculative(text: str | None) -> bool:
    return (text or "").strip().casefold() not in ("", "none", "no", "off", "0")


def read_speed(paths: Iterable[Path]) -> list[SpeedRow]:
    return [_speed_row(row) for row in _records(paths)]


def read_boots(paths: Iterable[Path]) -> list[Boot]:
    """Rows grouped by group_id within their file; a row without one is a boot of its own."""
    groups: dict[tuple[str, str], list[dict[str, str]]] = {}
    for path in paths:
        for row in _records([path]):
            key = row.get("group_id") or f"row {row.get('row_id')}"
            groups.setdefault((str(path), key), []).append(row)
    return [_boot(key, rows) for (_, key), rows in groups.items()]


def _records(paths: Iterable[Path]) -> Iterator[dict[str, str]]:
    for path in paths:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                yield {key: (value or "").strip() for key, value in row.items() if isinstance(key, str)}


def _speed_row(row: Mapping[str, str]) -> SpeedRow:
    return SpeedRow(
        row_id=row.get("row_id", ""),
        model_id=row.get("hf_model_id", ""),
        named=row.get("model_as_named", ""),
        format=row.get("quant_format", ""),
        weights_bytes=_bytes(row.get("weights_gib")) or whole(row.get("weights_bytes")),
        gpu=row.get("gpu", ""),
        gpu_count=whole(row.get("gpu_count")) or 1,
        tensor_parallel=whole(row.get("tp")),
        layer_split="layer" in row.get("parallelism", "").casefold(),
        nominal_gb=number(row.get("gpu_mem_nominal_gb")),
        engine=row.get("engine", ""),
        cache_dtype=row.get("kv_dtype", ""),
        utilisation=number(row.get("util")),
        max_model_len=whole(row.get("max_model_len")),
        prompt_tokens=number(row.get("prompt_tokens")),
        output_tokens=number(row.get("output_tokens")),
        depth_tokens=number(row.get("context_depth")),
        concurrency=whole(row.get("concurrency")) or 1,
        speculative=_speculative(row.get("spec_decode")),
        quantity=row.get("quantity", ""),
        value=number(row.get("value")),
        estimated_by_others=_flag(row.get("is_estimate")),
        confidence=row.get("confidence", ""),
        source=row.get("source", ""),
        source_date=row.get("source_date", ""),
        notes=row.get("notes", ""),
    )


def _boot(group: str, rows: Sequence[Mapping[str, str]]) -> Boot:
    def first(name: str) -> str:
        return next((row[name] for row in rows if row.get(name)), "")

    printed: dict[str, float] = {}
    for row in rows:
        value = number(row.get("value"))
        if value is not None:
            printed.setdefault(row.get("quantity", ""), value)
    per_device = _bytes(first("weights_gib_per_gpu"))
    return Boot(
        group=group,
        model_id=first("hf_model_id"),
        named=first("model_as_named"),
        format=first("quant_format"),
        weights_bytes=per_device or whole(first("weights_bytes")),
        weights_per_device=per_device is not None,
        gpu=first("gpu"),
        gpu_count=whole(first("gpu_count")) or 1,
        tensor_parallel=whole(first("tp")),
        nominal_gb=number(first("gpu_mem_nominal_gb")),
        memory_bytes=_bytes(first("gpu_mem_gib")),
        utilisation=number(first("util")),
        max_model_len=whole(first("max_model_len")),
        cache_dtype=first("kv_dtype"),
        max_sequences=whole(first("max_num_seqs")),
        batched_tokens=whole(first("max_num_batched_tokens")),
        speculative=_speculative(first("spec_decode")),
        eager=_flag(first("enforce_eager")),
        engine=first("engine"),
        engine_version=first("engine_version"),
        outcome=first("outcome"),
        confidence=first("confidence"),
        source=first("source"),
        notes=first("notes"),
        row_ids=tuple(row.get("row_id", "") for row in rows),
        printed=printed,
    )


_SUBMITTED = re.compile(r"/community/(\S+)")
_REPOSITORY = re.compile(r"github:([\w.-]+/[\w.-]+)")


def source_key(source: str) -> str:
    """Who measured: a repository counts once however many files it has, a community folder once per file.

    The files of a community folder are other people's submissions, from their own machines.
    """
    if found := _SUBMITTED.search(source):
        return f"community {found[1]}"
    if found := _REPOSITORY.search(source):
        return found[1].casefold()
    return re.sub(r"\s*[@(].*", "", source).strip() or "unnamed"
