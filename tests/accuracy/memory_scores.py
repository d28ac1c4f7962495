"""What engines printed when they started beside the estimate: weights, cache, concurrency, verdicts."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tests.accuracy.answer import (
    Case,
    NoAnswerError,
    boot_case,
    is_dense_cache,
    weights_of,
)
from tests.accuracy.hf_mem import hf_mem_cache_bytes
from tests.accuracy.rows import GIB, Boot, source_key
from tests.accuracy.scores import Compared, Unanswered
from watcher.fit.search import most
from watcher.types import FitVerdict, Load

_GRID = "gpu-benchmarks-on-llm-inference"  # the LLaMA 3 fit/OOM grid of llama.cpp, scored apart
_BLOCK = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Did it load, and what we say: with the boot's own length and settings."""

    boot: str
    source: str
    model: str
    family: str
    device: str
    engine: str
    loaded: bool
    said: FitVerdict
    grid: bool
    working: str

    @property
    def false_fit(self) -> bool:
        return not self.loaded and self.said is FitVerdict.FITS

    @property
    def false_no(self) -> bool:
        return self.loaded and self.said is FitVerdict.NO


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """Every boot; a boot may answer several measures. unanswered: boots that answer none."""

    compared: list[Compared] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    answered: list[Boot] = field(default_factory=list)
    unanswered: list[Unanswered] = field(default_factory=list)


def compare_memory(boots: Iterable[Boot]) -> Memory:
    memory = Memory()
    for boot in boots:
        found = list(_compared(boot))
        verdict, why = _verdict(boot)
        memory.compared.extend(found)
        if verdict is not None:
            memory.verdicts.append(verdict)
        if found or verdict:
            memory.answered.append(boot)
            continue
        memory.unanswered.extend(
            Unanswered(row_id=row_id, reason=why, what=f"{boot.model_id or boot.named} on {boot.gpu}")
            for row_id in boot.row_ids
        )
    return memory


def _compared(boot: Boot) -> Iterator[Compared]:
    """Drafters add weights and caches that rows do not describe: such boots are not compared."""
    if boot.speculative:
        return
    for measure in (_weights, _given_tokens, _needed, _concurrency_given, _end_to_end, _parts):
        try:
            yield from measure(boot)
        except NoAnswerError:
            continue


def _weights(boot: Boot) -> Iterator[Compared]:
    """Weights from the name alone beside what the engine loaded, or the file's size."""
    case = boot_case(boot, any_device=True)
    total = weights_of(case.model, case.format)
    measured = boot.printed.get("weights_loaded")
    if measured:
        yield _row("weights_from_name", boot, case, total / boot.devices / GIB, measured)
    for name in ("model_file_size", "ckpt_size"):
        if size := boot.printed.get(name):
            yield _row("weights_from_name", boot, case, total / GIB, size)


def _cache_bytes(boot: Boot) -> int | None:
    """The cache on one device as printed; SGLang prints keys and values apart."""
    if gib := boot.printed.get("kv_cache_mem"):
        return int(gib * GIB)
    if "k_size" in boot.printed and "v_size" in boot.printed:
        return int((boot.printed["k_size"] + boot.printed["v_size"]) * GIB)
    return None


def _tokens(boot: Boot) -> float | None:
    """Tokens in the cache: printed, or blocks times their size."""
    if tokens := boot.printed.get("kv_cache_tokens"):
        return tokens
    return boot.printed.get("num_gpu_blocks", 0.0) * boot.printed.get("block_size", _BLOCK) or None


def _given_tokens(boot: Boot) -> Iterator[Compared]:
    """Tokens that the printed bytes hold: the cache's arithmetic alone."""
    case = boot_case(boot, own_weights=True, any_device=True)
    held, tokens = _cache_bytes(boot), _tokens(boot)
    if not is_dense_cache(case) or case.model.guessed:
        return
    per_token = case.usual().layout.per_token()
    if stated := boot.printed.get("kv_bytes_per_token"):
        yield _row("kv_bytes_per_token", boot, case, per_token, stated)
    if held and tokens and held > 0:
        block = int(boot.printed.get("block_size", _BLOCK))
        ours = held // per_token // block * block
        rough = "rounds" in boot.notes or "rough" in boot.notes
        # With several devices one prints its bytes, and the one with least room decides the tokens.
        name = "dense_kv_tokens_several_devices" if boot.devices > 1 else "dense_kv_tokens_given"
        name = "dense_kv_tokens_rounded_by_author" if rough else name
        yield _row(name, boot, case, ours, tokens)


def _needed(boot: Boot) -> Iterator[Compared]:
    """What the engine says one sequence of the full length needs, or how long one may be."""
    needed = boot.printed.get("kv_needed_for_max_len")
    case = boot_case(boot, own_weights=True, any_device=True)
    if case.model.guessed:
        return
    if needed and boot.max_model_len:
        ours = case.usual().cache(1, boot.max_model_len) / GIB
        yield _row("kv_needed", boot, case, ours, needed)
    longest, held = boot.printed.get("est_max_model_len"), _cache_bytes(boot)
    if longest and held and held > 0:
        way = case.usual()
        yield _row("kv_needed", boot, case, most(1 << 24, lambda n: way.cache(1, n), held), longest)


def _concurrency_given(boot: Boot) -> Iterator[Compared]:
    """Sequences of the full length that the printed bytes hold."""
    measured, held, length = boot.printed.get("max_concurrency"), _cache_bytes(boot), boot.max_model_len
    if not measured or not held or not length:
        return
    case = boot_case(boot, own_weights=True, any_device=True)
    name = "dense_concurrency_given" if is_dense_cache(case) else "hybrid_concurrency"
    if case.model.guessed:
        name = "concurrency_guessed"
    way = case.usual()
    yield _row(name, boot, case, held / max(1, way.cache(1, length)), measured)
    theirs = hf_mem_cache_bytes(case.model.shape, length, way.plan.element_bytes) / way.layout.split
    if not case.model.guessed and theirs:
        yield _row(f"hf_mem_{name}", boot, case, held / theirs, measured)


def _end_to_end(boot: Boot) -> Iterator[Compared]:
    """From the names and settings alone: bytes left for the cache, tokens and sequences in them."""
    case = boot_case(boot)
    length = boot.max_model_len or 4096
    way = case.usual()
    left, per_token = max(0, way.left), way.layout.per_token()
    held, tokens = _cache_bytes(boot), _tokens(boot)
    if case.model.guessed:
        return
    if not is_dense_cache(case):
        if measured := boot.printed.get("max_concurrency"):
            ours = left / max(1, way.cache(1, length))
            yield _row("hybrid_concurrency_end_to_end", boot, case, ours, measured)
        return
    if tokens is None and held and held > 0:
        tokens = held / per_token
    if tokens:
        yield _row("dense_kv_tokens_end_to_end", boot, case, left / per_token, tokens)


def _parts(boot: Boot) -> Iterator[Compared]:
    """The terms of the estimate one by one."""
    case = boot_case(boot)
    way = case.usual()
    peak, held = boot.printed.get("activation_peak"), _cache_bytes(boot)
    if peak and peak > 0:
        yield _row("activations", boot, case, way.activations / GIB, peak)
    if held and held > 0 and not case.model.guessed:
        yield _row("kv_memory_end_to_end", boot, case, max(0, way.left) / GIB, held / GIB)


def _row(measure: str, boot: Boot, case: Case, estimated: float, measured: float) -> Compared:
    return Compared(
        measure=measure,
        row_id=boot.row_ids[0],
        source=source_key(boot.source),
        model=case.model.name,
        family=case.model.family,
        device=case.device,
        engine=case.engine,
        estimated=estimated,
        measured=measured,
        guessed=case.model.guessed,
        working=f"{boot.group}: {case.format.label}, {_settings(boot)}; {_terms(boot, case)}",
    )


def _terms(boot: Boot, case: Case) -> str:
    """Our terms on one device beside what was printed: the one that is off is the explanation."""
    way = case.usual()
    ours = (("weights", way.weights), ("activations", way.activations), ("overhead", way.overhead))
    words = ", ".join(f"{name} {size / GIB:.2f}" for name, size in (*ours, ("left", way.left)))
    told = ", ".join(f"{name} {value:.6g}" for name, value in boot.printed.items())
    return f"ours in GiB of {way.plan.budget_bytes / GIB:.2f}: {words}; printed: {told}"


def _settings(boot: Boot) -> str:
    said = [
        f"tp {boot.devices}",
        f"utilisation {boot.utilisation or 'default'}",
        f"length {boot.max_model_len or 'default'}",
        f"cache {boot.cache_dtype or 'default'}",
        f"{boot.engine} {boot.engine_version}".strip(),
    ]
    return ", ".join(said)


def _verdict(boot: Boot) -> tuple[Verdict | None, str]:
    """Our verdict at the boot's own length; the reason where there is none."""
    try:
        case = boot_case(boot)
    except NoAnswerError as why:
        return None, str(why)
    if boot.fits is None:
        return None, "the boot does not tell whether it fits"
    if boot.speculative:
        return None, "speculative decoding: the drafter is not described"
    own = boot_case(boot, own_weights=True)
    if boot.max_model_len is None and boot.fits is False:
        return None, "the context that did not fit is not stated"
    fit = own.ask(Load(users=1, context_tokens=boot.max_model_len or 1))
    verdict = Verdict(
        boot=boot.group,
        source=source_key(boot.source),
        model=case.model.name,
        family=case.model.family,
        device=case.device,
        engine=case.engine,
        loaded=boot.fits,
        said=fit.verdict,
        grid=_GRID in boot.source.casefold(),
        working=(
            f"{own.format.label}, {boot.devices} device(s), {_settings(boot)}: needs "
            f"{fit.required_bytes / GIB:.1f} of {fit.budget_bytes / GIB:.1f} GiB"
        ),
    )
    return verdict, ""
