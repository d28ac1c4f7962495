"""The command that starts an engine with what an estimate assumed. Flag names: watcher/data/serving.yaml.

Repo ids and file names are other people's text: they are quoted for a POSIX shell, and refused where no shell
could be trusted with them.
"""

import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from watcher.fit.engines import Engine, engines
from watcher.formats import format_of
from watcher.quants import loads
from watcher.tables import table
from watcher.types import Device, Hardware, Load, Settings, Variant

_LONGEST = 500
_HUB_ID = re.compile(r"[\w.-]{1,100}/[\w.-]{1,100}", re.ASCII)


class CannotServe(ValueError):  # noqa: N818 - a plain word for what happened
    """There is no command for this; the message says why and what there is instead."""


@dataclass(frozen=True, slots=True)
class _Asked:
    engine: Engine
    row: Mapping[str, Any]
    variant: Variant
    settings: Settings
    load: Load
    hardware: Hardware


def serve_command(
    engine: str,
    *,
    variant: Variant,
    load: Load,
    hardware: Hardware,
    settings: Settings | None = None,
    repo_id: str | None = None,
) -> str:
    """A POSIX command line, after it comments for what a line cannot do (several machines).

    settings is what the estimate assumed (Fit.settings); what is the engine's own default stays unsaid.
    repo_id is a Hub id or a local path, by default the variant's. Raises CannotServe.
    """
    rows = table("serving")["commands"]
    if engine not in rows or engine not in engines():
        raise CannotServe(f"no command is known for {engine[:40]!r}; known: {', '.join(rows)}")
    if not loads(engine, variant):
        raise CannotServe(f"{engine} does not load {variant.label[:40]!r} as {variant.format[:40]!r}")
    asked = _Asked(engines()[engine], rows[engine], variant, settings or Settings(), load, hardware)
    place = _place(repo_id if repo_id is not None else variant.repo_id)
    command = _ollama(asked, place) if engine == "ollama" else _server(asked, place)
    return "\n".join([command, *(f"# {line}" for line in _comments(asked))])


def _server(asked: _Asked, place: str) -> str:
    flags, row = asked.row["flags"], asked.row
    words = [*row["start"], *_model(asked, place)]
    for name, value in _values(asked).items():
        words += [word for flag in flags.get(name, ()) for word in (flag, value)]
    words += row.get("fixed", ())
    if asked.settings.eager:
        words += flags.get("eager", ())
    if not asked.settings.prefix_caching:
        words += flags.get("no_prefix_caching", ())
    return shlex.join(words)


def _values(asked: _Asked) -> dict[str, str]:
    """What to say, by name, in the order in which it is said."""
    settings, load = asked.settings, asked.load
    usual = asked.engine.plans(asked.hardware.device, 2.0, Settings())[0]
    always = asked.row.get("always", ())
    found: dict[str, str] = {}
    if asked.engine.tensor_parallel and _devices(asked) > 1:
        found["devices"] = str(_devices(asked))
    slots = max(1, load.users)
    shared = slots if asked.row.get("context_of") == "all" else 1
    found["context"] = str(load.context_tokens * shared)
    sequences = slots if shared > 1 or "hub" in asked.row else _sequences(asked, usual.sequences)
    if sequences != usual.sequences or "sequences" in always:
        found["sequences"] = str(sequences)
    if (share := _share(asked)) is not None:
        found["share"] = f"{share:g}"
    batched = settings.batched_tokens or usual.batched_tokens
    if batched != usual.batched_tokens or "batched" in always:
        found["batched"] = str(batched)
    if batched > asked.row.get("widest_batch", batched):
        found["widened"] = str(batched)
    if (word := _cache_word(asked)) is not None:
        found["cache"] = word
    return found


def _devices(asked: _Asked) -> int:
    return asked.settings.tensor_parallel or asked.hardware.count


def _sequences(asked: _Asked, usual: int) -> int:
    """Never fewer than the users: who waits is not served at once."""
    return max(asked.settings.max_sequences or usual, asked.load.users)


def _share(asked: _Asked) -> float | None:
    """The share of memory in the engine's own sense; None where its default is what was assumed."""
    device, engine = asked.hardware.device, asked.engine
    given = asked.settings.utilisation
    total = device.planning_bytes / device.visible_bytes if given is None else given
    planned = given is None and device.kind == "unified"
    if engine.name == "tensorrt-llm":
        free = engine.stretched_free_fraction if asked.settings.eager else engine.free_fraction
        return _floored(free * total)
    if not planned and (given is None or abs(given - engine.utilisation) < 0.001):
        return engine.utilisation if "share" in asked.row.get("always", ()) else None
    if engine.reserved is None or given is not None:
        return _floored(total)
    return _floored(total - _not_static(asked, device) / device.visible_bytes)


def _not_static(asked: _Asked, device: Device) -> float:
    """What SGLang keeps beside weights and cache: its mem_fraction_static leaves that out."""
    reserved = asked.engine.reserved
    if reserved is None:
        return 0.0
    batched = asked.settings.batched_tokens or asked.engine.batched_tokens(device)
    graphs = 0 if asked.settings.eager else reserved.graphs_bytes
    step = reserved.bytes_per_batched_token * max(batched, 2048)
    return reserved.base_bytes + step + reserved.bytes_per_device * _devices(asked) + graphs


def _floored(share: float) -> float:
    """Two digits, never more memory than was assumed."""
    return max(0.05, min(0.99, math.floor(share * 100 + 0.1) / 100))


def _cache_word(asked: _Asked) -> str | None:
    ours = (asked.settings.cache_dtype or "auto").casefold()
    if ours in table("serving")["plain_caches"]:
        return None
    words = asked.row["cache_words"]
    if ours not in words:
        raise CannotServe(f"{asked.engine.name} has no cache type {ours[:40]!r}; it has {', '.join(words)}")
    return str(words[ours])


def _place(text: str) -> str:
    """A Hub id or a path, as it was given; refused where it is neither or could be taken for a flag."""
    if not text or len(text) > _LONGEST or not text.isprintable() or text.startswith("-"):
        shown = text if len(text) <= 60 else f"{text[:60]}..."
        raise CannotServe(f"{shown!r} is neither a repo id nor a path")
    return text


def _is_local(place: str) -> bool:
    return place.startswith(("/", "./", "../")) or place.endswith(".gguf") or not _HUB_ID.fullmatch(place)


def _model(asked: _Asked, place: str) -> list[str]:
    """The words that name the weights."""
    row, files = asked.row, asked.variant.files
    if "hub" not in row:
        return [place]
    if _is_local(place):
        inside = place.endswith(".gguf") or not files
        return [*row["file"], place if inside else f"{place.rstrip('/')}/{_place(files[0])}"]
    if _is_tag(asked.variant.label):
        return [*row["hub"], f"{place}:{asked.variant.label}"]
    named = [*row["hub_file"], _place(files[0])] if files else []
    return [*row["hub"], place, *named]


def _is_tag(label: str) -> bool:
    """Whether a label names one file type; "gguf" stands for a name that says none."""
    return label.casefold() != "gguf" and format_of(label) is not None and label.isascii()


def _ollama(asked: _Asked, place: str) -> str:
    """The server's settings are its environment; the model is run beside it."""
    row, variant = asked.row, asked.variant
    if _is_local(place):
        raise CannotServe("Ollama takes a local file through a Modelfile; llama.cpp takes it as it is")
    if len(variant.files) > 1:
        raise CannotServe("Ollama does not load GGUF files in several parts; llama.cpp does")
    if _machines(asked) > 1:
        raise CannotServe("Ollama runs on one machine; llama.cpp, vLLM and SGLang run on several")
    names = row["environment"]
    given = {names["sequences"]: max(1, asked.load.users), names["context"]: asked.load.context_tokens}
    if (word := _cache_word(asked)) is not None:
        given |= {names["flash"]: 1, names["cache"]: word}
    settings = " ".join(f"{name}={value}" for name, value in given.items())
    tag = f":{variant.label}" if _is_tag(variant.label) else ""
    run = shlex.join([*row["start"], f"{row['prefix']}{place}{tag}"])
    return f"{settings} {shlex.join(row['server'])}\n{run}"


def _machines(asked: _Asked) -> int:
    sizes = table("serving")["per_machine"]
    device = asked.hardware.device
    usual = sizes.get(device.kind, sizes["usual"])
    return math.ceil(_devices(asked) / int(sizes["devices"].get(device.key, usual)))


def _comments(asked: _Asked) -> list[str]:
    found = []
    if asked.settings.eager and "eager_note" in asked.row:
        found.append(asked.row["eager_note"])
    if (machines := _machines(asked)) > 1:
        found.append(f"{machines} machines: {asked.row['machines'].replace('COUNT', str(machines))}")
    if asked.engine.name == "ollama":
        found.append("the first line is the server; the second loads the model, in another terminal")
    return found
