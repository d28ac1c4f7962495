"""The expensive facts of one revision: file sizes and hashes, config.json, hf_quant_config.json.

What is wrong with this one repo is a line in Details.problems; what is wrong with the Hub or the way
there is a SourceError.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from huggingface_hub import ModelInfo
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

from sources.cards import read_front_matter
from sources.hub_http import HubHttp
from sources.hub_rows import RowError, checked_id, files_of
from sources.hub_values import Reader, parse_json, storable
from sources.hub_weights import slim_config
from watcher.types import Details, Json, RepoFile, SourceError

FILE_BYTES = 8 * 1024 * 1024
CONFIG = "config.json"
QUANT_CONFIG = "hf_quant_config.json"
CARD = "README.md"
LICENCE_FILES = ("LICENSE", "LICENSE.txt", "LICENSE.md")


@dataclass(kw_only=True, slots=True)
class _Repo:
    """One repo's page, read: what its files are and what else to ask for."""

    repo_id: str
    revision: str
    files: tuple[RepoFile, ...] = ()
    has_card_data: bool = True
    custom_licence: bool = False
    problems: list[str] = field(default_factory=list)

    def has(self, path: str) -> bool:
        return any(file.path == path for file in self.files)


def fetch_details(http: HubHttp, repo_id: str, revision: str, now: datetime) -> Details:
    """Asks the repo's page at that revision ("" for the newest), then the few small files that matter."""
    try:
        checked_id(repo_id)
    except RowError as error:
        raise SourceError(str(error)) from None
    repo = _page(http, repo_id, revision, now)
    config = _json_file(http, repo, CONFIG, now)
    quant_config = _json_file(http, repo, QUANT_CONFIG, now)
    licence_sha256 = _licence_hash(http, repo, now) if repo.custom_licence else None
    if not repo.has_card_data and repo.has(CARD):
        _check_card(http, repo, now)
    return Details(
        repo_id=repo_id,
        revision=repo.revision,
        files=repo.files,
        config=config,
        quant_config=quant_config,
        licence_sha256=licence_sha256,
        problems=tuple(repo.problems),
    )


def _page(http: HubHttp, repo_id: str, revision: str, now: datetime) -> _Repo:
    repo = _Repo(repo_id=repo_id, revision=revision)
    try:
        with http.calling(now):
            info = http.api.model_info(
                repo_id, revision=revision or None, files_metadata=True, timeout=http.timeout_s
            )
        siblings = [_raw_sibling(info, index) for index in range(len(info.siblings or ()))]
        _fill(repo, siblings, info.sha, info.tags, info.card_data is not None)
    except HfHubHTTPError as error:
        _note_refusal(http, repo, error)
    except json.JSONDecodeError:
        raise SourceError(f"{repo_id}: the Hub answered HTML or cut-off JSON with status 200") from None
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        # One odd value stops huggingface_hub's own reader; ours leaves out that value only.
        repo.problems.append(f"huggingface_hub can not read the repo's page ({type(error).__name__})")
        _tolerant_page(http, repo, now)
    return repo


def _note_refusal(http: HubHttp, repo: _Repo, error: HfHubHTTPError) -> None:
    if not http.speaks_of_repo(error):
        raise SourceError(f"{repo.repo_id}: {http.refused(error)}") from http.cause(error)
    repo.problems.append(f"files: {_said(http, error)}")


def _raw_sibling(info: ModelInfo, index: int) -> dict[str, Any]:
    sibling = (info.siblings or [])[index]
    return {
        "rfilename": sibling.rfilename,
        "size": sibling.size,
        "lfs": {"sha256": sibling.lfs.sha256} if sibling.lfs else None,
    }


def _tolerant_page(http: HubHttp, repo: _Repo, now: datetime) -> None:
    path = f"/revision/{quote(repo.revision, safe='')}" if repo.revision else ""
    try:
        url = f"{http.endpoint}/api/models/{repo.repo_id}{path}"
        row = http.get(url, now, params={"blobs": "true"}).data
    except HfHubHTTPError as error:
        _note_refusal(http, repo, error)
        return
    if not isinstance(row, Mapping):
        repo.problems.append("files: the repo's page is no object")
        return
    _fill(repo, row.get("siblings"), row.get("sha"), row.get("tags"), bool(row.get("cardData")))


def _fill(repo: _Repo, siblings: object, sha: object, tags: object, has_card_data: bool) -> None:
    reader = Reader()
    repo.files = files_of(siblings, reader) or ()
    repo.revision = repo.revision or (sha if isinstance(sha, str) else "")
    repo.has_card_data = has_card_data
    repo.custom_licence = isinstance(tags, list) and "license:other" in tags
    repo.problems.extend(reader.problems)


def _json_file(http: HubHttp, repo: _Repo, path: str, now: datetime) -> Json | None:
    body = _file(http, repo, path, now)
    if body is None:
        return None
    try:
        data = parse_json(body)
        if isinstance(data, Mapping):
            slim: dict[str, Any] = storable(slim_config(data))
            return slim
        repo.problems.append(f"{path}: JSON, but no object")
    except ValueError as error:
        repo.problems.append(f"{path}: {error}")
    except RecursionError:
        repo.problems.append(f"{path}: JSON nested too deeply")
    return None


def _file(http: HubHttp, repo: _Repo, path: str, now: datetime) -> bytes | None:
    """One small file of the repo, None when it is absent or can not be had (with a line on why)."""
    listed = next((file for file in repo.files if file.path == path), None)
    if listed is None:
        return None
    if (listed.size_bytes or 0) > FILE_BYTES:
        repo.problems.append(f"{path}: larger than {FILE_BYTES // 1024 // 1024} MB, not read")
        return None
    url = f"{http.endpoint}/{repo.repo_id}/resolve/{quote(repo.revision or 'main', safe='')}/{path}"
    try:
        return http.read(url, now, cap=FILE_BYTES)
    except HfHubHTTPError as error:
        repo.problems.append(f"{path}: {_said(http, error)}")
        return None


def _licence_hash(http: HubHttp, repo: _Repo, now: datetime) -> str | None:
    """Only where the tag says "other": there the text is the licence, and may change under the tag."""
    path = next((name for name in LICENCE_FILES if repo.has(name)), None)
    body = _file(http, repo, path, now) if path else None
    return None if body is None else hashlib.sha256(body).hexdigest()


def _check_card(http: HubHttp, repo: _Repo, now: datetime) -> None:
    """A card without metadata may be a card whose front matter the Hub could not read: say which."""
    body = _file(http, repo, CARD, now)
    front = read_front_matter((body or b"").decode("utf-8", "replace"))
    if front.problem:
        repo.problems.append(f"{CARD}: {front.problem}")


def _said(http: HubHttp, error: HfHubHTTPError) -> str:
    if isinstance(error, GatedRepoError):
        return "gated: the owner must let this token in"
    if isinstance(error, RepositoryNotFoundError):
        return "the repo is gone or private"
    return http.refused(error)
