"""Devices, links and pools, and the many ways to name them."""

import csv
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.shared import shared_data
from watcher.fit.device_names import candidates, device_named
from watcher.fit.devices import devices, link_of
from watcher.fit.pools import UnknownHardware, pool_of, pools_of
from watcher.tables import table
from watcher.types import Device

GIB = 2**30
FORMATS = {"bf16", "fp8", "fp4", "int8"}


@pytest.mark.parametrize("device", devices().values(), ids=devices().keys())
def test_every_device_is_plausible(device: Device) -> None:
    assert device.kind in ("hbm", "gddr", "unified")
    assert device.vendor in ("nvidia", "amd", "intel", "apple")
    assert device.source
    assert " GB" in device.name
    assert (
        0.6 * device.usable_bytes <= device.planning_bytes <= device.optimistic_bytes <= device.usable_bytes
    )
    assert 0.9 * device.usable_bytes <= device.visible_bytes <= device.usable_bytes
    assert device.kind == "unified" or device.planning_bytes == device.usable_bytes
    assert 60e9 < device.bandwidth_bytes_per_s <= 8e12
    assert set(device.tflops) <= FORMATS
    assert (device.sm is not None) == (device.vendor == "nvidia")
    assert link_of(device).bytes_per_s > 1e9


@pytest.mark.parametrize(
    ("units", "capabilities"),
    [
        pytest.param("fp8", {89, 90, 100, 103, 110, 120, 121}, id="FP8 units came with Ada and Hopper"),
        pytest.param("fp4", {100, 103, 110, 120, 121}, id="FP4 units came with Blackwell"),
    ],
)
def test_units_follow_the_compute_capability(units: str, capabilities: set[int]) -> None:
    nvidia = [d for d in devices().values() if d.vendor == "nvidia"]
    assert {d.sm for d in nvidia if units in d.tflops} == capabilities
    assert not [d.key for d in nvidia if d.sm in capabilities and units not in d.tflops]


def test_rates_double_with_half_the_bits() -> None:
    for device in devices().values():
        if "fp8" in device.tflops:
            assert device.tflops["fp8"] == pytest.approx(2 * device.tflops["bf16"], rel=0.03)


@pytest.mark.parametrize(
    ("key", "usable_gib", "gbs", "sm"),
    [
        ("h100-sxm-80gb", 79.65, 3350, 90),
        ("h200-sxm-141gb", 140.4, 4800, 90),
        ("b200-sxm-180gb", 179.1, 7700, 100),
        ("gb200-186gb", 185.0, 8000, 100),
        ("b300-sxm-288gb", 268.6, 7750, 103),
        ("gb300-288gb", 277.5, 8000, 103),
        ("a100-sxm-80gb", 80.0, 2039, 80),
        ("l40s", 44.99, 864, 89),
        ("rtx-4090", 23.99, 1008, 89),
        ("rtx-5090", 31.84, 1792, 120),
        ("rtx-pro-6000", 95.6, 1792, 120),
        ("dgx-spark", 121.65, 273, 121),
        ("apple-m4-max-128gb", 96.0, 546, None),
        ("apple-m4-max-36gb", 24.0, 410, None),
        ("apple-m3-max-96gb", 72.0, 300, None),
        ("apple-m3-max-128gb", 96.0, 400, None),
        ("strix-halo-128gb", 124.0, 256, None),
    ],
)
def test_figures_of_devices(key: str, usable_gib: float, gbs: float, sm: int | None) -> None:
    device = devices()[key]
    assert device.usable_bytes / GIB == pytest.approx(usable_gib, abs=0.06)
    assert device.bandwidth_bytes_per_s == gbs * 1e9
    assert device.sm == sm


def test_a_spark_plans_with_100_gib_and_reaches_112() -> None:
    spark = devices()["dgx-spark"]
    assert (spark.planning_bytes, spark.optimistic_bytes) == (100 * GIB, 112 * GIB)
    assert link_of(spark).bytes_per_s == 25e9


@pytest.mark.parametrize(
    ("key", "gbs"),
    [
        ("h100-sxm-80gb", 450),
        ("b200-sxm-180gb", 900),
        ("a100-sxm-80gb", 300),
        ("rtx-5090", 64),
        ("rtx-4090", 32),
    ],
)
def test_links(key: str, gbs: float) -> None:
    assert link_of(devices()[key]).bytes_per_s == gbs * 1e9


@pytest.mark.parametrize(
    ("key", "gib"),
    [
        pytest.param("h100-sxm-80gb", 79.18, id="as logs and error messages name it"),
        pytest.param("h200-sxm-141gb", 139.8, id="on an H200 too"),
        pytest.param("l4", 22.16, id="by the rule: 22.03 in error messages"),
        pytest.param("rtx-a6000", 47.5, id="by the rule: 47.40 to 47.54 in error messages"),
        pytest.param("dgx-spark", 121.65, id="unified memory is seen whole"),
        pytest.param("apple-m4-max-128gb", 96.0, id="and so is a Mac's working set"),
    ],
)
def test_programs_see_less_than_the_driver_reports(key: str, gib: float) -> None:
    assert devices()[key].visible_bytes / GIB == pytest.approx(gib, abs=0.01)


# Names as people write them beside their measurements, with the memory they state for one device.
WRITTEN: Mapping[tuple[str, float | None], str | None] = {
    ("3070", 8): "rtx-3070",
    ("3080", 10): "rtx-3080-10gb",
    ("3080 Ti", 12): "rtx-3080-ti",
    ("3090", 24): "rtx-3090",
    ("4070 Ti", 12): "rtx-4070-ti",
    ("4080", 16): "rtx-4080",
    ("4090", 24): "rtx-4090",
    ("A100 PCIe", 80): "a100-pcie-80gb",
    ("A100 SXM", 80): "a100-sxm-80gb",
    ("A100/H100 80GB class", 80): None,
    ("A40", 48): "a40",
    ("Apple M1 Max", 32): "apple-m1-max-32gb",
    ("Apple M1 Max", None): "apple-m1-max-64gb",
    ("Apple M1 Ultra", None): "apple-m1-ultra-128gb",
    ("Apple M3 Pro", 36): "apple-m3-pro-36gb",
    ("Apple M3 Ultra", None): "apple-m3-ultra-256gb",
    ("Apple M4", None): "apple-m4-16gb",
    ("Apple M4 Pro", 24): "apple-m4-pro-24gb",
    ("GB10 (DGX Spark class)", 128): "dgx-spark",
    ("GB10 (DGX Spark class)", None): "dgx-spark",
    ("H100", 80): "h100-sxm-80gb",
    ("H100 NVL", 94): "h100-nvl-94gb",
    ("H100 PCIe", 80): "h100-pcie-80gb",
    ("H100-80GB", 80): "h100-sxm-80gb",
    ("H100-80GB", 79.18): "h100-sxm-80gb",
    ("H200", 141): "h200-sxm-141gb",
    ("L40S", 48): "l40s",
    ("M1 7-Core GPU", 8): "apple-m1-8gb",
    ("M1 Max 32-Core GPU", 64): "apple-m1-max-64gb",
    ("M2 Ultra 76-Core GPU", 192): "apple-m2-ultra-192gb",
    ("M3 Max 40-Core GPU", 64): "apple-m3-max-64gb",
    ("RTX 2080", 8): "rtx-2080",
    ("RTX 2080 Ti", None): "rtx-2080-ti",
    ("RTX 3060", None): "rtx-3060",
    ("RTX 3060", 12): "rtx-3060",
    ("RTX 30601", None): "rtx-3060",
    ("RTX 3080 Ti", None): "rtx-3080-ti",
    ("RTX 3090", 24): "rtx-3090",
    ("RTX 3090 Ti", 24): "rtx-3090-ti",
    ("RTX 4000 Ada", 20): "rtx-4000-ada",
    ("RTX 4070", None): "rtx-4070",
    ("RTX 4070 Ti", None): "rtx-4070-ti",
    ("RTX 4070 Ti Super", None): "rtx-4070-ti-super",
    ("RTX 4080", None): "rtx-4080",
    ("RTX 4090", None): "rtx-4090",
    ("RTX 40901", None): "rtx-4090",
    ("RTX 5000 Ada", 32): "rtx-5000-ada",
    ("RTX 5060 Ti", 16): "rtx-5060-ti-16gb",
    ("RTX 5070", 11.94): "rtx-5070",
    ("RTX 5080", 16): "rtx-5080",
    ("RTX 5090", 31.4): "rtx-5090",
    ("RTX 5090", 32): "rtx-5090",
    ("RTX 5090 (WSL2, inferred)", 32): "rtx-5090",
    ("RTX 6000 Ada", 48): "rtx-6000-ada",
    ("RTX A2000", None): None,
    ("RTX A4000", None): "rtx-a4000",
    ("RTX A40001", None): "rtx-a4000",
    ("RTX A5000", 24): "rtx-a5000",
    ("RTX A6000", 48): "rtx-a6000",
    ("RTX PRO 5000 72GB", 72): "rtx-pro-5000-72gb",
    ("RTX PRO 6000", 95): "rtx-pro-6000",
    ("RTX PRO 6000 Blackwell", 96): "rtx-pro-6000",
    ("T4", None): "t4",
    ("", None): None,
}


@pytest.mark.parametrize(
    ("name", "memory_gb", "key"),
    [pytest.param(*written, key, id=f"{written[0]} of {written[1]}") for written, key in WRITTEN.items()],
)
def test_names_beside_measurements(name: str, memory_gb: float | None, key: str | None) -> None:
    found = device_named(name, memory_gb)
    assert (found.key if found else None) == key


def test_every_measured_name_is_in_the_table_above() -> None:
    written = {name for name, _ in WRITTEN}
    for file in ("fit/memory_truth.csv", "fit/speed_truth.csv"):
        with shared_data(file).open(newline="", encoding="utf-8") as rows:
            assert {row["gpu"] for row in csv.DictReader(rows)} <= written


@pytest.mark.parametrize(
    ("name", "memory_gb"),
    [
        pytest.param("RTX 4090 Laptop GPU", None, id="a laptop part is another device"),
        pytest.param("RTX 4090 (Laptop)", None, id="also when it says so in brackets"),
        pytest.param("RTX 4090", 48, id="a card with twice the memory is another device"),
        pytest.param("T4", 60, id="the memory of four cards is not that of one"),
        pytest.param("RTX 5090 D v2", None, id="an export version"),
        pytest.param("A100", None, id="two sizes"),
        pytest.param("M6 Max", None, id="a chip that we do not know"),
        pytest.param("x" * 10_000, None, id="a very long name"),
        pytest.param("NVIDIA", None, id="a maker alone"),
    ],
)
def test_no_device_rather_than_a_wrong_one(name: str, memory_gb: float | None) -> None:
    assert device_named(name, memory_gb) is None


def test_memory_chooses_between_the_sizes_of_a_name() -> None:
    assert {d.key for d in candidates("A100")} == {"a100-sxm-40gb", "a100-sxm-80gb"}
    assert [d.key for d in candidates("A100", 79.25)] == ["a100-sxm-80gb"]
    assert [d.key for d in candidates("H100", 94)] == ["h100-nvl-94gb"]


@pytest.mark.parametrize(
    ("text", "key", "count"),
    [
        pytest.param("h100-sxm-80gb", "h100-sxm-80gb", 1, id="a key"),
        pytest.param("dgx-spark", "dgx-spark", 1, id="another key"),
        pytest.param("spark", "dgx-spark", 1, id="a short form"),
        pytest.param("h200", "h200-sxm-141gb", 1, id="the usual form of a product"),
        pytest.param("rtx4090", "rtx-4090", 1, id="run together"),
        pytest.param("RTX 4070 Ti SUPER", "rtx-4070-ti-super", 1, id="in words"),
        pytest.param("a100 80gb", "a100-sxm-80gb", 1, id="with its memory"),
        pytest.param("m3 max 128gb", "apple-m3-max-128gb", 1, id="a Mac with its memory"),
        pytest.param("NVIDIA H100 80GB HBM3", "h100-sxm-80gb", 1, id="as the driver names an H100"),
        pytest.param("NVIDIA GH200 480GB", "gh200-96gb", 1, id="the driver counts the processor's memory"),
        pytest.param("NVIDIA GB10", "dgx-spark", 1, id="as the driver names a Spark"),
        pytest.param("Apple M3 Max", "apple-m3-max-64gb", 1, id="as macOS names its chip"),
        pytest.param("Tesla V100-SXM2-32GB", "v100-32gb", 1, id="as an old driver names a V100"),
        pytest.param("AMD Ryzen AI MAX+ 395 w/ Radeon 8060S", "strix-halo-128gb", 1, id="as Linux does"),
        pytest.param("2xh200-sxm", "h200-sxm-141gb", 2, id="two of a form factor"),
        pytest.param("4 x H100", "h100-sxm-80gb", 4, id="four, with spaces"),
        pytest.param("2× RTX 3090", "rtx-3090", 2, id="with a multiplication sign"),
        pytest.param("L40S x8", "l40s", 8, id="the count last"),
        pytest.param("2xdgx-spark", "dgx-spark", 2, id="a named pool"),
        pytest.param("GB200 NVL72", "gb200-186gb", 72, id="a rack"),
        pytest.param("mi250x", "mi250x-gcd", 2, id="one card that is two devices"),
    ],
)
def test_pools_by_name(text: str, key: str, count: int) -> None:
    pool = pool_of(text)
    assert (pool.device.key, pool.count) == (key, count)
    assert pool.name == (key if count == 1 else f"{count}x{key}")


def test_every_named_pool_is_found_under_its_name() -> None:
    for name, row in table("hardware")["pools"].items():
        pool = pool_of(name)
        assert (pool.device.key, pool.count) == (row["device"], row["count"])


def test_every_device_is_found_by_its_key_and_by_its_full_name() -> None:
    for device in devices().values():
        assert pool_of(device.key).device == device
        assert pool_of(f"2x{device.key}").device == device
        assert device in candidates(device.name)


@pytest.mark.parametrize(
    ("text", "usable", "gbs", "kind", "count"),
    [
        pytest.param("memory=96GB,bandwidth=1792GB/s", 96e9, 1792, "gddr", 1, id="GB are decimal"),
        pytest.param("memory=96GiB, bandwidth=1.7TB/s, count=2", 96 * GIB, 1700, "gddr", 2, id="GiB are not"),
        pytest.param("memory=80GB,bandwidth=3.35TB/s", 80e9, 3350, "hbm", 1, id="only HBM is so fast"),
        pytest.param("memory=128GB,bandwidth=250GB/s", 128e9, 250, "unified", 1, id="the system's memory"),
        pytest.param(
            "Memory=24gb,Bandwidth=250gb/s,KIND=gddr", 24e9, 250, "gddr", 1, id="a kind that is given"
        ),
    ],
)
def test_described_hardware(text: str, usable: float, gbs: float, kind: str, count: int) -> None:
    pool = pool_of(text)
    assert pool.device.usable_bytes == usable
    assert pool.device.bandwidth_bytes_per_s == gbs * 1e9
    assert (pool.device.kind, pool.count) == (kind, count)
    assert ("kind guessed" in pool.device.source) == ("kind=" not in text.casefold())


def test_described_units_and_name() -> None:
    pool = pool_of("memory=96GB,bandwidth=1792GB/s,bf16=504,fp4=2015.5,name=our box,link=pcie5,count=4")
    assert pool.name == "4xour box"
    assert pool.device.tflops == {"bf16": 504, "fp4": 2015.5}
    assert link_of(pool.device).name == "pcie5"


def test_described_unified_memory_leaves_room_for_the_system() -> None:
    device = pool_of("memory=128GB,bandwidth=273GB/s").device
    assert device.planning_bytes == pytest.approx(0.82 * 128e9, rel=0.01)
    assert device.planning_bytes < device.optimistic_bytes < device.usable_bytes


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("rtx 4099", "did you mean rtx-4090", id="a slip is answered with the nearest"),
        pytest.param("rx 7900", "rx-7900-xt", id="half a name with its completions"),
        pytest.param("a100", "a100-sxm-40gb or a100-sxm-80gb: say which", id="two sizes"),
        pytest.param("zzz", "names, such as a10, ", id="nothing near: the list"),
        pytest.param("0xh100", "1 to 1024 devices", id="a pool of none"),
        pytest.param("9999xh100", "1 to 1024 devices", id="a pool that nobody has"),
        pytest.param("", "names no hardware", id="nothing"),
        pytest.param("h100\x1b[31m", "'h100\\x1b[31m' names no hardware", id="control characters stay inert"),
        pytest.param("memory=96GB", "bandwidth is missing", id="half a description"),
        pytest.param("memory=96,bandwidth=1GB/s", "memory is a number with its unit", id="no unit"),
        pytest.param("memory=nanGB,bandwidth=1GB/s", "memory is a number with its unit", id="not a number"),
        pytest.param("memory=96GB,bandwidth=9999999TB/s", "is no accelerator's", id="absurd"),
        pytest.param(
            "memory=96GB,bandwidth=1792GB/s,ram=1GB", "'ram' is unknown; known: memory", id="unknown key"
        ),
        pytest.param("memory=96GB,bandwidth=1792GB/s,kind=disk", "kind is one of hbm", id="unknown kind"),
        pytest.param("memory=96GB,bandwidth=1792GB/s,count=0", "count is 1 to 1024", id="none of them"),
        pytest.param("memory=96GB,memory=9GB,bandwidth=1GB/s", "memory is given twice", id="given twice"),
        pytest.param("memory=96GB,bandwidth=1792GB/s,bf16=-1", "bf16 is dense TFLOPS", id="negative speed"),
    ],
)
def test_what_is_refused(text: str, says: str) -> None:
    with pytest.raises(UnknownHardware, match=r".") as caught:
        pool_of(text)
    assert says in str(caught.value)


def test_memory_settles_an_ambiguous_name() -> None:
    with pytest.raises(UnknownHardware) as caught:
        pool_of("a100")
    assert caught.value.candidates == ("a100-sxm-40gb", "a100-sxm-80gb")
    assert pool_of("a100", memory_gb=80).device.key == "a100-sxm-80gb"


def test_several_pools_in_one_text() -> None:
    text = "h100, memory=96GB,bandwidth=1792GB/s,count=2,memory=24GB,bandwidth=936GB/s,name=b, 2 x spark"
    assert [pool.name for pool in pools_of(text)] == ["h100-sxm-80gb", "2xdescribed", "b", "2xdgx-spark"]


@given(st.text(max_size=300))
def test_wild_text_names_hardware_or_is_refused(text: str) -> None:
    assert _outcome(text).isprintable()


@given(
    st.lists(
        st.sampled_from(["memory=", "96GB", ",", "bandwidth=", "1e9", "GB/s", "count=", "²", "=", "٣", "-1"])
    )
)
def test_wild_descriptions_are_refused_in_words(pieces: list[str]) -> None:
    assert _outcome("".join(pieces)).isprintable()


def _outcome(text: str) -> str:
    """The names of the pools, or why there are none."""
    try:
        return ", ".join(pool.name for pool in pools_of(text))
    except UnknownHardware as e:
        return str(e)
