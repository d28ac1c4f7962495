"""How the store writes a moment: UTC, microseconds, fixed width, so that text order is time order."""

from datetime import UTC, datetime


def to_text(moment: datetime) -> str:
    """2026-08-22T10:00:00.000000Z; other offsets are converted, ValueError for a naive datetime."""
    if not isinstance(moment, datetime):
        raise ValueError(f"a datetime is needed, not {type(moment).__name__}")
    if moment.utcoffset() is None:
        raise ValueError(f"{moment.isoformat()} has no time zone: the store takes aware datetimes only")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def from_text(text: str) -> datetime:
    """The aware UTC datetime of a stored text."""
    return datetime.fromisoformat(text).astimezone(UTC)


def for_people(text: str | None) -> str | None:
    """A stored text without microseconds that say nothing."""
    return None if text is None else text.replace(".000000Z", "Z")
