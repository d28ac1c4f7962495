"""Column types that hold what must hold everywhere: UTC moments, storable text, 64-bit numbers."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Dialect, Text
from sqlalchemy.types import TypeDecorator

from store.codec import clean
from store.moments import from_text, to_text

_LARGEST = 2**63 - 1


class Moment(TypeDecorator[datetime]):
    """An aware datetime as UTC text; naive datetimes and strings are refused."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - asked for by SQLAlchemy
        return None if value is None else to_text(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - asked for by SQLAlchemy
        return None if value is None else from_text(value)


class SafeText(TypeDecorator[str]):
    """Text that may come from outside: what UTF-8 can not hold is replaced, not refused."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - asked for by SQLAlchemy
        return None if value is None else clean(value)


class Count(TypeDecorator[int]):
    """A whole number from outside; one beyond 64 bits is no number and becomes NULL."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - asked for by SQLAlchemy
        return None if value is None or abs(value) > _LARGEST else value
