"""The catalog of April 2026 (tests/data/april_2026.yaml) as an observation log, and a store that took it."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from tests.commands import modelwatch
from watcher.shapes import known_shape

SEEN = "2026-04-20T08:00:00+00:00"
_BYTES = {"BF16": 2, "F32": 4, "fp8": 1, "mxfp4": 0.53}
_DTYPES = {"BF16": "BF16", "F32": "F32", "fp8": "F8_E4M3", "mxfp4": "U8"}


def april_log() -> Iterator[str]:
    """The lines that `modelwatch import` takes: models before their quants."""
    rows = yaml.safe_load((Path(__file__).parent / "data" / "april_2026.yaml").read_text(encoding="utf-8"))
    models = {row["id"]: row for row in rows["models"]}
    for row in rows["models"]:
        yield from _lines(row, _stored(row), _config(row["id"], row.get("stored")))
    for row in rows["quants"]:
        base = models[row["of"]]
        inherited = {key: base[key] for key in ("licence", "tag", "languages") if key in base}
        config = None if isinstance(row["gib"], dict) else _config(base["id"], None)
        yield from _lines({"relation": "quantized"} | inherited | row, _files(row), config)
    for row in rows["others"]:
        yield from _lines(row, _stored(row), None)


def april_store(folder: Path, config: str) -> Path:
    """A configuration file in folder whose catalog has taken the log."""
    path = folder / "modelwatch.yaml"
    path.write_text(config, encoding="utf-8")
    _take(path)
    return path


def april_catalog(folder: Path) -> Path:
    """A database in folder that has taken the log; team() writes configurations for it."""
    database = folder / "april.db"
    _take(team(folder, database))
    return database


def _take(config: Path) -> None:
    log = config.parent / "april.jsonl"
    log.write_text("\n".join(april_log()), encoding="utf-8")
    said = modelwatch("import", log, "--config", config)
    assert said.status == 0, said.err


def team(folder: Path, database: Path, hub: str = "http://127.0.0.1:9", **deployments: str) -> Path:
    """A configuration file of a team with a Spark and an H100; without hub there is no way to the Hub."""
    lines = [
        f'store: {{url: "sqlite:///{database}"}}',
        f'hub: {{endpoint: "{hub}", quantisers: [bartowski, nvidia, RedHatAI, casperhansen]}}',
        "hardware: {spark: {device: dgx-spark}, h100: {device: h100-sxm-80gb}}",
    ]
    if deployments:
        lines += ["deployments:", *(f"  {name}: {{{stated}}}" for name, stated in deployments.items())]
    path = folder / "modelwatch.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _lines(
    row: Mapping[str, Any], files: Mapping[str, int], config: Mapping[str, Any] | None
) -> Iterator[str]:
    revision = hashlib.sha1(row["id"].encode()).hexdigest()
    yield _line("hub", row["id"], _hub_row(row, files, config, revision))
    listed = [{"path": path, "size_bytes": size} for path, size in files.items()]
    details = {"revision": revision, "files": listed} | ({"config": dict(config)} if config else {})
    yield _line("hub/details", row["id"], details)


def _line(source: str, key: str, row: Mapping[str, Any]) -> str:
    return json.dumps({"source": source, "key": key, "seen_at": SEEN, "row": row})


def _hub_row(
    row: Mapping[str, Any], files: Mapping[str, int], config: Mapping[str, Any] | None, revision: str
) -> dict[str, Any]:
    licence, base = row["licence"], row.get("of")
    named = (
        {"license": "other", "license_name": licence[0]}
        if isinstance(licence, list)
        else {"license": licence}
    )
    born = datetime.combine(row["born"], datetime.min.time(), UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    tags = [f"license:{named['license']}"]
    tags += [f"base_model:{base}", f"base_model:{row['relation']}:{base}"] if base else []
    return {
        "id": row["id"],
        "_id": hashlib.sha256(row["id"].casefold().encode()).hexdigest()[:24],
        "sha": revision,
        "createdAt": born,
        "lastModified": born,
        "gated": False,
        "downloads": 1000,
        "likes": 10,
        "pipeline_tag": row.get("tag", "text-generation"),
        "cardData": named | {"language": row.get("languages", [])},
        "tags": tags,
        "siblings": [{"rfilename": path} for path in files],
        **({"config": config} if config else {}),
        **({"safetensors": _counted(row)} if "parameters" in row else {}),
    }


def _counted(row: Mapping[str, Any]) -> dict[str, Any]:
    total = row["parameters"]
    return {"parameters": {_DTYPES[row.get("stored", "BF16")]: total}, "total": total}


def _stored(row: Mapping[str, Any]) -> dict[str, int]:
    return {"model.safetensors": int(row["parameters"] * _BYTES[row.get("stored", "BF16")])}


def _files(row: Mapping[str, Any]) -> dict[str, int]:
    gib = row["gib"] if isinstance(row["gib"], dict) else {"": row["gib"]}
    stem = row["id"].rpartition("/")[2].removesuffix("-GGUF")
    return {
        f"{stem}-{label}.gguf" if label else "model.safetensors": int(size * 1024**3)
        for label, size in gib.items()
    }


def _config(repo_id: str, stored: str | None) -> dict[str, Any] | None:
    """config.json of a model: its numbers, and how its own weights are quantised."""
    known = known_shape(repo_id)
    if known is None:
        return None
    method = {"quantization_config": {"quant_method": stored}} if stored in ("fp8", "mxfp4") else {}
    return dict(known.config) | method
