"""What can go wrong with the store, said so that somebody can act on it."""


class StoreError(Exception):
    """The store refused or failed; the message says what to do."""


class StoreBusy(StoreError):  # noqa: N818 - the name says the state, and the base says error
    """Another process holds the database; pid where it could be read."""

    def __init__(self, message: str, *, pid: int | None = None) -> None:
        super().__init__(message)
        self.pid = pid


class NothingKnown(StoreError, LookupError):  # noqa: N818 - as above
    """The catalog has never heard of what was asked for; nearest holds what it may have meant."""

    def __init__(self, what: str, nearest: tuple[str, ...]) -> None:
        hint = f"; nearest: {', '.join(nearest)}" if nearest else ""
        super().__init__(f"nothing known of {what}{hint}")
        self.nearest = nearest
