"""The configuration: what a team runs, what it wants to hear of, and how it is told.

Frozen settings in the shape of config.example.yaml, which explains every key. parse_config is pure:
text, environment and the reader of secret files are its arguments. Whether an address answers or a
channel exists is for `modelwatch check`.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from watcher.config_errors import ConfigError, KeyPath
from watcher.config_explain import explain
from watcher.config_values import (
    ChannelUrl,
    ContextTokens,
    Country,
    DeploymentName,
    Device,
    Devices,
    Digest,
    DigestTime,
    Endpoint,
    Engine,
    Families,
    FeedInterval,
    HardwareName,
    HubInterval,
    Language,
    LicenceId,
    ModelId,
    Name,
    Organisations,
    Quiet,
    SettleTime,
    StoreUrl,
    SweepInterval,
    Task,
    TimeZone,
    Token,
    TokensPerSecond,
    Users,
    Vocabulary,
    Word,
)
from watcher.types import Deployment, Hardware, LicenceRules, Load, Stack
from watcher.types import Device as DeviceRow
from watcher.yamllines import Document, read_yaml

DEFAULT_ENDPOINT = "https://huggingface.co"
DEFAULT_FAMILIES = ("llama", "gemma", "qwen", "mistral", "phi", "deepseek", "gpt-oss")
DEFAULT_QUANTISERS = ("bartowski", "unsloth", "nvidia")


class Settings(BaseModel):
    """A section of the file. A key with nothing behind it counts as absent."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, data: Any) -> Any:
        if isinstance(data, Mapping):
            return {key: value for key, value in data.items() if value is not None}
        return data


class StoreSettings(Settings):
    """url is a secret because a database address may hold a password."""

    url: StoreUrl = SecretStr("sqlite:///modelwatch.db")
    url_file: Word | None = None


class HubSettings(Settings):
    """Which Hub, and whose repos on it."""

    endpoint: Endpoint = DEFAULT_ENDPOINT
    token: Token | None = None
    token_file: Word | None = None
    families: Families = DEFAULT_FAMILIES
    organisations: Organisations = ()
    quantisers: Organisations = DEFAULT_QUANTISERS


class FeedSettings(Settings):
    """A feed by name alone (ours), or with its own address. The address may hold a token: not in repr."""

    name: Name
    url: Endpoint | None = Field(default=None, repr=False)
    announces: tuple[Word, ...] = ()


class HardwareSettings(Settings):
    """A pool: count equal devices that serve one model together."""

    device: Device
    count: Devices = 1
    planned: bool = False


class LicenceSettings(Settings):
    """allow empty: every licence. refuse_origin: ISO 3166 country codes of makers.

    domicile: country of the team's legal entity ("EU" for any member state): some licences exclude some.
    """

    allow: tuple[LicenceId, ...] = ()
    refuse_origin: tuple[Country, ...] = ()
    domicile: Country | None = None


class EvaluationSettings(Settings):
    """tasks empty: what is evaluated under the deployment's own name, or that of its task."""

    tasks: tuple[Word, ...] = ()


class DeploymentSettings(Settings):
    """A model in service."""

    model: ModelId
    quant: Word | None = None
    engine: Engine
    hardware: HardwareName
    task: Task = "chat"
    languages: tuple[Language, ...] = ()
    users: Users = 1
    context: ContextTokens = 8192
    min_tokens_per_second: TokensPerSecond | None = None
    quality_floor: Word | None = None
    licence: LicenceSettings = LicenceSettings()
    evaluation: EvaluationSettings = EvaluationSettings()


class ChannelSettings(Settings):
    """Where alerts go. deployments empty: all of them."""

    url: ChannelUrl
    url_file: Word | None = None
    receives: tuple[Literal["alert", "digest"], ...] = ("alert", "digest")
    deployments: tuple[DeploymentName, ...] = ()
    quiet_hours: Quiet | None = None


class ScheduleSettings(Settings):
    """How often to look. The digest and quiet hours are in this time zone; everything else is UTC."""

    hub: HubInterval = timedelta(minutes=30)
    sweep: SweepInterval = timedelta(hours=24)
    feeds: FeedInterval = timedelta(hours=1)
    digest: Digest = DigestTime(day="mon", at=time(8, 0))
    timezone: TimeZone = "UTC"


class PolicySettings(Settings):
    """When a change is worth a word. evaluation_gain is a share: 0.20 is 20 % better."""

    settle: SettleTime = timedelta(hours=24)
    quant_settle: SettleTime = timedelta(days=7)
    flap: SettleTime = timedelta(hours=72)
    max_alerts_per_week: Annotated[int, Field(ge=0, le=1000)] = 5
    evaluation_gain: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.20


def _feeds(value: object) -> object:
    """A bare name stands for {name: it}."""
    if isinstance(value, list | tuple):
        return tuple({"name": item} if isinstance(item, str) else item for item in value)
    return value


class Config(Settings):
    """The whole file. Config() is what an empty mapping means."""

    store: StoreSettings = StoreSettings()
    hub: HubSettings = HubSettings()
    feeds: Annotated[tuple[FeedSettings, ...], BeforeValidator(_feeds)] = ()
    hardware: Mapping[Name, HardwareSettings] = {}
    deployments: Mapping[Name, DeploymentSettings] = {}
    shortlist: tuple[ModelId, ...] = ()
    channels: Mapping[Name, ChannelSettings] = {}
    schedule: ScheduleSettings = ScheduleSettings()
    policy: PolicySettings = PolicySettings()


def parse_config(
    text: str,
    *,
    file: str,
    env: Mapping[str, str],
    read_file: Callable[[Path], str],
    devices: Collection[str],
    families: Collection[str],
) -> Config:
    """The configuration that text holds.

    file is its name for messages, and the folder that `..._file` paths are relative to; read_file
    reads those. devices and families are the known keys. Raises ConfigError with every mistake.
    """
    document = read_yaml(text, file=file, env=env)
    endpoint_from_env = _use_hf_endpoint(document, env)
    _read_secrets(document, read_file)
    vocabulary = Vocabulary(
        devices=tuple(devices),
        families=tuple(families),
        hardware=_names(document, "hardware"),
        deployments=_names(document, "deployments"),
    )
    try:
        config = Config.model_validate(document.data, context=vocabulary)
    except ValidationError as error:
        for finding in error.errors(include_url=False, include_input=False):
            if endpoint_from_env and finding["loc"] == ("hub", "endpoint"):
                document.complain(
                    ("hub", "endpoint"), "the environment variable HF_ENDPOINT is no web address"
                )
            else:
                explain(finding, document, Config)
    if document.mistakes:
        raise ConfigError(file, document.mistakes) from None
    return config


def _names(document: Document, section: str) -> tuple[str, ...]:
    entries = document.data.get(section)
    return tuple(entries) if isinstance(entries, dict) else ()


def _use_hf_endpoint(document: Document, env: Mapping[str, str]) -> bool:
    """HF_ENDPOINT stands in where the file names no endpoint, as in every tool that speaks to the Hub."""
    hub = document.data.get("hub")
    if hub is None:
        hub = document.data["hub"] = {}
    if not isinstance(hub, dict) or hub.get("endpoint") is not None or not env.get("HF_ENDPOINT"):
        return False
    if ("hub", "endpoint") in document.unreadable:
        return False
    hub["endpoint"] = env["HF_ENDPOINT"]
    return True


def _read_secrets(document: Document, read_file: Callable[[Path], str]) -> None:
    """Put what each `..._file` names where the secret itself would stand."""
    places: list[tuple[KeyPath, str]] = [(("store",), "url"), (("hub",), "token")]
    places += [(("channels", name), "url") for name in _names(document, "channels")]
    for path, key in places:
        section: Any = document.data
        for part in path:
            section = section.get(part) if isinstance(section, dict) else None
        if isinstance(section, dict) and isinstance(section.get(f"{key}_file"), str):
            _read_secret(document, section, path, key, read_file)


def _read_secret(
    document: Document,
    section: dict[str, Any],
    path: KeyPath,
    key: str,
    read_file: Callable[[Path], str],
) -> None:
    file_path = (*path, f"{key}_file")
    if section.get(key) is not None:
        document.complain(file_path, f"give {key} or {key}_file, not both")
        return
    try:
        secret = read_file(Path(document.file).parent / section[f"{key}_file"]).strip()
        trouble = "" if secret else "the file is empty"
    except UnicodeDecodeError:
        secret, trouble = "", "the file is not UTF-8 text"
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        secret, trouble = "", f"the file can not be read: {reason or type(error).__name__}"
    if trouble:
        document.complain(file_path, trouble)
        document.unreadable.add((*path, key))
    section[key] = secret or None


def stack_of(config: Config, devices: Mapping[str, DeviceRow]) -> Stack:
    """What the team runs, in the words that decisions use. devices: those that config was checked against."""
    hardware = {
        name: Hardware(name=name, device=devices[pool.device], count=pool.count, planned=pool.planned)
        for name, pool in config.hardware.items()
    }
    return Stack(
        hardware=tuple(hardware.values()),
        deployments=tuple(
            _deployment(name, settings, hardware[settings.hardware])
            for name, settings in config.deployments.items()
        ),
        shortlist=config.shortlist,
        families=config.hub.families,
        quantisers=config.hub.quantisers,
    )


def _deployment(name: str, settings: DeploymentSettings, hardware: Hardware) -> Deployment:
    return Deployment(
        name=name,
        model=settings.model,
        quant=settings.quant,
        engine=settings.engine,
        hardware=hardware,
        task=settings.task,
        languages=settings.languages,
        load=Load(users=settings.users, context_tokens=settings.context),
        min_tokens_per_second=settings.min_tokens_per_second,
        quality_floor=settings.quality_floor,
        licence=LicenceRules(
            allow=settings.licence.allow,
            refuse_origin=settings.licence.refuse_origin,
            domicile=settings.licence.domicile,
        ),
        evaluation_tasks=settings.evaluation.tasks,
    )
