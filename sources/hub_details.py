"""The expensive facts of one revision: file sizes and hashes, config.json, hf_quant_config.json.

What is wrong with this one repo is a line in Details.problems; what is wrong with the Hub or the way
there is a SourceError.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from huggingface_hub import ModelInfo
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

from sources.cards import read_front_matter, without_front_matter
from sources.hub_http import HubHttp
from sources.hub_rows import RowError, checked_id, files_of
from sources.hub_values import Reader, parse_json, storable
from sources.hub_weights import slim_config
from watcher.types import Details, Json, RepoFile, SourceError

FILE_BYTES = 8 * 1024 * 1024
CONFIG = "config.json"
QUANT_CONFIG = "hf_quant_config.json"
CARD = "README.md"
LICENCE_FILES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "LICENCE.txt", "LICENCE.md")
_GIT_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_OF_LICENCES = re.compile(r"licen[cs]", re.IGNORECASE)
_MOST_LINES, _LONGEST_LINE = 8, 300


@dataclass(kw_only=True, slots=True)
class _Repo:
    """One repo's page, read: what its files are and what else to ask for."""

    repo_id: str
    revision: str
    files: tuple[RepoFile, ...] = ()
    has_card_data: bool = True
    custom_licence: bool = False
    states_licence: bool = True
    licence_blob: str | None = None
    problems: list[str] = field(default_factory=list)

    def has(self, path: str) -> bool:
        return any(file.path == path for file in self.files)

    @property
    def licence_file(self) -> str | None:
        return next((name for name in LICENCE_FILES if self.has(name)), None)


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
    card_says = _read_card(http, repo, now)
    return Details(
        repo_id=repo_id,
        revision=repo.revision,
        files=repo.files,
        config=config,
        quant_config=quant_config,
        licence_sha256=licence_sha256,
        problems=tuple(repo.problems),
        licence_blob=repo.licence_blob,
        card_says=card_says,
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
        "blobId": sibling.blob_id,
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
    stated = [tag for tag in tags if str(tag).startswith("license:")] if isinstance(tags, list) else None
    repo.custom_licence = bool(stated) and "license:other" in (stated or ())
    repo.states_licence = stated is None or bool(stated)
    repo.licence_blob = _blob_of(siblings, repo.licence_file)
    repo.problems.extend(reader.problems)


def _blob_of(siblings: object, path: str | None) -> str | None:
    """Git's id of a file: the same text has the same id, and nothing need be read to see it move."""
    if path is None or not isinstance(siblings, list):
        return None
    entries = (entry for entry in siblings if isinstance(entry, Mapping))
    blob = next((entry.get("blobId") for entry in entries if entry.get("rfilename") == path), None)
    return blob if isinstance(blob, str) and _GIT_ID.fullmatch(blob) else None


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
    body = _file(http, repo, repo.licence_file, now) if repo.licence_file else None
    return None if body is None else hashlib.sha256(body).hexdigest()


def _read_card(http: HubHttp, repo: _Repo, now: datetime) -> tuple[str, ...]:
    """What the card says of the licence, where the tag leaves it open.

    A card without metadata may be a card whose front matter the Hub could not read: that is a problem.
    """
    if repo.has_card_data and repo.states_licence and not repo.custom_licence:
        return ()
    body = _file(http, repo, CARD, now)
    if body is None:
        return ()
    text = body.decode("utf-8", "replace")
    front = read_front_matter(text)
    if front.problem and not repo.has_card_data:
        repo.problems.append(f"{CARD}: {front.problem}")
    return licence_lines(without_front_matter(text))


def licence_lines(text: str) -> tuple[str, ...]:
    """The first lines of a text that speak of a licence, or stand under a heading that does; shortened."""
    found: list[str] = []
    under = False
    for line in text.splitlines():
        words = line.strip()
        if words.startswith("#"):
            under = _OF_LICENCES.search(words) is not None
        elif words and (under or _OF_LICENCES.search(words)):
            found.append("".join(c for c in words if c.isprintable())[:_LONGEST_LINE])
        if len(found) == _MOST_LINES:
            break
    return tuple(found)


def _said(http: HubHttp, error: HfHubHTTPError) -> str:
    if isinstance(error, GatedRepoError):
        return "gated: the owner must let this token in"
    if isinstance(error, RepositoryNotFoundError):
        return "the repo is gone or private"
    return http.refused(error)
