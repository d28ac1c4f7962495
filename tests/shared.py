"""Where the real payloads lie, for the tests that read them.

They are other people's data and no part of the project: a folder `shared` beside the checkout, or
wherever MODELWATCH_SHARED points. Tests that need them skip without them.
"""

import os
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("MODELWATCH_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def shared_data(relative: str) -> Path:
    """The path of a real payload under shared/data; skips the calling test where it is absent."""
    path = ROOT / "data" / relative
    if not path.exists():
        pytest.skip(f"the real payload {relative} is not on this machine (set MODELWATCH_SHARED)")
    return path
