"""The run as people read it: plain text for the terminal, docs/accuracy.md for keeps."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from textwrap import wrap

from tests.accuracy.bars import judged
from tests.accuracy.booklet import Said
from tests.accuracy.peers import Beside
from tests.accuracy.read_configs import Read
from tests.accuracy.result import Result
from tests.accuracy.scores import Compared, Score, bias, grouped, inside, row_median, source_median, within

_KEYS: tuple[tuple[str, Callable[[Compared], str]], ...] = (
    ("family", lambda row: row.family),
    ("device", lambda row: row.device),
    ("engine", lambda row: row.engine),
    ("source", lambda row: row.source),
)
_PLAIN = (
    "false_",
    "ran_though",
    "estimated_over",
    "decode_error_over",
    "what_fits_seconds",
    "what_fits_llmfit",
)
_LEAST_FOR_RATIO = 10


def number(name: str, score: Score) -> str:
    if score.value is None:
        return "-"
    return f"{score.value:.3g}" if name.startswith(_PLAIN) else f"{score.value:.1%}"


def text(result: Result, worst: int) -> str:
    """Coverage, scores, groups and the worst rows."""
    lines = [f"{result.rows} rows, {result.answered} answered"]
    for title, rows in (("not answered", result.unanswered), ("not scored", result.unscored)):
        lines += [
            f"{title}:",
            *(f"  {n:4} {why}" for why, n in Counter(u.reason for u in rows).most_common()),
        ]
    lines += ["", "bars:"]
    lines += [
        f"  {word:12} {bar.words}: {number(bar.measure, score)} (n={score.n}), wanted {bar.wanted}"
        for bar, score, word in judged(result.scores)
    ]
    lines += ["", "scores (each source once; _rows: each row once):"]
    lines += [f"  {name:50} {number(name, s):>9}  n={s.n}" for name, s in result.scores.items()]
    for title, key in _KEYS:
        lines += ["", f"decode, one user, by {title}:"]
        held = grouped(result.held_out_decode, key)
        lines += [f"  {line}" for line in _groups(result.decode, held, key)]
    lines += ["", *_beside(result.beside), "", f"worst {worst} rows:"]
    lines += [f"  {_worst(row)}" for row in result.worst(worst)]
    lines += ["", "verdicts that a boot contradicts:"]
    lines += [f"  {_verdict_words(result, index)}" for index in range(len(result.contradicted))]
    return "\n".join(lines)


def _groups(
    rows: Sequence[Compared], held: Mapping[str, list[Compared]], key: Callable[[Compared], str]
) -> Iterator[str]:
    for name, group in grouped(rows, key).items():
        yield (
            f"{name:50} n={len(group):4} median {row_median(group) or 0:6.1%}, "
            f"cross-validated {_median(held.get(name)) or '-':>6}, "
            f"estimated/measured {bias(group) or 0:.2f}, "
            f"within 25 % {within(group) or 0:4.0%}, in range {inside(group) or 0:4.0%}"
        )


def _beside(beside: Beside | None) -> Iterator[str]:
    if beside is None:
        yield "llmfit: not run (not installed)"
        return
    yield (
        f"{beside.peer} on the same {len(beside.ours)} rows "
        f"({len(beside.silent)} more are of models it does not list): "
        f"ours {source_median(beside.ours) or 0:.1%}, theirs {source_median(beside.theirs) or 0:.1%}"
    )
    for attribute in ("family", "device"):
        for name, (n, ours, theirs) in beside.ratios(attribute, _LEAST_FOR_RATIO).items():
            ratio = f"{ours / theirs:.2f}" if theirs else "-"
            yield f"  {attribute} {name:40} n={n:4} ours {ours:6.1%} theirs {theirs:6.1%} ratio {ratio}"


def _worst(row: Compared) -> str:
    return (
        f"{row.row_id} {row.measure} {row.model}: estimated {row.estimated:.4g}, measured "
        f"{row.measured:.4g} ({row.estimated / row.measured:.2f}) | {row.source} | {row.working}"
    )


def _verdict_words(result: Result, index: int) -> str:
    v = result.contradicted[index]
    seen = "loaded" if v.loaded else "did not load"
    return f"{v.boot} {v.model} on {v.device}: {seen}, we say {v.said} | {v.working}"


def document(result: Result, booklet: Sequence[Said], configs: Sequence[Read], worst: int = 10) -> str:
    """docs/accuracy.md."""
    parts = [
        *_opening(result),
        *_bar_table(result),
        *_coverage(result),
        *_speed(result),
        *_peers(result.beside),
        *_memory(result),
        *_booklet(booklet),
        *_explained(result, worst),
        *_configs(configs),
    ]
    return "\n".join(parts).rstrip() + "\n"


def _prose(*sentences: str) -> Iterator[str]:
    """A paragraph, wrapped, and the blank line after it."""
    yield from wrap(" ".join(sentences), 118, break_long_words=False, break_on_hyphens=False)
    yield ""


def _opening(result: Result) -> Iterator[str]:
    yield from ("# How far the fit engine is off", "")
    yield from _prose(
        "Written by `python -m tests.accuracy.fit --memory FILE.csv --speed FILE.csv`; run it again",
        "rather than edit it. The rows are other people's logs and result files, none measured by us:",
        f"{', '.join(result.files) or 'none'}.",
    )
    yield from _prose(
        "An error of 10 % is off by a factor of 1.10 either way (median of the absolute log error).",
        "**Each source counts once**, however many rows it has; the plain median of rows stands beside",
        "it. *Cross-validated* means that the source being scored had no part in the constants that",
        "predict it. Somebody's estimates and speculative decoding are never scored. A row whose",
        "weights exceed the devices ran partly on the CPU and is not answered. NVFP4 checkpoints",
        "without a word on the cache are taken to ask for FP8, as NVIDIA's do.",
    )


def _bar_table(result: Result) -> Iterator[str]:
    yield from (
        "## Bars",
        "",
        "| what | score | rows once | n | wanted | |",
        "| --- | --- | --- | --- | --- | --- |",
    )
    for bar, score, word in judged(result.scores):
        plain = result.scores.get(f"{bar.measure}_rows")
        rows = number(bar.measure, plain) if plain else ""
        word = f"**{word}**" if word == "missed" else word
        yield f"| {bar.words} | {number(bar.measure, score)} | {rows} | {score.n} | {bar.wanted} | {word} |"
    yield ""
    told = (
        "ran_though_we_say_no",
        "range_width",
        "within_25_percent",
        "estimated_over_measured",
        "what_fits_seconds",
    )
    for name in told:
        if name in result.scores:
            score = result.scores[name]
            yield f"- {name.replace('_', ' ')}: {number(name, score)} (n={score.n})"
    yield ""


def _coverage(result: Result) -> Iterator[str]:
    yield from ("## Coverage", "", f"{result.rows} rows, {result.answered} answered.", "")
    yield from ("| not answered, or not scored | rows |", "| --- | --- |")
    reasons = Counter(row.reason for row in [*result.unanswered, *result.unscored])
    yield from (f"| {_cell(why)} | {n} |" for why, n in reasons.most_common())
    yield ""


def _speed(result: Result) -> Iterator[str]:
    yield from ("## Decode, one user", "")
    for title, key in _KEYS:
        yield from (
            f"| {title} | n | median error | cross-validated | our/measured | within 25 % | in our range |",
            "| --- | --- | --- | --- | --- | --- | --- |",
        )
        held = grouped(result.held_out_decode, key)
        for name, rows in grouped(result.decode, key).items():
            yield (
                f"| {_cell(name)} | {len(rows)} | {row_median(rows) or 0:.1%} | {_median(held.get(name))} | "
                f"{bias(rows) or 0:.2f} | "
                f"{within(rows) or 0:.0%} | {inside(rows) or 0:.0%} |"
            )
        yield ""
    others = [
        (name, score)
        for name, score in result.scores.items()
        if name.startswith(("decode_shared", "total_throughput", "decode_guessed"))
    ]
    yield from (f"- {name.replace('_', ' ')}: {number(name, score)} (n={score.n})" for name, score in others)
    yield ""


def _median(rows: Sequence[Compared] | None) -> str:
    value = row_median(rows) if rows else None
    return "" if value is None else f"{value:.1%}"


def _peers(beside: Beside | None) -> Iterator[str]:
    yield from ("## Beside llmfit", "")
    if beside is None:
        yield from ("Not run: llmfit is not installed (`pip install '.[peers]'`).", "")
        return
    yield from _prose(
        f"{beside.peer}, asked on the same rows for the same format on a hardware profile with our own",
        "bandwidth and memory of the device (`llmfit --profile FILE plan MODEL --quant FORMAT --json`,",
        "path gpu). It knows neither the engine nor the depth of context, and no FP8 or NVFP4: those",
        f"rows ask for its nearest format. Rows whose model it does not list: {len(beside.silent)}.",
        "Groups of ten rows or more; above 1 we are worse:",
    )
    yield from (
        "| | n | ours | llmfit | ratio |",
        "| --- | --- | --- | --- | --- |",
    )
    ours, theirs = source_median(beside.ours) or 0.0, source_median(beside.theirs) or 0.0
    if theirs:
        n = len(beside.ours)
        yield f"| all, each source once | {n} | {ours:.1%} | {theirs:.1%} | {ours / theirs:.2f} |"
    for attribute in ("family", "device"):
        for name, (n, own, other) in beside.ratios(attribute, _LEAST_FOR_RATIO).items():
            ratio = f"{own / other:.2f}" if other else "-"
            ratio = f"**{ratio}**" if own > other else ratio
            yield f"| {attribute} {name} | {n} | {own:.1%} | {other:.1%} | {ratio} |"
    yield ""


def _memory(result: Result) -> Iterator[str]:
    yield from (
        "## Memory",
        "",
        "| measure | each source once | each boot once | n |",
        "| --- | --- | --- | --- |",
    )
    speed = (
        "decode",
        "total",
        "inside",
        "range",
        "within",
        "estimated",
        "llmfit",
        "what_fits",
        "false",
        "ran_",
    )
    for name, score in result.scores.items():
        if name.startswith(speed) or name.endswith("_rows"):
            continue
        plain = result.scores.get(f"{name}_rows")
        rows = number(name, plain) if plain else ""
        yield f"| {name.replace('_', ' ')} | {number(name, score)} | {rows} | {score.n} |"
    yield ""
    if result.contradicted:
        yield from ("Boots that contradict our verdict:", "")
        yield from (f"- {_verdict_words(result, i)}" for i in range(len(result.contradicted)))
        yield ""


def _booklet(cells: Sequence[Said]) -> Iterator[str]:
    yield from ("## The founding booklet's verdicts", "")
    yield from _prose(
        "Read at one user with 8K, they are decided as printed (the bar above) but for two cells.",
        "27-32B at FP8 on an H100, tight there: it fits, and is tight from 17 users on; vLLM 0.11 left",
        "4.45 GiB for the cache of Qwen3 32B even at 16 bit (llm-d/llm-d-benchmark). 235B at NVFP4 on a",
        "DGX Spark, tight there: it does not load. Four bits alone are 118 GB; NVFP4's scales make 9/16 byte",
        "of each weight (ai-dynamo/aiconfigurator), 132 GB, where 112 GiB (120 GB) are reachable.",
    )
    yield from ("## The founding booklet's speeds", "")
    yield from _prose(
        "Single-user tokens per second as printed in April 2026; ours at 512 tokens of context. Where",
        "measured rows of the same shape, class of format and device lie outside the printed range,",
        "measurement wins and they are bold. The booklet's H200 column is its own estimate, the H100's",
        "figures times the bandwidth; measured steps are far smaller (Llama 3 8B BF16 in vLLM 129 on an",
        "H100 and 131 on an H200, FreedomIntelligence/AccelMark; gpt-oss-20b 286 and 292 in llama.cpp,",
        "pavlokhmel.com), so where only that column disagrees we keep our figure.",
    )
    yield from (
        "| model | format | device | printed | ours | measured by others |",
        "| --- | --- | --- | --- | --- | --- |",
    )
    for cell in cells:
        ours = "not answered"
        if cell.ours is not None:
            low, expected, high = cell.ours
            ours = f"{expected:.3g} ({low:.3g}-{high:.3g}){'' if cell.agrees else ', disagrees'}"
        measured = ""
        if cell.measured:
            span = f"{cell.measured[0]:.3g}-{cell.measured[-1]:.3g} ({', '.join(cell.sources)})"
            measured = f"**{span}**" if cell.contradicted else span
        printed = f"{cell.low:g}-{cell.high:g}" if cell.low != cell.high else f"{cell.low:g}"
        yield f"| {cell.model} | {cell.format} | {cell.device} | {printed} | {ours} | {measured} |"
    yield ""


def _explained(result: Result, worst: int) -> Iterator[str]:
    yield from (f"## The worst {worst} rows", "")
    yield from (f"- {_worst(row)}" for row in result.worst(worst))
    yield ""


def _configs(configs: Sequence[Read]) -> Iterator[str]:
    if not configs:
        return
    refused = sum(read.shape is None for read in configs)
    yield from ("## Configurations read", "")
    yield from _prose(
        f"{len(configs)} recorded config.json files: {len(configs) - refused} read to a shape, {refused}",
        "refused with the reason. Bytes per token are those of a BF16 cache on one device.",
    )
    yield from (
        "| configuration | layers | parameters, 10^9 | cache bytes per token | state bytes per sequence |",
        "| --- | --- | --- | --- | --- |",
    )
    yield from (read.line() for read in configs)


def _cell(words: str) -> str:
    return words.replace("|", "/")
