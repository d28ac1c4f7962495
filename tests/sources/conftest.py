"""A running fake Hub, and the real source that asks it."""

from collections.abc import Iterator

import pytest

from sources.hub import HubSource
from tests.sources.fake_hub import FakeHub


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub() as fake:
        yield fake


@pytest.fixture
def source(hub: FakeHub) -> HubSource:
    return HubSource(hub.url, None, timeout_s=5)
