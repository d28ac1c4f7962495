"""`modelwatch demo`: eight weeks of recorded Hub history, polled by the real client, told in 20 seconds.

The history is served by a local stand-in that speaks the Hub's protocol; the same rounds, store
and judge run on it as on the live Hub. Nothing leaves this machine.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from watcher.types import Action, Alert, Verdict

CONFIG = """\
store: {{url: "sqlite:///{folder}/demo.db"}}
hub:
  endpoint: {endpoint}
  families: [llama, gemma, qwen, mistral, phi, deepseek, gpt-oss]
  quantisers: [bartowski, unsloth, nvidia]
hardware:
  h100: {{device: h100-sxm-80gb, count: 1}}
  spark: {{device: dgx-spark, count: 1}}
deployments:
  helpdesk:
    model: mistralai/Mistral-Small-4-119B-2603
    quant: q4
    engine: sglang
    hardware: spark
    task: chat
    languages: [en, de]
    users: 10
    context: 8192
    min_tokens_per_second: 10
    licence: {{allow: [apache-2.0, mit]}}
  code-review:
    model: Qwen/Qwen3.5-27B
    quant: fp8
    engine: vllm
    hardware: h100
    task: code
    users: 1
    context: 32768
  rag:
    model: meta-llama/Llama-3.3-70B-Instruct
    quant: q4
    engine: vllm
    hardware: h100
    task: rag
    users: 4
    context: 16384
"""


class _Round(Protocol):
    """What the demo reads of a round's report."""

    @property
    def sources(self) -> list[Any]: ...
    @property
    def outcome(self) -> Any: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Week:
    """One poll of the demo and what came of it."""

    at: datetime
    repos: int
    requests: int
    baseline: bool
    alerts: tuple[Alert, ...]
    verdicts: tuple[Verdict, ...]


@dataclass(kw_only=True, slots=True)
class Story:
    """The demo as one object: `--json` prints as_json()."""

    weeks: list[Week] = field(default_factory=list)
    repos: int = 0
    changes: int = 0

    def add(self, at: datetime, report: _Round, repos: int) -> Week:
        outcome = report.outcome
        week = Week(
            at=at,
            repos=repos,
            requests=sum(s.requests for s in report.sources),
            baseline=all(s.baseline for s in report.sources),
            alerts=tuple(outcome.alerts),
            verdicts=tuple(outcome.verdicts),
        )
        self.weeks.append(week)
        self.repos, self.changes = repos, self.changes + len(outcome.changes)
        return week

    def as_json(self, alert_json: Callable[[Alert], dict[str, Any]]) -> dict[str, Any]:
        """repos, polls, changes, alerts, digest, ignored: see docs/json.md."""
        return {
            "repos": self.repos,
            "polls": len(self.weeks),
            "changes": self.changes,
            "alerts": [alert_json(alert) for week in self.weeks for alert in week.alerts],
            "digest": self._told(Action.DIGEST),
            "ignored": self._told(Action.IGNORE),
        }

    def _told(self, action: Action) -> list[dict[str, Any]]:
        """One row per change and reason, naming the deployments it was decided for."""
        rows: dict[tuple[str, str, str], dict[str, Any]] = {}
        for week in self.weeks:
            for v in week.verdicts:
                if v.action is not action:
                    continue
                topic = (v.change.kind.value, v.change.key.id, v.reason)
                row = rows.setdefault(
                    topic,
                    {
                        "repo_id": v.change.key.id,
                        "kind": v.change.kind.value,
                        "trigger": v.trigger,
                        "reason": v.reason,
                        "week": week.at.date().isoformat(),
                        "deployments": [],
                    },
                )
                row["deployments"].append(v.deployment)
        return list(rows.values())
