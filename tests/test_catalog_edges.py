"""Names that move, pages that refuse and configurations that change: what must not cut a model off."""

from datetime import timedelta
from pathlib import Path

from sources.standin.server import Fault, StandIn
from sources.standin.world import World
from tests.factories import deployment
from tests.rows import OLD, START, api_row
from tests.world import Watch
from watcher.types import Action, ChangeKind

MODEL = "mistralai/Mistral-Small-4-119B-2603"
MOVED = "mistralai/Mistral-Small-4-Instruct"
QUANT = "unsloth/Mistral-Small-4-Instruct-GGUF"
AUTHORS = ("mistralai", "unsloth")
DAY = timedelta(days=1)


def _world() -> World:
    others = [api_row(f"mistralai/Mistral-Old-{n}B", modified=OLD + n * DAY) for n in range(1, 4)]
    return World.from_rows([api_row(MODEL), *others, api_row("unsloth/Other-GGUF")])


def test_a_renamed_model_in_use_stays_in_use(tmp_path: Path) -> None:
    world = _world()
    world.rename(MODEL, MOVED, START + DAY)
    world.gate(MOVED, "manual", START + 3 * DAY)
    with StandIn(world) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        watch.look(START)
        watch.look(START + 2 * DAY)
        report = watch.look(START + 4 * DAY)
        assert [a.trigger for a in report.outcome.alerts] == ["model-in-use-gated"]


def test_renamed_and_relicensed_in_one_poll_is_a_rename_and_an_alert(tmp_path: Path) -> None:
    world = _world()
    world.rename(MODEL, MOVED, START + DAY)
    world.put(
        api_row(MOVED, licence="mrl", modified=START + DAY) | {"_id": api_row(MODEL)["_id"]}, START + DAY
    )
    with StandIn(world) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        watch.look(START)
        report = watch.look(START + 2 * DAY)
        kinds = {c.kind for _, c in report.outcome.changes}
        assert kinds == {ChangeKind.RENAMED, ChangeKind.LICENCE}
        assert [a.trigger for a in report.outcome.alerts] == ["licence-in-use"]


def test_a_quant_of_the_new_name_is_a_quant_of_the_model_in_use(tmp_path: Path) -> None:
    world = _world()
    world.rename(MODEL, MOVED, START + DAY)
    born = START + 3 * DAY
    files = {"Mistral-Small-4-Instruct-Q4_K_M.gguf": (72_000_000_000, "q4")}
    world.put(api_row(QUANT, base=MOVED, files=files, created=born, modified=born), born)
    team = (deployment(engine="llama.cpp"),)
    with StandIn(world) as hub, Watch(tmp_path, hub, AUTHORS, deployments=team) as watch:
        watch.look(START)
        watch.look(START + 2 * DAY)
        report = watch.look(born + 2 * DAY)
        assert [a.trigger for a in report.outcome.alerts] == ["quant-in-use"]


def test_a_model_in_use_that_the_hub_disabled_is_told(tmp_path: Path) -> None:
    world = _world()
    world.remove(MODEL, START + DAY)
    with StandIn(world) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        watch.look(START)
        disabled = Fault(
            path=f"/api/models/{MODEL}",
            status=403,
            headers={"X-Error-Message": "Access to this resource is disabled."},
        )
        hub.faults.append(disabled)
        watch.look(START + 2 * DAY)
        report = watch.look(START + 3 * DAY)
        assert [a.trigger for a in report.outcome.alerts] == ["model-in-use-removed"]


def test_a_hold_for_a_deployment_that_is_gone_is_closed_with_a_reason(tmp_path: Path) -> None:
    world = _world()
    born = START + DAY
    world.put(api_row("mistralai/Mistral-Small-5-119B", created=born, modified=born), born)
    with StandIn(world) as hub:
        with Watch(tmp_path, hub, AUTHORS) as watch:
            watch.look(START)
            watch.look(born + timedelta(hours=2))
        with Watch(tmp_path, hub, AUTHORS, deployments=(deployment(name="support"),)) as watch:
            report = watch.look(born + timedelta(hours=30))
            said = {(v.deployment, v.action, v.trigger) for v in report.outcome.verdicts}
            assert ("helpdesk", Action.IGNORE, "not-configured") in said
            assert ("support", Action.DIGEST, "version") in said
            assert watch.look(born + timedelta(hours=60)).outcome.verdicts == []


def test_news_on_another_model_of_the_release_is_news_to_another_deployment(tmp_path: Path) -> None:
    world = _world()
    small = "mistralai/Mistral-Small-4-24B-2603"
    world.put(api_row(small))
    for name, day in ((MODEL, 1), (small, 5)):
        born = START + day * DAY
        base = name.partition("/")[2]
        files = {f"{base}-Q4_K_M.gguf": (20_000_000_000, base)}
        world.put(api_row(f"unsloth/{base}-GGUF", base=name, files=files, created=born, modified=born), born)
    team = (deployment(engine="llama.cpp"), deployment(name="small", model=small, engine="llama.cpp"))
    with StandIn(world) as hub, Watch(tmp_path, hub, AUTHORS, deployments=team) as watch:
        watch.look(START)
        told = [watch.look(START + day * DAY).outcome.alerts for day in (3, 7)]
        assert [[a.deployments for a in alerts] for alerts in told] == [[("helpdesk",)], [("small",)]]


def test_a_config_of_three_megabytes_is_read_and_kept_slim(tmp_path: Path) -> None:
    ignored = [f"model.layers.{n}.self_attn.projection_that_stays_in_sixteen_bit" for n in range(50_000)]
    config = {
        "hidden_size": 4096,
        "num_hidden_layers": 36,
        "num_attention_heads": 32,
        "quantization_config": {"quant_method": "modelopt", "ignore": ignored},
    }
    files = {"model.safetensors": (70_000_000_000, "aa")}
    world = World.from_rows([api_row(MODEL, config=config, files=files)])
    with StandIn(world) as hub, Watch(tmp_path, hub, ["mistralai"]) as watch:
        assert watch.look(START).sources[0].status == "ok"
        with watch.store.read() as tx:
            details = tx.known([MODEL])[MODEL.casefold()].details
        assert details is not None
        assert details.config is not None
        assert details.config["num_hidden_layers"] == 36
        assert len(str(details.config)) < 1000
