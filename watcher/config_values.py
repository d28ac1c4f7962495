"""The small values of the configuration: durations, times of day, names and addresses.

Each is an annotated type for the settings in watcher.config. Messages say what is wanted and never
repeat what was given: watcher.config_explain does that, for the keys where it is safe.
"""

import re
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo
from pydantic_core import PydanticCustomError

Engine = Literal["vllm", "sglang", "tensorrt-llm", "llama.cpp", "ollama"]
Task = Literal[
    "chat",
    "code",
    "rag",
    "summarise",
    "translate",
    "classify",
    "extract",
    "embed",
    "rerank",
    "transcribe",
]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile(r"([0-9]{1,6})\s*([smhd])")
_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")


@dataclass(frozen=True, kw_only=True, slots=True)
class Vocabulary:
    """The names a configuration may refer to: ours (devices, families) and its own."""

    devices: tuple[str, ...]
    families: tuple[str, ...]
    hardware: tuple[str, ...]
    deployments: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class DigestTime:
    """Once a week, in schedule.timezone. day is a name: schedulers disagree on the number of Monday."""

    day: Weekday
    at: time


@dataclass(frozen=True, kw_only=True, slots=True)
class QuietHours:
    """A part of every day in schedule.timezone, start included; it may go over midnight."""

    start: time
    end: time

    def covers(self, moment: time) -> bool:
        if self.start < self.end:
            return self.start <= moment < self.end
        return moment >= self.start or moment < self.end


def duration_text(duration: timedelta) -> str:
    """The shortest way to write duration in the configuration: 90 minutes are 90m, a week is 7d."""
    seconds = int(duration.total_seconds())
    unit = next(unit for unit, size in _UNITS.items() if seconds % size == 0)
    return f"{seconds // _UNITS[unit]}{unit}"


def parse_duration(value: object) -> timedelta:
    """30m, 24h or 7d as a span of time; ValueError says what it should look like."""
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("needs a duration with its unit, such as 30m, 24h or 7d")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def _between(least: timedelta, most: timedelta) -> AfterValidator:
    def check(value: timedelta) -> timedelta:
        if not least <= value <= most:
            raise ValueError(f"must be between {duration_text(least)} and {duration_text(most)}")
        return value

    return AfterValidator(check)


def _clock(text: str) -> time | None:
    match = _CLOCK.fullmatch(text.strip())
    return time(int(match[1]), int(match[2])) if match else None


def _digest_time(value: object) -> DigestTime:
    if isinstance(value, DigestTime):
        return value
    day, _, clock = value.strip().partition(" ") if isinstance(value, str) else ("", "", "")
    at = _clock(clock)
    for weekday in WEEKDAYS:
        if at is not None and day.casefold()[:3] == weekday:
            return DigestTime(day=weekday, at=at)
    raise ValueError('needs a weekday and a time, such as "mon 08:00"; the weekday as a name, not a number')


def _quiet_hours(value: object) -> QuietHours:
    if isinstance(value, QuietHours):
        return value
    first, dash, second = value.partition("-") if isinstance(value, str) else ("", "", "")
    start, end = _clock(first), _clock(second)
    if not dash or start is None or end is None:
        raise ValueError('needs two times of day, such as "20:00-07:00"')
    if start == end:
        raise ValueError("starts and ends at the same time: leave quiet_hours out instead")
    return QuietHours(start=start, end=end)


def _timezone(value: str) -> str:
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        zones = sorted(zoneinfo.available_timezones())
        if not zones:
            raise ValueError("this machine has no time zone data: install the package tzdata") from None
        raise _unknown("time zone", zones) from None
    return value


def _unknown(noun: str, known: list[str]) -> PydanticCustomError:
    return PydanticCustomError("unknown_name", "unknown name", {"noun": noun, "known": known})


def _one_of(kind: str, noun: str) -> AfterValidator:
    """Refuse what the Vocabulary in the validation context does not name; without a context all goes."""

    def check(value: str, info: ValidationInfo) -> str:
        if isinstance(info.context, Vocabulary):
            known: tuple[str, ...] = getattr(info.context, kind)
            if value not in known:
                raise _unknown(noun, list(known))
        return value

    return AfterValidator(check)


def _matching(pattern: str, message: str) -> AfterValidator:
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(message)
        return value

    return AfterValidator(check)


def _endpoint(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and parts.hostname and not re.search(r"\s", value)
    except ValueError:
        usable = None
    if not usable:
        raise ValueError("needs a web address such as https://huggingface.co")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user name or password: hub.token is the place for a secret")
    return value.rstrip("/")


def _token(value: SecretStr) -> SecretStr:
    if re.search(r"[^!-~]", value.get_secret_value()):
        raise ValueError("holds a space or a character that no token has: is it one line, copied whole?")
    return value


def _channel_url(value: SecretStr) -> SecretStr:
    if not re.match(r"[a-z][a-z0-9+.-]*://\S", value.get_secret_value(), re.IGNORECASE):
        raise ValueError("needs an Apprise address, such as slack://... or mailto://...")
    return value


def _store_url(value: SecretStr) -> SecretStr:
    url = value.get_secret_value()
    if re.match(r"sqlite:///(?!:memory:|\?|$)", url) or re.match(r"postgresql(\+[a-z0-9]+)?://", url):
        return value
    raise ValueError("needs a database file with three slashes, such as sqlite:///modelwatch.db")


def _each_once(values: tuple[str, ...]) -> tuple[str, ...]:
    """Hub names and keys compare case-folded; the first spelling stays."""
    return tuple({value.casefold(): value for value in reversed(values)}.values())[::-1]


def _folding(fold: Callable[[str], str]) -> AfterValidator:
    return AfterValidator(fold)


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
HubInterval = Annotated[Duration, _between(timedelta(minutes=1), timedelta(days=7))]
SweepInterval = Annotated[Duration, _between(timedelta(hours=1), timedelta(days=30))]
FeedInterval = Annotated[Duration, _between(timedelta(minutes=5), timedelta(days=7))]
SettleTime = Annotated[Duration, _between(timedelta(0), timedelta(days=60))]
Digest = Annotated[DigestTime, BeforeValidator(_digest_time)]
Quiet = Annotated[QuietHours, BeforeValidator(_quiet_hours)]
TimeZone = Annotated[str, AfterValidator(_timezone)]

Name = Annotated[
    str, _matching(r"\w[\w.-]{0,63}", "a name is letters, digits, - _ and . without spaces, 64 at most")
]
Device = Annotated[str, _one_of("devices", "device")]
Family = Annotated[str, _one_of("families", "family")]
HardwareName = Annotated[str, _one_of("hardware", "entry of hardware")]
DeploymentName = Annotated[str, _one_of("deployments", "deployment")]
Organisation = Annotated[
    str,
    _matching(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}", "needs the name of a Hub organisation, such as mistralai"),
]
ModelId = Annotated[
    str,
    _matching(
        r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}/[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}",
        "needs organisation and name as on the Hub, such as mistralai/Mistral-Small-4-119B-2603",
    ),
]
Word = Annotated[str, _matching(r"\S(.{0,198}\S)?", "needs a word")]
Language = Annotated[
    str,
    _matching(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", "needs a language code, such as en or de"),
    _folding(str.casefold),
]
Country = Annotated[
    str,
    _matching(r"[A-Za-z]{2}", "needs a country code of two letters, such as CN or US"),
    _folding(str.upper),
]
LicenceId = Annotated[
    str,
    _matching(r"[A-Za-z0-9][A-Za-z0-9+_. -]{0,98}", "needs a licence id as on the Hub, such as apache-2.0"),
    _folding(str.casefold),
]
Endpoint = Annotated[str, AfterValidator(_endpoint)]
Token = Annotated[SecretStr, AfterValidator(_token)]
ChannelUrl = Annotated[SecretStr, AfterValidator(_channel_url)]
StoreUrl = Annotated[SecretStr, AfterValidator(_store_url)]
Families = Annotated[tuple[Family, ...], AfterValidator(_each_once)]
Organisations = Annotated[tuple[Organisation, ...], AfterValidator(_each_once)]

Devices = Annotated[int, Field(ge=1, le=1024)]
Users = Annotated[int, Field(ge=1, le=100_000)]
ContextTokens = Annotated[int, Field(ge=128, le=100_000_000)]
TokensPerSecond = Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]
