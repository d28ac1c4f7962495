"""One daemon per database: a lock on a file beside it, which the kernel frees however the process ends."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from store.errors import StoreBusy, StoreError


class DaemonLock:
    """Held from acquire to release while the object lives, or as a context manager. The file stays behind."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(f"{path}.lock")
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Raises StoreBusy naming the pid of the holder, StoreError where no lock file can be written."""
        try:
            file = self.path.open("a+", encoding="ascii", errors="replace")
        except OSError as e:
            raise StoreError(f"cannot write {self.path}: {e.strerror}; check the folder of store.url") from e
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            pid = _read_pid(file)
            file.close()
            who = f"process {pid}" if pid else "another process"
            raise StoreBusy(f"{who} already runs on this database (lock {self.path})", pid=pid) from e
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        self._file = file

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _read_pid(file: IO[str]) -> int | None:
    file.seek(0)
    with suppress(ValueError):
        return int(file.read(32))
    return None
