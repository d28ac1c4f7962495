"""The proof on raw life: what it counts, and a quick part of it."""

from datetime import UTC, datetime, timedelta

import pytest

from sources.standin.world import World
from tests import atomic
from tests.accuracy import raw_life
from tests.accuracy.raw_life import DAY, Life, Noise, Told, as_json, document, live, meets_the_bar, text
from tests.rows import START, api_row
from tests.shared import shared_data
from watcher.types import ChangeKind

MODEL = "Qwen/Qwen3-32B"
SMALL = ("Qwen", "google", "mistralai", "nvidia", "microsoft", "AtomicChat", "mlx-community")


@pytest.fixture(scope="module")
def gated() -> Life:
    """A model in use that is gated, among strangers who relabel what they have."""
    world = World.from_rows([api_row(MODEL), *(api_row(f"lab/m{n}") for n in range(6))])
    for n in range(6):
        world.put(api_row(f"lab/m{n}", licence="mit", modified=START + DAY), START + DAY)
    world.gate(MODEL, "manual", START + DAY)
    strangers = frozenset(f"lab/m{n}" for n in range(6))
    noise = Noise(what="relabelled", rows=6, repos=strangers, kinds=frozenset({ChangeKind.LICENCE}))
    times = [START + n * DAY for n in range(3)]
    team = raw_life.reference_team()
    return live("small", world, team, ["lab"], times, until=times[-1], noise=[noise])


def test_a_life_lists_its_alerts_and_counts_its_noise(gated: Life) -> None:
    (told,) = gated.alerts
    assert (told.trigger, told.deployments, told.repos) == ("model-in-use-gated", ("code-review",), (MODEL,))
    assert gated.weeks == {"2026-W10": 1}
    (said,) = as_json([gated])["lives"]
    assert said["noise"] == [{"what": "relabelled", "rows": 6, "changes": 6, "alerts": 0}]
    assert said["alerts"][0]["argument"] is None


def test_an_alert_that_nobody_argued_does_not_meet_the_bar(gated: Life) -> None:
    assert not meets_the_bar([gated])
    assert "argued: NOT YET" in text([gated])
    assert "not argued yet" in document([gated])


def test_a_week_without_alerts_counts_as_a_week() -> None:
    since = datetime(2026, 5, 28, tzinfo=UTC)
    life = Life(name="x", since=since, until=since + timedelta(days=20), accounts=1)
    assert life.weeks == {"2026-W22": 0, "2026-W23": 0, "2026-W24": 0, "2026-W25": 0}
    assert meets_the_bar([life])


def test_more_than_three_alerts_in_a_week_do_not_meet_the_bar() -> None:
    (trigger, repo), *_ = raw_life.arguments()
    told = Told(at=START, trigger=trigger, deployments=("a",), title="t", repos=(repo,), reasons=("r",))
    life = Life(name="x", since=START, until=START, accounts=1, alerts=[told] * 4)
    assert not meets_the_bar([life])
    life.alerts.pop()
    assert meets_the_bar([life])


def test_a_quick_part_of_twelve_weeks_is_quiet_and_every_alert_is_argued() -> None:
    shared_data(atomic.FOLDER)
    life = raw_life.catalogue(raw_life.reference_team(), every=7 * DAY, only=SMALL)
    assert meets_the_bar([life]), text([life])
    assert life.decisions["ignore", "bulk-relabel"] > 0
    assert life.decisions["ignore", "only-surfaced"] > 0
    assert life.changes["renamed"] == 6
    assert life.changes["removed"] == 0
