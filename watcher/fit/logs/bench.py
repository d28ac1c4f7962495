"""llama-bench: its Markdown table, and its CSV, JSON and JSON lines."""

import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

from watcher.fit.logs.boot import BootLog, Draft, SpeedRow, number
from watcher.fit.logs.settings import cache_dtype
from watcher.fit.logs.text import Line
from watcher.types import Settings

_TEST = re.compile(r"(pp|tg)\s?(\d{1,9})(?:\s?@\s?d(\d{1,9}))?$")
_SPEED = re.compile(r"([\d.,]{1,20})\s{0,4}(?:±|\+/?-|\ufffd{1,2}|$)")
_SIZE = re.compile(r"([\d.,]{1,16}) (GiB|MiB)$")
_CSV_HEAD = re.compile(r"^\"?build_commit\"?,", re.MULTILINE)
_JSON_HEAD = re.compile(r"\[\s{0,8}\{\s{0,12}\"build_commit\"|^\{\"build_commit\"", re.MULTILINE)
_ALL_LAYERS = 99  # what people pass for "all of them"; no flag tells how many there were


@dataclass(frozen=True, kw_only=True, slots=True)
class TableRow:
    """A line of the Markdown table. size in GiB, as printed; refused: why its speed is no device's."""

    model: str
    size: str | None
    backend: str
    speed: SpeedRow
    refused: str | None


def table_row(line: Line) -> TableRow | None:
    """A row of the Markdown table; None for its head, other tables, and tests of both kinds (pp512+tg128)."""
    cells = [cell.strip() for cell in line.text.strip().strip("|").split("|")]
    if len(cells) < 5:
        return None
    test, speed = _TEST.match(cells[-2]), _SPEED.match(cells[-1])
    value = number(speed[1]) if speed else None
    if test is None or value is None:
        return None
    size = next((found for cell in cells[1:4] if (found := _SIZE.match(cell))), None)
    backend = next((cell for cell in cells[1:5] if re.fullmatch(r"[A-Za-z][\w+, ]{1,40}", cell)), "")
    return TableRow(
        model=cells[0],
        size=size[1] if size and size[2] == "GiB" else None,
        backend=backend,
        speed=_row(test[1], int(test[2]), int(test[3] or 0), value, line.number),
        refused=_other_machine(backend),
    )


def _other_machine(backends: str) -> str | None:
    """Why a speed of these backends is not the device's."""
    named = {name.strip().upper() for name in backends.split(",")}
    if "RPC" in named:
        return "it ran on several machines"
    return "it ran on the CPU" if named <= {"CPU", "BLAS"} and backends else None


def _row(kind: str, tokens: int, depth: int, value: float, line: int) -> SpeedRow:
    if kind == "pp":
        return SpeedRow(
            kind="prefill", tokens_per_second=value, line=line, tokens=tokens, depth_tokens=depth or None
        )
    return SpeedRow(kind="decode", tokens_per_second=value, line=line, depth_tokens=depth + tokens // 2)


def read_bench(text: str) -> BootLog | None:
    """The runs of CSV, JSON or JSON lines in a text; None where there are none.

    Of several models the last one's.
    """
    rows = [(line, row) for line, row in _records(text) if isinstance(row, Mapping) and row.get("avg_ts")]
    if not rows:
        return None
    last = rows[-1][1]
    model = str(last.get("model_filename") or last.get("model_type") or "") or None
    draft = Draft("llama.cpp")
    for line, row in rows:
        if (row.get("model_filename") or row.get("model_type")) != (model or None):
            draft.problem(f"line {line}: {row.get('model_filename')!s:.80} is another model; left out")
            continue
        _take(draft, row, line)
    if not draft.speeds:
        return None
    build = last.get("build_number")
    return BootLog(
        engine="llama.cpp",
        engine_version=f"b{build}" if build else None,
        model=model,
        devices=tuple(draft.devices),
        settings=Settings(
            batched_tokens=draft.whole("n_ubatch"),
            cache_dtype=cache_dtype(draft.words.get("cache_dtype")),
        ),
        file_bytes=draft.most("file"),
        speeds=tuple(draft.speeds),
        refused=draft.refused,
        problems=tuple(draft.problems),
    )


def _take(draft: Draft, row: Mapping[str, Any], line: int) -> None:
    prompt, reply, depth = (_whole(row.get(name)) for name in ("n_prompt", "n_gen", "n_depth"))
    speed = number(str(row["avg_ts"]))
    if speed is None or bool(prompt) == bool(reply):
        return  # a test of both kinds tells neither
    kind, tokens = ("pp", prompt) if prompt else ("tg", reply)
    draft.speed(_row(kind, tokens, depth, speed, line))
    for name in str(row.get("gpu_info") or "").split(" + ")[:16]:
        if name.strip():
            draft.devices[name.strip()[:80]] = None
    draft.memory("file", str(_whole(row.get("model_size"))), "B", line)
    draft.count("n_ubatch", str(_whole(row.get("n_ubatch"))), line)
    if str(row.get("type_k", "f16")) != "f16":
        draft.words["cache_dtype"] = str(row["type_k"])
    layers = number(str(row.get("n_gpu_layers", _ALL_LAYERS)))
    if layers is not None and 0 <= layers < _ALL_LAYERS:
        draft.refuse(f"only {layers:g} layers were on the device", "decode", "prefill")
    if other := _other_machine(str(row.get("backends") or "")):
        draft.refuse(other, "decode", "prefill")
    if _whole(row.get("n_cpu_moe")):
        draft.refuse("experts were on the CPU", "decode", "prefill")


def _whole(value: object) -> int:
    found = number(str(value)) if value is not None else None
    return int(found) if found is not None and 0 <= found < 2**53 else 0


def _records(text: str) -> Iterable[tuple[int, Any]]:
    """(line, row) of every run in the text."""
    if head := _CSV_HEAD.search(text):
        start = text.count("\n", 0, head.start()) + 1
        try:
            yield from enumerate(csv.DictReader(StringIO(text[head.start() :])), start=start + 1)
        except csv.Error:
            return
        return
    for head in _JSON_HEAD.finditer(text):
        try:
            value, _ = json.JSONDecoder().raw_decode(text, head.start())
        except (ValueError, RecursionError):
            continue
        start = text.count("\n", 0, head.start()) + 1
        runs: Sequence[Any] = value if isinstance(value, list) else [value]
        yield from ((start, run) for run in runs)
