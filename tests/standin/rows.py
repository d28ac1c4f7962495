"""Rows for the stand-in's own tests: small, whole, made up."""

from typing import Any

from sources.standin.world import Row


def row(repo_id: str = "acme/Tiny-7B", **changes: Any) -> Row:
    """A safetensors repo of 7 billion parameters, modified on 2 March 2026."""
    base: Row = {
        "_id": f"{abs(hash(repo_id)):024x}"[:24],
        "id": repo_id,
        "modelId": repo_id,
        "author": repo_id.partition("/")[0],
        "sha": "a" * 40,
        "createdAt": "2026-03-01T08:00:00.000Z",
        "lastModified": "2026-03-02T08:00:00.000Z",
        "private": False,
        "disabled": False,
        "gated": False,
        "tags": ["transformers", "safetensors", "license:apache-2.0"],
        "pipeline_tag": "text-generation",
        "library_name": "transformers",
        "downloads": 100,
        "likes": 5,
        "trendingScore": 1,
        "cardData": {"license": "apache-2.0"},
        "safetensors": {"parameters": {"BF16": 7_000_000_000}, "total": 7_000_000_000},
        "config_json": {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096},
        "card": "---\nlicense: apache-2.0\n---\n# Tiny\n",
        "files": [
            {"path": "model-00001-of-00002.safetensors", "size": 9_000_000_000, "sha256": "1" * 64},
            {"path": "model-00002-of-00002.safetensors", "size": 5_000_000_000, "sha256": "2" * 64},
            {"path": "original/params.json", "size": 60},
        ],
    }
    return base | changes
