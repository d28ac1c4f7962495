"""The GPUs of this machine and the configuration made of them; the driver is a fake by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from watcher.config import Config, parse_config
from watcher.gpus import DetectedGpu, detect_gpus, device_key, starter_config

GIB = 2**30


def table(name: str) -> Any:
    return yaml.safe_load(files("watcher").joinpath(f"data/{name}.yaml").read_text(encoding="utf-8"))


DEVICES: tuple[str, ...] = tuple(table("hardware")["devices"])
FAMILIES = ("llama", "gemma", "qwen", "mistral", "phi", "deepseek", "gpt-oss")


class DriverError(Exception):
    """What pynvml raises."""


@dataclass(frozen=True, kw_only=True)
class Card:
    name: str | bytes
    memory: int | None = 80 * GIB
    memory_refused: bool = False
    mig: bool | None = None
    lost: bool = False


@dataclass(frozen=True)
class Memory:
    total: int | None


class Driver:
    """pynvml as far as we use it."""

    NVMLError: type[Exception] = DriverError

    def __init__(self, *cards: Card, present: bool = True, count_fails: bool = False) -> None:
        self.cards = cards
        self.present = present
        self.count_fails = count_fails
        self.open = False

    def nvmlInit(self) -> None:  # noqa: N802  (pynvml's name)
        if not self.present:
            raise DriverError("NVML Shared Library Not Found")
        self.open = True

    def nvmlShutdown(self) -> None:  # noqa: N802  (pynvml's name)
        self.open = False

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802  (pynvml's name)
        if self.count_fails:
            raise DriverError("Unknown Error")
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Card:  # noqa: N802  (pynvml's name)
        if self.cards[index].lost:
            raise DriverError("GPU is lost")
        return self.cards[index]

    def nvmlDeviceGetName(self, handle: Card) -> str | bytes:  # noqa: N802  (pynvml's name)
        return handle.name

    def nvmlDeviceGetMemoryInfo(self, handle: Card) -> Memory:  # noqa: N802  (pynvml's name)
        if handle.memory_refused:
            raise DriverError("Not Supported")
        return Memory(handle.memory)

    def nvmlDeviceGetMigMode(self, handle: Card) -> Sequence[int]:  # noqa: N802  (pynvml's name)
        if handle.mig is None:
            raise DriverError("Not Supported")
        return [int(handle.mig), int(handle.mig)]


def gpu(device: str | None, name: str, count: int = 1, memory: int | None = 80 * GIB) -> DetectedGpu:
    return DetectedGpu(device=device, name=name, count=count, memory_bytes=memory)


H100 = "NVIDIA H100 80GB HBM3"


@pytest.mark.parametrize(
    ("driver", "found"),
    [
        pytest.param(Driver(present=False), [], id="no driver on this machine"),
        pytest.param(Driver(), [], id="a driver without a GPU"),
        pytest.param(Driver(count_fails=True), [], id="a driver that fails is no crash"),
        pytest.param(
            Driver(Card(name=H100), Card(name=H100, mig=False)),
            [gpu("h100-sxm-80gb", H100, count=2)],
            id="equal GPUs are counted together",
        ),
        pytest.param(
            Driver(Card(name="NVIDIA GB10", memory_refused=True)),
            [gpu("dgx-spark", "NVIDIA GB10", memory=None)],
            id="GB10 refuses to name its memory",
        ),
        pytest.param(
            Driver(Card(name="NVIDIA GB10", memory=None)),
            [gpu("dgx-spark", "NVIDIA GB10", memory=None)],
            id="GB10 names a memory of None",
        ),
        pytest.param(
            Driver(Card(name=b"NVIDIA L4", memory=23034 * 2**20)),
            [gpu("l4", "NVIDIA L4", memory=23034 * 2**20)],
            id="old packages give bytes for the name",
        ),
        pytest.param(
            Driver(*(Card(name="NVIDIA GeForce RTX 4060 Ti", memory=size * 2**20) for size in (8188, 16380))),
            [
                gpu("rtx-4060-ti-8gb", "NVIDIA GeForce RTX 4060 Ti", memory=8188 * 2**20),
                gpu("rtx-4060-ti-16gb", "NVIDIA GeForce RTX 4060 Ti", memory=16380 * 2**20),
            ],
            id="one name for two sizes: the memory decides",
        ),
        pytest.param(
            Driver(Card(name=H100, mig=True), Card(name=H100)),
            [gpu(None, f"{H100}, split by MIG"), gpu("h100-sxm-80gb", H100)],
            id="a GPU split by MIG is not a whole one",
        ),
        pytest.param(
            Driver(Card(name=H100, lost=True), Card(name=H100)),
            [gpu("h100-sxm-80gb", H100)],
            id="a lost GPU does not hide the others",
        ),
        pytest.param(
            Driver(Card(name="NVIDIA X\x1b[31m\n9000")),
            [gpu(None, "NVIDIA X[31m9000")],
            id="an unknown product keeps its name without control characters",
        ),
    ],
)
def test_detection(driver: Driver, found: list[DetectedGpu]) -> None:
    assert detect_gpus(driver) == found
    assert not driver.open


def test_this_machine_answers_without_a_crash() -> None:
    assert all(found.count >= 1 for found in detect_gpus())


@pytest.mark.parametrize(
    ("product", "key"),
    [
        ("NVIDIA H200", "h200-sxm-141gb"),
        ("NVIDIA A100-SXM4-80GB", "a100-sxm-80gb"),
        ("NVIDIA A100 80GB PCIe", "a100-pcie-80gb"),
        ("nvidia geforce rtx 4090", "rtx-4090"),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", None),
        ("NVIDIA GeForce RTX 4090 D", None),
        ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", "rtx-pro-6000"),
    ],
)
def test_product_names(product: str, key: str | None) -> None:
    assert device_key(product) == key


def test_every_product_name_leads_to_a_row_and_has_a_source() -> None:
    rows = table("nvml_names")["names"]
    named = {key for row in rows.values() for key in row.get("by_gib", {0: row.get("device")}).values()}
    assert named <= set(DEVICES)
    assert all(row["source"] for row in rows.values())


def load(text: str) -> Config:
    def no_file(path: Path) -> str:
        raise FileNotFoundError(path)

    return parse_config(
        text, file="modelwatch.yaml", env={}, read_file=no_file, devices=DEVICES, families=FAMILIES
    )


@pytest.mark.parametrize(
    ("gpus", "pools"),
    [
        pytest.param([], {}, id="nothing found"),
        pytest.param([gpu("h100-sxm-80gb", H100, count=2)], {"h100": ("h100-sxm-80gb", 2)}, id="two H100"),
        pytest.param(
            [gpu("dgx-spark", "NVIDIA GB10", memory=None), gpu("rtx-4090", "RTX 4090")],
            {"spark": ("dgx-spark", 1), "rtx-4090": ("rtx-4090", 1)},
            id="two kinds",
        ),
        pytest.param(
            [gpu("h100-sxm-80gb", H100), gpu("h100-pcie-80gb", "NVIDIA H100 PCIe")],
            {"h100": ("h100-sxm-80gb", 1), "h100-pcie-80gb": ("h100-pcie-80gb", 1)},
            id="two kinds whose short names collide",
        ),
        pytest.param(
            [gpu("rtx-pro-6000-server", "Server"), gpu("rtx-pro-6000-server", "Max-Q")],
            {
                "rtx-pro-6000-server": ("rtx-pro-6000-server", 1),
                "rtx-pro-6000-server-2": ("rtx-pro-6000-server", 1),
            },
            id="two products of one row",
        ),
        pytest.param([gpu(None, "NVIDIA X9000")], {}, id="only a product without a row"),
        pytest.param([gpu("not-in-the-table", "NVIDIA X9000")], {}, id="a row that this version lacks"),
    ],
)
def test_the_starter_configuration_loads(gpus: list[DetectedGpu], pools: dict[str, tuple[str, int]]) -> None:
    text = starter_config(gpus, DEVICES)
    config = load(text)
    assert {name: (pool.device, pool.count) for name, pool in config.hardware.items()} == pools
    assert max(map(len, text.splitlines())) <= 110


def uncommented(text: str, *sections: str) -> str:
    """text with the commented-out sections made real."""
    lines, inside = [], False
    for line in text.splitlines():
        bare = line.removeprefix("# ")
        if line.startswith("# ") and bare.rstrip(":") in sections:
            inside = True
        elif not line.startswith("#   "):
            inside = False
        lines.append(bare if inside and line.startswith("# ") else line)
    return "\n".join(lines)


def test_the_sample_deployment_works_once_uncommented() -> None:
    text = starter_config([gpu("dgx-spark", "NVIDIA GB10", memory=None)], DEVICES)
    config = load(uncommented(text, "deployments"))
    assert config.deployments["helpdesk"].hardware == "spark"


def test_the_sample_hardware_works_once_uncommented() -> None:
    config = load(uncommented(starter_config([], DEVICES), "hardware", "deployments"))
    assert config.deployments["helpdesk"].hardware == "h100"


def test_without_a_known_gpu_every_device_is_listed() -> None:
    text = starter_config([gpu(None, "NVIDIA X9000", count=4, memory=48 * GIB)], DEVICES)
    assert "Found 4 x NVIDIA X9000, 48 GiB" in text
    assert all(device in text for device in DEVICES)
