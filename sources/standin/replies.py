"""What the Hub answers to a path, as plain values: rows in, status, headers and body out.

Written from the Hub's recorded answers and from what huggingface_hub 2.4 reads of them. No sockets
here; `sources.standin.server` puts these on the wire.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sources.standin.world import Row

# What `expand` accepts: huggingface_hub 2.4.0, ExpandModelProperty_T; a test compares.
_EXPANDABLE = """
author baseModels cardData childrenModelCount config createdAt disabled downloads downloadsAllTime evalResults
gated gguf inference inferenceProviderMapping lastModified library_name likes mask_token model-index
pipeline_tag private resourceGroup safetensors sha siblings spaces tags transformersInfo trendingScore
usedStorage widgetData
"""
EXPANDABLE = frozenset(_EXPANDABLE.split())
# What a listing shows unasked; the recorded answers have it so.
_LISTED = "_id id modelId likes trendingScore private downloads tags pipeline_tag library_name createdAt"
LISTED = _LISTED.split()
LISTED_FULL = [*LISTED, "author", "sha", "lastModified", "gated", "disabled", "siblings"]
OWN_KEYS = frozenset(("files", "config_json", "quant_config_json", "card", "texts", "unlisted"))
CONFIG_KEYS = ("architectures", "model_type", "auto_map", "tokenizer_config", "task_specific_params")
QUANT_KEYS = ("quant_method", "quant_algo", "bits", "load_in_4bit", "load_in_8bit", "format")
POINTER_BYTES = 135


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """One answer; body is exactly what goes on the wire."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json; charset=utf-8"


def of_json(value: Any, **headers: str) -> Reply:
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    tag = base64.b64encode(hashlib.sha1(body, usedforsecurity=False).digest())[:27].decode()
    return Reply(body=body, headers={"ETag": f'W/"{len(body):x}-{tag}"', **headers})


def of_error(status: int, message: str, code: str | None = None) -> Reply:
    headers = {"X-Error-Message": message}
    if code:
        headers["X-Error-Code"] = code
    return Reply(status=status, body=json.dumps({"error": message}).encode(), headers=headers)


def moved_to(location: str) -> Reply:
    return Reply(
        status=307,
        body=f"Temporary Redirect. Redirecting to {location}".encode(),
        headers={"Location": location, "Vary": "Origin, Accept"},
        content_type="text/plain; charset=utf-8",
    )


def no_such_repo(signed_in: bool) -> Reply:
    """Anonymous callers get 401, so that private and absent look alike."""
    if signed_in:
        return of_error(404, "Repository not found", "RepoNotFound")
    return of_error(401, "Invalid username or password.", "RepoNotFound")


def listed(row: Row, asked: list[str], full: bool, card: bool, config: bool) -> Row:
    """A row of a listing: the expanded keys and nothing else, or the default selection."""
    if asked:
        return {key: row[key] for key in ("_id", "id")} | _present(row, asked)
    keys = [
        *(LISTED_FULL if full else LISTED),
        *(["cardData"] if card else []),
        *(["config"] if config else []),
    ]
    return _present(row, keys)


def _present(row: Row, keys: list[str]) -> Row:
    shown = public(row, {"siblings"} if "siblings" in keys else set())
    shown["baseModels"] = _base_models(row) if "baseModels" in keys else None
    return {key: shown[key] for key in keys if shown.get(key) is not None}


def public(row: Row, wanted: set[str], blobs: bool = False) -> Row:
    """The row as the API shows it; siblings only where wanted, with sizes and hashes for blobs."""
    shown = {key: value for key, value in row.items() if key not in OWN_KEYS and key != "siblings"}
    config = row.get("config") or row.get("config_json")
    if isinstance(config, dict):
        shown["config"] = _slim_config(config)
    if "siblings" in wanted and (row.get("siblings") is not None or "files" in row):
        shown["siblings"] = _siblings(row, blobs)
    return shown


def _slim_config(config: Row) -> Row:
    slim = {key: config[key] for key in CONFIG_KEYS if key in config}
    quantisation = config.get("quantization_config")
    if isinstance(quantisation, dict):
        slim["quantization_config"] = {key: quantisation[key] for key in QUANT_KEYS if key in quantisation}
    return slim


def _siblings(row: Row, blobs: bool) -> list[Row]:
    if "files" not in row:
        return list(row["siblings"])
    if not blobs:
        return [{"rfilename": file["path"]} for file in files_of(row)]
    return [
        {"rfilename": file["path"], "size": file["size"], "blobId": _blob_id(row, file)}
        | ({"lfs": _lfs(file)} if file.get("sha256") else {})
        for file in files_of(row)
    ]


def _lfs(file: Row) -> Row:
    return {"sha256": file["sha256"], "size": file["size"], "pointerSize": POINTER_BYTES}


def _blob_id(row: Row, file: Row) -> str:
    """Git's id of a file: of its text where we hold it, else of what tells its content."""
    text = texts_of(row).get(file["path"])
    if text is None:
        text = f"{row['id']} {file['path']} {file['size']} {file.get('sha256')}".encode()
    return hashlib.sha1(b"blob %d\0" % len(text) + text, usedforsecurity=False).hexdigest()


def _base_models(row: Row) -> Row | None:
    for relation in ("quantized", "finetune", "adapter", "merge"):
        prefix = f"base_model:{relation}:"
        found = [tag.removeprefix(prefix) for tag in row.get("tags") or () if str(tag).startswith(prefix)]
        if found:
            return {"relation": relation, "models": [{"id": repo_id} for repo_id in found]}
    return None


def texts_of(row: Row) -> dict[str, bytes]:
    """The small files whose text we hold."""
    texts: dict[str, bytes] = {path: text.encode() for path, text in (row.get("texts") or {}).items()}
    config = row.get("config_json", row.get("config"))
    if isinstance(config, dict):
        texts["config.json"] = json.dumps(config, indent=2).encode()
    if isinstance(row.get("quant_config_json"), dict):
        texts["hf_quant_config.json"] = json.dumps(row["quant_config_json"], indent=2).encode()
    if isinstance(row.get("card"), str):
        texts["README.md"] = row["card"].encode()
    return texts


def files_of(row: Row) -> list[Row]:
    """Every file with its size: the row's list, and the small files whose text we hold."""
    files = {file["path"]: dict(file) for file in row.get("files") or ()}
    for path, text in texts_of(row).items():
        files[path] = {"path": path, "size": len(text)}
    return [files[path] for path in sorted(files)]


def tree(row: Row, folder: str, recursive: bool) -> list[Row]:
    """The entries under a folder, folders first said once, as the tree endpoint lists them."""
    prefix = f"{folder.strip('/')}/" if folder.strip("/") else ""
    entries: dict[str, Row] = {}
    for file in files_of(row):
        if not file["path"].startswith(prefix):
            continue
        head, *rest = file["path"].removeprefix(prefix).split("/")
        if rest:
            path = prefix + head
            entries[path] = {
                "type": "directory",
                "oid": _blob_id(row, {**file, "path": path}),
                "size": 0,
                "path": path,
            }
        if not rest or recursive:
            entry = {"type": "file", "oid": _blob_id(row, file), "size": file["size"], "path": file["path"]}
            lfs = (
                {"oid": file["sha256"], "size": file["size"], "pointerSize": POINTER_BYTES}
                if file.get("sha256")
                else None
            )
            entries[file["path"]] = entry | ({"lfs": lfs} if lfs else {})
    return list(entries.values())


def resolved(row: Row, path: str) -> Reply:
    """A file's own bytes. Weights are known by size and hash only."""
    commit = {"X-Repo-Commit": str(row.get("sha") or "")}
    texts = texts_of(row)
    if path in texts:
        body = texts[path]
        tag = hashlib.sha1(body, usedforsecurity=False).hexdigest()
        return Reply(
            body=body, headers={**commit, "ETag": f'"{tag}"'}, content_type="text/plain; charset=utf-8"
        )
    for file in row.get("files") or ():
        if file["path"] == path:
            linked = {"X-Linked-Size": str(file["size"])}
            if file.get("sha256"):
                linked["X-Linked-ETag"] = linked["ETag"] = f'"{file["sha256"]}"'
            return Reply(status=501, headers={**commit, **linked}, body=b"The stand-in holds no weights.")
    return of_error(404, "Entry not found", "EntryNotFound")
