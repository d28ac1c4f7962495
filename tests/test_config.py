"""The configuration: what it means, what is refused, and where a mistake is said to be."""

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import time, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from watcher.config import Config, parse_config, stack_of
from watcher.config_errors import ConfigError, Mistake
from watcher.config_values import DigestTime, QuietHours, duration_text
from watcher.types import Device, LicenceRules, Load

ROOT = Path(__file__).parents[1]
DEVICES: tuple[str, ...] = tuple(
    yaml.safe_load(files("watcher").joinpath("data/hardware.yaml").read_text(encoding="utf-8"))["devices"]
)
FAMILIES = ("llama", "gemma", "qwen", "mistral", "phi", "deepseek", "gpt-oss")
SECRET = "xoxb-do-not-print-me"
EXAMPLE = (ROOT / "config.example.yaml").read_text(encoding="utf-8")


def parse(
    text: str, env: Mapping[str, str] | None = None, secrets: Mapping[str, str] | None = None
) -> Config:
    def read_file(path: Path) -> str:
        try:
            return (secrets or {})[str(path)]
        except KeyError:
            raise FileNotFoundError(2, "No such file or directory", str(path)) from None

    return parse_config(
        text,
        file="etc/team.yaml",
        env=env or {},
        read_file=read_file,
        devices=DEVICES,
        families=FAMILIES,
    )


def complaint(
    text: str, env: Mapping[str, str] | None = None, secrets: Mapping[str, str] | None = None
) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(text, env, secrets)
    return str(caught.value).replace("etc/team.yaml:", "")


STACK = """\
hardware:
  spark: {device: dgx-spark}
deployments:
  desk: {model: a/b, engine: vllm, hardware: spark%s}
"""


def test_an_empty_mapping_watches_the_default_families() -> None:
    config = parse("{}")
    assert config == Config()
    assert config.hub.families == FAMILIES
    assert config.store.url.get_secret_value() == "sqlite:///modelwatch.db"
    assert stack_of(config, {}).hardware == ()


def test_sections_that_hold_nothing_mean_their_defaults() -> None:
    assert parse("hub:\nhardware:\nschedule:\n  hub:\nstore: ~\n") == Config()


def test_the_example_loads() -> None:
    config = parse(EXAMPLE)
    desk = config.deployments["helpdesk"]
    assert (desk.engine, desk.task, desk.languages, desk.users) == ("sglang", "chat", ("en", "de"), 10)
    assert desk.licence.refuse_origin == ("CN",)
    assert config.schedule.digest == DigestTime(day="mon", at=time(8, 0))
    assert config.channels["ops"].quiet_hours == QuietHours(start=time(20), end=time(7))
    assert config.policy.quant_settle == timedelta(days=7)
    assert [feed.name for feed in config.feeds] == ["mistral-news", "qwen-blog", "vllm-releases", "lab-blog"]


def keys_of(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key there is; the names that a team chooses are *."""
    for name, info in model.model_fields.items():
        yield (*above, name)
        yield from inside(info.annotation, (*above, name))


def inside(annotation: Any, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from keys_of(annotation, above)
    elif get_origin(annotation) is not None:
        named = isinstance(get_origin(annotation), type) and issubclass(get_origin(annotation), Mapping)
        for argument in get_args(annotation):
            yield from inside(argument, (*above, "*") if named else above)


def explained_keys(text: str) -> set[tuple[str, ...]]:
    """The keys in text, commented-out ones too, that have a comment in their own line."""
    line_shape = re.compile(r"^( *)(?:# )?(?:- )?([\w-]+):(?: +[^#\n]*?)?(?: {1,}# (\S.*))?$")
    named = {"hardware", "deployments", "channels"}
    found, above = set(), list[tuple[int, str]]()
    for line in text.splitlines():
        match = line_shape.match(line)
        if not match or (line.startswith("#")):
            continue
        indent = len(match[1]) + (2 if line.lstrip().startswith("- ") else 0)
        while above and above[-1][0] >= indent:
            above.pop()
        star = len(above) == 1 and above[0][1] in named
        if match[3]:
            found.add((*(name for _, name in above), match[2]))
        above.append((indent, "*" if star else match[2]))
    return found


def test_every_key_is_explained_in_the_example() -> None:
    assert set(keys_of(Config)) - explained_keys(EXAMPLE) == set()


def test_commented_out_keys_of_the_example_work() -> None:
    text = re.sub(r"^( *)# (\w+_file:)", r"\1\2", EXAMPLE, flags=re.MULTILINE)
    text = re.sub(r"^ +(url: s|token:).*\n", "", text, flags=re.MULTILINE)
    secrets = {
        "/run/secrets/store_url": "sqlite:////var/lib/modelwatch.db\n",
        "/run/secrets/hf_token": "hf_abc\n",
        "/run/secrets/ops_url": f"slack://{SECRET}/b/c\n",
    }
    config = parse(text, secrets=secrets)
    assert config.store.url.get_secret_value() == "sqlite:////var/lib/modelwatch.db"
    assert config.hub.token is not None
    assert config.hub.token.get_secret_value() == "hf_abc"
    assert config.channels["ops"].url.get_secret_value() == f"slack://{SECRET}/b/c"
    assert SECRET not in repr(config) + str(config.model_dump())


def mistakes(kind: str) -> list[Any]:
    table = yaml.safe_load((ROOT / "tests/config_mistakes.yaml").read_text(encoding="utf-8"))
    return [pytest.param(row["text"], row["says"], id=row["case"]) for row in table[kind]]


@pytest.mark.parametrize(("text", "says"), mistakes("values"))
def test_a_mistake_has_its_place_and_the_nearest_valid_word(text: str, says: str) -> None:
    assert complaint(text).startswith(says)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        *mistakes("files"),
        pytest.param("a: " + "[" * 50_000, "1:", id="deep nesting"),
        pytest.param("a: [" + "1," * 50_000 + "]", "1:", id="too many values"),
        pytest.param("a: " + "x" * 10_000_000, "1:1: the file is larger than 256 KiB", id="ten megabytes"),
    ],
)
def test_what_is_no_configuration_is_refused(text: str, says: str) -> None:
    message = complaint(text)
    assert message.startswith(says)
    assert message.isprintable()


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    lines = ["a0: &a0 [x]"]
    for n in range(1, 12):
        lines.append(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]")
    assert "too many values behind an alias" in complaint("\n".join(lines))


def test_an_alias_may_save_typing() -> None:
    config = parse(
        "hardware: {spark: {device: dgx-spark}}\n"
        "deployments:\n"
        "  a: {model: a/b, engine: vllm, hardware: spark, licence: &eu {refuse_origin: [cn]}}\n"
        "  b: {model: a/b, engine: vllm, hardware: spark, licence: *eu}\n"
    )
    assert config.deployments["b"].licence.refuse_origin == ("CN",)


def test_every_mistake_is_told_at_once_in_the_order_of_the_file() -> None:
    message = complaint(
        "hub:\n  families: [lama]\n  token: ${NOPE}\nhub: {}\n"
        "hardware: {a: {device: x}}\nschedule: {timezone: Mars/Base}\nfoo: 1\n"
    )
    assert [line.split(":")[0] for line in message.splitlines()] == ["2", "3", "4", "5", "6", "7"]


def test_a_flood_of_mistakes_is_cut() -> None:
    mistakes = [Mistake(line=n, column=1, key="k", message="wrong") for n in range(1, 121)]
    lines = str(ConfigError("f", mistakes)).splitlines()
    assert len(lines) == 51
    assert lines[-1] == "f: and 70 more mistakes"


def test_words_that_yaml_would_change_stay_words() -> None:
    config = parse(STACK % ", languages: [no, en], quant: 4, licence: {refuse_origin: [NO]}, users: '3'")
    desk = config.deployments["desk"]
    assert desk.languages == ("no", "en")
    assert desk.licence.refuse_origin == ("NO",)
    assert (desk.quant, desk.users) == ("4", 3)


@pytest.mark.parametrize(
    ("value", "env", "token"),
    [
        pytest.param("${T}", {"T": "abc"}, "abc", id="a variable"),
        pytest.param("'${T}'", {"T": "abc"}, "abc", id="also in single quotes"),
        pytest.param("a-${T}-${U:-z}", {"T": "b"}, "a-b-z", id="several in one value"),
        pytest.param("${T:-x}", {"T": ""}, "x", id="the default also for an empty variable"),
        pytest.param("${T:-}", {}, None, id="an empty default is as good as no key"),
        pytest.param("${T}", {"T": ""}, None, id="an empty variable too"),
        pytest.param("$${T}", {"T": "abc"}, "${T}", id="two dollars for the characters themselves"),
        pytest.param("$T", {"T": "abc"}, "$T", id="without braces it is text"),
        pytest.param("${T}", {"T": "${U}"}, "${U}", id="what comes out is not expanded again"),
    ],
)
def test_variables(value: str, env: dict[str, str], token: str | None) -> None:
    found = parse(f"hub:\n  token: {value}", env).hub.token
    assert (found and found.get_secret_value()) == token


def test_a_variable_that_is_not_set_is_named() -> None:
    message = complaint("channels:\n  a:\n    url: slack://${SLACK_TOKEN}", {})
    assert message == "3:10: channels.a.url: the environment variable SLACK_TOKEN is not set"


@pytest.mark.parametrize("value", ["${A:-${B}}", "${1}", "${A", "${A-x}"])
def test_a_variable_written_wrongly_is_explained(value: str) -> None:
    assert "write ${NAME} or ${NAME:-default}" in complaint(f"hub:\n  token: '{value}'", {"A": "x"})


def test_hf_endpoint_is_honoured_unless_the_file_names_one() -> None:
    env = {"HF_ENDPOINT": "http://mirror.example:8080/"}
    assert parse("{}", env).hub.endpoint == "http://mirror.example:8080"
    assert parse("hub: {families: [llama]}", env).hub.endpoint == "http://mirror.example:8080"
    assert parse("hub: {endpoint: 'https://hub.example'}", env).hub.endpoint == "https://hub.example"
    assert parse("hub: {endpoint: 'https://hub.example'}").hub.endpoint == "https://hub.example"


@pytest.mark.parametrize(
    ("text", "env", "secrets"),
    [
        pytest.param(f"channels: {{ops: {{url: {SECRET}}}}}", {}, {}, id="a channel url that is none"),
        pytest.param("channels: {ops: {url: '${S}'}}", {"S": SECRET}, {}, id="the same from a variable"),
        pytest.param("channels: {ops: {url_file: f}}", {}, {"etc/f": SECRET}, id="the same from a file"),
        pytest.param(f"channels: {{ops: {{'slack://{SECRET}'}}}}", {}, {}, id="a url where a key belongs"),
        pytest.param(f"channels: {{'slack://{SECRET}': {{}}}}", {}, {}, id="a url where a name belongs"),
        pytest.param(f"hub: {{token: {SECRET} twice}}", {}, {}, id="a token with a space"),
        pytest.param(f"hub: {{token: [{SECRET}]}}", {}, {}, id="a token in a list"),
        pytest.param(f"hub: {{token: {SECRET}, token_file: f}}", {}, {"etc/f": "x"}, id="a token twice"),
        pytest.param(
            "hub: {token_file: f}", {}, {"etc/f": f"{SECRET}\n{SECRET}"}, id="a token file of two lines"
        ),
        pytest.param(f"hub:\n  token: *{SECRET}", {}, {}, id="a token that looks like an alias"),
        pytest.param(f"hub:\n  token: !{SECRET} x", {}, {}, id="a token that looks like a tag"),
        pytest.param(f"hub:\n  token: '{SECRET}", {}, {}, id="a token in an open quotation"),
        pytest.param(f"store: {{url: 'postgres//u:{SECRET}@h'}}", {}, {}, id="a database password"),
        pytest.param(f"hub: {{endpoint: 'https://u:{SECRET}@h'}}", {}, {}, id="an endpoint with a password"),
        pytest.param("{}", {"HF_ENDPOINT": f"https://u:{SECRET}@h"}, {}, id="HF_ENDPOINT with a password"),
        pytest.param("schedule: {timezone: '${S}'}", {"S": SECRET}, {}, id="a variable in the wrong key"),
        pytest.param("hub: {families: ['${S}']}", {"S": SECRET}, {}, id="a variable in the wrong list"),
    ],
)
def test_a_secret_is_never_in_a_message(text: str, env: dict[str, str], secrets: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, env, secrets)
    error = caught.value
    assert SECRET not in str(error) + repr(error)
    assert error.__suppress_context__


def test_a_bad_channel_url_names_its_channel() -> None:
    assert complaint(f"channels:\n  ops: {{url: {SECRET}}}").startswith(
        "2:14: channels.ops.url: needs an Apprise address"
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(None, "the file can not be read: No such file or directory", id="absent"),
        pytest.param(" \n", "the file is empty", id="empty"),
    ],
)
def test_a_secret_file_that_does_not_help(content: str | None, expected: str) -> None:
    secrets = {} if content is None else {"etc/f": content}
    message = complaint("channels:\n  ops: {url_file: f}", secrets=secrets)
    assert message == f"2:19: channels.ops.url_file: {expected}"


def test_a_secret_file_that_is_not_text() -> None:
    def read_file(path: Path) -> str:
        return b"\xff".decode()

    with pytest.raises(ConfigError, match=r"hub\.token_file: the file is not UTF-8 text"):
        parse_config("hub: {token_file: f}", file="c", env={}, read_file=read_file, devices=(), families=())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(alphabet="ab:{}[]-?&*!#'\"$|>%@`,~ \n\t\\1", max_size=40), st.integers(0, len(EXAMPLE)))
def test_whatever_is_typed_into_the_example_ends_in_a_configuration_or_a_complaint(
    text: str, at: int
) -> None:
    with contextlib.suppress(ConfigError):
        parse(EXAMPLE[:at] + text + EXAMPLE[at:])


def test_settings_are_frozen_and_refuse_the_unknown() -> None:
    config = Config()
    with pytest.raises(ValidationError, match="frozen"):
        config.hub = config.hub  # type: ignore[misc]  # that it can not be set is the point
    with pytest.raises(ValidationError, match="extra_forbidden"):
        Config.model_validate({"foo": 1})


def test_names_are_kept_once() -> None:
    assert parse("hub: {quantisers: [unsloth, Unsloth, nvidia]}").hub.quantisers == ("unsloth", "nvidia")


@pytest.mark.parametrize(
    ("start", "end", "moment", "quiet"),
    [
        (time(20), time(7), time(23), True),
        (time(20), time(7), time(6, 59), True),
        (time(20), time(7), time(7), False),
        (time(12), time(13), time(12), True),
        (time(12), time(13), time(13), False),
    ],
)
def test_quiet_hours_may_go_over_midnight(start: time, end: time, moment: time, quiet: bool) -> None:
    assert QuietHours(start=start, end=end).covers(moment) is quiet


@pytest.mark.parametrize(("text", "seconds"), [("90m", 5400), ("24h", 86400), ("7d", 604800)])
def test_durations(text: str, seconds: int) -> None:
    assert parse(f"policy: {{settle: {text}}}").policy.settle == timedelta(seconds=seconds)


def test_durations_are_shown_as_short_as_can_be() -> None:
    assert [duration_text(timedelta(seconds=s)) for s in (45, 5400, 7200, 604800)] == [
        "45s",
        "90m",
        "2h",
        "7d",
    ]


@pytest.mark.parametrize("text", ["mon 08:00", "Monday 8:00"])
def test_the_digest_day_is_a_name(text: str) -> None:
    assert parse(f"schedule: {{digest: '{text}'}}").schedule.digest == DigestTime(day="mon", at=time(8))


def test_the_stack_speaks_the_words_of_decisions() -> None:
    config = parse(EXAMPLE)
    rows = {
        key: Device(
            key=key,
            name=key,
            vendor="nvidia",
            kind="hbm",
            usable_bytes=1,
            planning_bytes=1,
            bandwidth_bytes_per_s=1.0,
        )
        for key in DEVICES
    }
    stack = stack_of(config, rows)
    assert [pool.name for pool in stack.hardware] == ["h100", "spark"]
    [desk] = stack.deployments
    assert desk.hardware.device.key == "dgx-spark"
    assert desk.load == Load(users=10, context_tokens=8192)
    assert desk.licence == LicenceRules(allow=("apache-2.0", "mit"), refuse_origin=("CN",), domicile="EU")
    assert stack.shortlist == ("google/gemma-4-31B-it",)
    assert stack.quantisers == ("bartowski", "unsloth", "nvidia")


def test_reading_a_configuration_loads_nothing_heavy() -> None:
    heavy = (
        "sqlalchemy",
        "apprise",
        "huggingface_hub",
        "apscheduler",
        "httpx2",
        "sources",
        "store",
        "alerts",
    )
    code = f"import sys, watcher.config, watcher.gpus; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.strip() == "[]"
