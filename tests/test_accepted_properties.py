"""What holds of every pair of configurations, whatever a team writes."""

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.factories import NOW, deployment, stack
from watcher.accepted import compare_stacks
from watcher.fit.devices import devices
from watcher.types import Deployment, Hardware, LicenceRules, Load, Stack

DEVICES = ("dgx-spark", "h100-sxm-80gb", "h200-sxm-141gb")


@st.composite
def stacks(draw: st.DrawFn) -> Stack:
    names = draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=3, unique=True))
    pools = [
        Hardware(
            name=name,
            device=devices()[draw(st.sampled_from(DEVICES))],
            count=draw(st.integers(1, 3)),
            planned=draw(st.booleans()),
        )
        for name in names
    ]
    places = draw(st.lists(st.sampled_from("uvwxyz"), max_size=4, unique=True))
    return stack(*(draw(deployments(name, pools)) for name in places), hardware=tuple(pools))


@st.composite
def deployments(draw: st.DrawFn, name: str, pools: list[Hardware]) -> Deployment:
    return deployment(
        name=name,
        model=draw(st.sampled_from(("mistralai/Small", "Qwen/Qwen3-32B"))),
        hardware=draw(st.sampled_from(pools)),
        languages=tuple(draw(st.lists(st.sampled_from(("en", "de", "fr")), unique=True))),
        load=Load(users=draw(st.integers(1, 3)), context_tokens=draw(st.sampled_from((8192, 32768)))),
        min_tokens_per_second=draw(st.sampled_from((None, 10.0))),
        licence=LicenceRules(
            allow=tuple(draw(st.lists(st.sampled_from(("mit", "apache-2.0")), unique=True)))
        ),
    )


@given(stacks(), st.randoms(use_true_random=False))
def test_order_and_spelling_are_no_change(one: Stack, chance: random.Random) -> None:
    pools, places = list(one.hardware), [_respelt(d, chance) for d in one.deployments]
    chance.shuffle(pools)
    chance.shuffle(places)
    assert compare_stacks(one, replace(one, hardware=tuple(pools), deployments=tuple(places)), NOW) == []


def _respelt(d: Deployment, chance: random.Random) -> Deployment:
    languages, allow = list(d.languages), [entry.upper() for entry in d.licence.allow]
    chance.shuffle(languages)
    chance.shuffle(allow)
    rules = replace(d.licence, allow=tuple(allow))
    return replace(d, model=d.model.swapcase(), languages=tuple(languages), licence=rules)


@given(stacks())
def test_other_names_for_the_same_machines_are_no_change(one: Stack) -> None:
    named = {pool.name: replace(pool, name=f"new-{pool.name}") for pool in one.hardware}
    places = tuple(replace(d, hardware=named[d.hardware.name]) for d in one.deployments)
    after = replace(one, hardware=tuple(named.values()), deployments=places)
    moved = [c for c in compare_stacks(one, after, NOW) if c.key.id.startswith("hardware/")]
    assert moved == []


@given(stacks(), stacks())
def test_there_is_one_change_at_most_for_each_pool_and_deployment(before: Stack, after: Stack) -> None:
    found = compare_stacks(before, after, NOW)
    keys = [change.key.id for change in found]
    assert len(keys) == len(set(keys))
    assert all(change.evidence[0] and change.before != change.after for change in found)
    assert compare_stacks(after, after, NOW) == []


@given(stacks(), stacks())
def test_the_way_back_changes_as_much(before: Stack, after: Stack) -> None:
    there, back = compare_stacks(before, after, NOW), compare_stacks(after, before, NOW)
    assert len(there) == len(back)
