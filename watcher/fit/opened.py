"""A local model, understood: its weights by header where it can be read, else by file, and GGUF metadata."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from watcher.fit.gguf import read_gguf
from watcher.fit.safetensors import PREFIX, header_length, index_total, tensors_of
from watcher.fit.tensors import BadHeader, NeedMore, Tensor
from watcher.fit.weights import Weights, weights_from_tensors
from watcher.formats import SHARD, label_of
from watcher.quants import loaded_files, missing_shards, preferred
from watcher.types import LocalModel, RepoFile, SourceError, Variant, WeightFile


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """weights: None where there are no weight files. label: the GGUF file type. metadata: the GGUF's own.

    problems: what may make the figures wrong, one clear line each. broken: the first of them that leaves
    nothing to trust: GGUF metadata that can not be read, or a file of safetensors that is cut short or none.
    """

    weights: Weights | None
    files: tuple[str, ...] = ()
    label: str | None = None
    metadata: Mapping[str, object] | None = None
    problems: tuple[str, ...] = ()
    broken: str | None = None


def opened(model: LocalModel, label: str | None = None) -> Opened:
    """The weights that an engine would load from a local model; label picks one of several GGUF sets.

    Never raises: a header that is broken or missing is a problem, and the files' sizes count in its place.
    """
    chosen, label, problems = _chosen(model, label)
    if not chosen:
        return Opened(weights=None, problems=(*model.problems, *problems))
    problems += missing_shards(file.path for file in chosen)
    tensors: list[Tensor] = []
    metadata: dict[str, object] = {}
    broken: list[str] = []
    for file in chosen:
        try:
            found, more = _header(file)
        except (BadHeader, NeedMore, SourceError) as error:
            broken.append(str(error))
            continue
        tensors += found
        metadata = {**more, **metadata}
    if not tensors and not broken:
        broken.append(f"{chosen[0].path}: there are no tensors in it")
    return Opened(
        weights=_weights(model, chosen, [] if broken else tensors, metadata),
        files=tuple(file.path for file in chosen),
        label=label,
        metadata=metadata or None,
        problems=(*model.problems, *problems, *broken),
        broken=broken[0] if broken and (label is None or not metadata) else None,
    )


def _weights(
    model: LocalModel, chosen: Sequence[WeightFile], tensors: list[Tensor], metadata: Mapping[str, object]
) -> Weights:
    if tensors:
        tied, layers = _told(model, metadata)
        return weights_from_tensors(tensors, layers=layers, tied=tied)
    listed = index_total(model.index) if model.index else None
    size = sum(file.size_bytes for file in chosen)
    if listed and listed > size:  # files that are cut short
        return Weights(total_bytes=listed, source="header")
    return Weights(total_bytes=size, source="files")


def _told(model: LocalModel, metadata: Mapping[str, object]) -> tuple[bool | None, int | None]:
    """Whether embeddings are tied, and how many layers there are without drafts."""
    config = model.config or {}
    text = config.get("text_config")
    parts = (text if isinstance(text, Mapping) else {}, config)
    tied = next((t for part in parts if isinstance(t := part.get("tie_word_embeddings"), bool)), None)
    layers = next((n for part in parts if type(n := part.get("num_hidden_layers")) is int), None)
    if metadata:
        arch = metadata.get("general.architecture")
        count, drafts = metadata.get(f"{arch}.block_count"), metadata.get(f"{arch}.nextn_predict_layers", 0)
        layers = count - drafts if isinstance(count, int) and isinstance(drafts, int) else None
    return tied, layers


def _header(file: WeightFile) -> tuple[tuple[Tensor, ...], Mapping[str, object]]:
    if file.container == "gguf":
        found = read_gguf(file.read, part=file.path, file_bytes=file.size_bytes)
        if not found.complete:
            raise BadHeader(f"{file.path}: truncated: its data go on beyond its {file.size_bytes} bytes")
        return found.tensors, found.metadata
    length = header_length(file.read(0, PREFIX), part=file.path)
    if PREFIX + length > file.size_bytes:
        raise BadHeader(f"{file.path}: truncated: the header of {length} bytes is cut off")
    raw = file.read(PREFIX, length)
    return tensors_of(raw, part=file.path, file_bytes=file.size_bytes), {}


def _chosen(model: LocalModel, label: str | None) -> tuple[list[WeightFile], str | None, list[str]]:
    """The files of one set, the GGUF file type, and what is to be said of the choice."""
    by_path = {file.path: file for file in model.files}
    listed = [RepoFile(path=file.path, size_bytes=file.size_bytes) for file in model.files]
    if label is None and (safetensors := loaded_files(listed, "safetensors")):
        return [by_path[file.path] for file in safetensors], None, []
    sets: dict[str, list[WeightFile]] = defaultdict(list)
    for file in loaded_files(listed, "gguf"):
        sets[SHARD.sub("", file.path)].append(by_path[file.path])
    variants = [_variant(model.name, stem, files) for stem, files in sorted(sets.items())]
    wanted = [v for v in variants if label is None or v.label.casefold() == label.casefold()]
    best = preferred(wanted)
    if best is None:
        there = ", ".join(dict.fromkeys(v.label for v in variants))
        if variants and label:
            return [], label, [f"{model.name} has no {label}: there is {there}"]
        others = f"{model.name} holds no weights that an engine loads: {next(iter(by_path), '')} is none"
        return [], label, [others] if by_path else []
    same = [v for v in wanted if v.label == best.label]
    best = max(same, key=lambda v: v.size_bytes or 0)
    said = (
        [f"{model.name} holds {len(variants)} sets of weights: {best.label} is taken"]
        if len(wanted) > 1
        else []
    )
    return [by_path[path] for path in best.files], best.label, said


def _variant(name: str, stem: str, files: Sequence[WeightFile]) -> Variant:
    return Variant(
        repo_id=name,
        format="gguf",
        label=label_of(stem),
        bits=None,
        size_bytes=sum(file.size_bytes for file in files),
        size_source="files",
        files=tuple(sorted(file.path for file in files)),
    )
