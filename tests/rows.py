"""API rows as the Hub's listing gives them, for worlds that tests write themselves."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
OLD = START - timedelta(days=60)


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def api_row(
    repo_id: str, *, modified: datetime = OLD, created: datetime = OLD, **more: Any
) -> dict[str, Any]:
    """A model's row; licence, base and files are shorthands, everything else is the Hub's own key."""
    licence, base = more.pop("licence", "apache-2.0"), more.pop("base", None)
    files: dict[str, tuple[int, str]] = more.pop("files", {"model.safetensors": (16_000_000_000, "aa")})
    config = more.pop("config", None)
    tags = ["region:us"]
    tags += [f"license:{licence}"] if licence else []
    tags += [f"base_model:{base}", f"base_model:quantized:{base}"] if base else []
    row = {
        "_id": hashlib.sha256(repo_id.casefold().encode()).hexdigest()[:24],
        "id": repo_id,
        "modelId": repo_id,
        "author": repo_id.partition("/")[0],
        "sha": hashlib.sha1(f"{repo_id}{modified}".encode()).hexdigest(),
        "createdAt": iso(created),
        "lastModified": iso(modified),
        "private": False,
        "disabled": False,
        "gated": False,
        "downloads": 10,
        "likes": 1,
        "trendingScore": 0,
        "pipeline_tag": "text-generation",
        "cardData": {"license": licence} if licence else {},
        "tags": tags,
        "siblings": [{"rfilename": name} for name in files],
        "files": [
            {"path": name, "size": size, "sha256": hashlib.sha256(sha.encode()).hexdigest()}
            for name, (size, sha) in files.items()
        ],
    }
    return row | ({"config_json": config} if config else {}) | more
