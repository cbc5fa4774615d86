"""Cost models: their files, and laws that every one of them keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw_models import (
    AdcType,
    CostTable,
    CrossbarSpec,
    HardwareModelError,
    HardwareReport,
    LayerChoices,
    LayerShapes,
    Peripherals,
    Schedule,
    evaluate,
    explain,
    load_adc,
    load_device,
    load_model,
    load_technology,
    model_names,
    sources,
)
from hw_models.cost_model import Choices
from hw_models.coverage import NODES_NM
from tests.hw_models.hardware_settings import DEVICE, TECHNOLOGY, peripherals, shapes
from tests.hw_models.test_laws import paper_choices, paper_layers

MODELS = {name: load_model(name) for name in model_names()}
OWN = [name for name, model in MODELS.items() if model.assumptions is not None]
TECHNOLOGIES = {node: load_technology(f"cmos-{node}nm-lstp") for node in NODES_NM}
models = st.sampled_from(sorted(MODELS))
nodes = st.sampled_from(NODES_NM)
schedules = st.sampled_from(list(Schedule))
NETWORK = LayerShapes(
    output_size=[32, 16, 8, 1], in_channels=[3, 64, 128, 512], kernel_size=[3, 3, 3, 1], out_channels=[64, 128, 256, 10]
)


def report(
    layers: LayerShapes,
    choices: Peripherals,
    model: str,
    schedule: Schedule | None = None,
    node: int = 32,
    **crossbar: Any,
) -> HardwareReport:
    return evaluate(
        layers,
        choices,
        crossbar=CrossbarSpec(**crossbar),
        device=DEVICE,
        technology=TECHNOLOGIES[node],
        model=MODELS[model],
        schedule=schedule,
    )


def one(layer: dict[str, int], choice: dict[str, int], model: str, **more: Any) -> HardwareReport:
    return report(LayerShapes(**layer), Peripherals(**choice), model, **more)


@pytest.mark.parametrize("name", model_names())
def test_every_model_states_choices_units_and_sources(name: str) -> None:
    model = MODELS[name]
    assert model.description
    assert set(model.choice_sources) == set(Choices.__dataclass_fields__)
    for constant in model.constants.values():
        assert constant.unit
        assert len(constant.source) > 20


def test_the_models_of_the_program_are_there() -> None:
    assert {"xpertsim", "neurosim", "published", "optimistic", "pessimistic"} <= set(MODELS)


@settings(max_examples=60)
@given(layer=paper_layers, choice=paper_choices, model=models, schedule=schedules, node=nodes)
def test_nothing_gets_cheaper_when_an_adc_gains_a_bit(
    layer: dict[str, int], choice: dict[str, int], model: str, schedule: Schedule, node: int
) -> None:
    """Latency of the simulators apart: their digital work waits for whole periods of the converter's clock.

    A slower converter may then save a period of an adder's carry, or (neurosim) widen a buffer by a core.
    """
    fewer = choice | {"adc_precision": min(choice["adc_precision"], 7)}
    more = fewer | {"adc_precision": fewer["adc_precision"] + 1}
    cheap, dear = (one(layer, each, model, schedule=schedule, node=node) for each in (fewer, more))
    for quantity in ("area_um2", "energy_pj", *(("latency_ns",) if model in OWN else ())):
        assert getattr(dear, quantity).item() >= getattr(cheap, quantity).item() * (1 - 1e-12), quantity


@settings(max_examples=60)
@given(
    layer=paper_layers,
    choice=paper_choices,
    model=models,
    setting=st.fixed_dictionaries({"schedule": schedules, "node": nodes}),
    copies=st.sampled_from([1, 2, 4]),
)
def test_more_copies_never_lower_throughput_and_take_area(
    layer: dict[str, int], choice: dict[str, int], model: str, setting: dict[str, Any], copies: int
) -> None:
    few, many = (one(layer, choice | {"copies": n}, model, **setting) for n in (copies, 2 * copies))
    assert many.throughput_fps[0] >= few.throughput_fps[0] * (1 - 1e-12)
    assert many.area_mm2[0] == pytest.approx(2 * few.area_mm2[0])
    assert many.copies.item() == 2 * few.copies.item()


@settings(max_examples=60)
@given(layer=paper_layers, choice=paper_choices, model=models, node=nodes)
def test_overlap_never_raises_latency(layer: dict[str, int], choice: dict[str, int], model: str, node: int) -> None:
    alone, beside = (
        one(layer, choice, model, schedule=schedule, node=node)
        for schedule in (Schedule.SEQUENTIAL, Schedule.OVERLAPPED)
    )
    assert beside.latency_ns.item() <= alone.latency_ns.item() * (1 + 1e-12)


@settings(max_examples=40)
@given(choice=paper_choices, model=models, other=schedules, node=nodes)
def test_a_pipelined_network_is_never_slower_in_images_a_second(
    choice: dict[str, int], model: str, other: Schedule, node: int
) -> None:
    chosen = Peripherals(**choice)
    piped = report(NETWORK, chosen, model, Schedule.PIPELINED, node)
    assert piped.throughput_fps[0] >= report(NETWORK, chosen, model, other, node).throughput_fps[0] * (1 - 1e-12)
    assert piped.interval_us[0] == pytest.approx(1e-3 * piped.latency_ns.max())
    assert piped.edap[0] == pytest.approx(piped.area_mm2[0] * piped.energy_uj[0] * piped.interval_us[0])


@settings(max_examples=60)
@given(layer=paper_layers, choice=paper_choices)
def test_the_corners_lie_on_both_sides_of_published(layer: dict[str, int], choice: dict[str, int]) -> None:
    low, middle, high = (one(layer, choice, name) for name in ("optimistic", "published", "pessimistic"))
    for quantity in ("area_um2", "latency_ns", "energy_pj"):
        values = [getattr(each, quantity).item() for each in (low, middle, high)]
        assert values[0] <= values[1] <= values[2], quantity


@settings(max_examples=60)
@given(
    layer=paper_layers,
    choice=paper_choices,
    model=st.sampled_from(OWN),
    schedule=schedules,
    rows_read=st.sampled_from([4, 8, 9, 32]),
)
def test_reading_fewer_rows_at_once_takes_more_conversions(
    layer: dict[str, int], choice: dict[str, int], model: str, schedule: Schedule, rows_read: int
) -> None:
    everything = one(layer, choice, model, schedule=schedule)
    some = one(layer, choice, model, schedule=schedule, rows_read=rows_read)
    assert some.latency_ns.item() >= everything.latency_ns.item() * (1 - 1e-12)
    assert (
        some.breakdown["energy_pj"]["accumulation"].item() >= everything.breakdown["energy_pj"]["accumulation"].item()
    )


@pytest.mark.parametrize("model", model_names())
def test_reading_all_rows_is_the_default(model: str) -> None:
    first, second = (report(NETWORK, peripherals(), model, **more) for more in ({}, {"rows_read": 64}))
    np.testing.assert_array_equal(first.energy_pj, second.energy_pj)
    np.testing.assert_array_equal(first.latency_ns, second.latency_ns)
    np.testing.assert_array_equal(first.area_um2, second.area_um2)


def test_a_quarter_of_the_rows_takes_four_times_the_conversions() -> None:
    layer = shapes(in_channels=64, kernel_size=1)
    every, quarter = (
        report(layer, peripherals(), "xpertsim", **more).breakdown["latency_ns"]["adc"].item()
        for more in ({}, {"rows_read": 16})
    )
    # Flash sensing apart, a SAR clock does not know how many rows it reads.
    assert quarter == pytest.approx(4 * every)


def test_rows_read_leave_older_descriptions_as_they_were() -> None:
    assert "rows_read" not in str(CrossbarSpec())
    assert "rows_read=16" in str(CrossbarSpec(rows_read=16))


@pytest.mark.parametrize("rows_read", [0, 65, 2.5])
def test_rows_read_beyond_the_crossbar_are_refused(rows_read: object) -> None:
    with pytest.raises(HardwareModelError, match=r"crossbar\.rows_read must"):
        CrossbarSpec(rows_read=rows_read)


@pytest.mark.parametrize("name", OWN)
def test_leakage_is_part_of_the_energy(name: str) -> None:
    found = report(NETWORK, peripherals(), name)
    leaked = found.breakdown["energy_pj"]["leakage"]
    assert leaked.sum() * 1e-6 == pytest.approx(found.leakage_uj[0])
    np.testing.assert_allclose(found.dynamic_pj + leaked, found.energy_pj)


@pytest.mark.parametrize("schedule", list(Schedule))
@pytest.mark.parametrize("name", model_names())
def test_components_add_up_and_a_table_scores_what_evaluate_says(name: str, schedule: Schedule) -> None:
    channels = (64, 128)
    layers = [
        LayerChoices(
            name=f"conv{i}",
            output_size=size,
            kernel_size=3,
            in_channels=(3,) if i == 0 else channels,
            in_channels_column=None if i == 0 else 2 * (i - 1),
            out_channels=channels,
            out_channels_column=2 * i,
            column_sharing=(8,),
            adc_type=(AdcType.SAR,),
            adc_precision=(5,),
            input_precision=(4,),
            copies=(1, 2, 8),
            copies_column=2 * i + 1,
        )
        for i, size in enumerate((16, 8))
    ]
    setting = {"crossbar": CrossbarSpec(), "device": DEVICE, "technology": TECHNOLOGY, "model": MODELS[name]}
    table = CostTable.build(layers, **setting, schedule=schedule)
    genomes = np.stack(np.meshgrid(*(np.arange(n) for n in table.n_choices), indexing="ij"), axis=-1).reshape(-1, 4)
    outputs, copies = np.array(channels)[genomes[:, ::2]], np.array([1, 2, 8])[genomes[:, 1::2]]
    inputs = np.concatenate([np.full((len(genomes), 1), 3), outputs[:, :1]], axis=1)
    found = evaluate(
        LayerShapes(output_size=[16, 8], in_channels=inputs, kernel_size=3, out_channels=outputs),
        Peripherals(column_sharing=8, adc_type=0, adc_precision=5, input_precision=4, copies=copies),
        **setting,
        schedule=schedule,
    )
    for quantity, parts in found.breakdown.items():
        np.testing.assert_allclose(sum(parts.values()), getattr(found, quantity), rtol=1e-12)
    costs = table.score(genomes)
    for quantity in ("area_mm2", "latency_us", "energy_uj", "interval_us", "throughput_fps", "edap"):
        np.testing.assert_allclose(getattr(costs, quantity), getattr(found, quantity), rtol=1e-9)


def test_the_digital_clock_does_not_wait_for_the_converters() -> None:
    few, many = (
        report(NETWORK, peripherals(adc_precision=bits), "published", Schedule.SEQUENTIAL).breakdown["latency_ns"]
        for bits in (4, 8)
    )
    np.testing.assert_array_equal(few["activation"], many["activation"])
    assert (few["adc"] < many["adc"]).all()


def test_a_column_draws_the_same_whatever_converts_it() -> None:
    resistive, none = load_device("rram-6k"), load_device("rram-100k")

    def adc_pj(kind: AdcType, device: Any) -> float:
        found = evaluate(
            shapes(),
            peripherals(adc_type=kind.code),
            crossbar=CrossbarSpec(),
            device=device,
            technology=TECHNOLOGY,
            model=MODELS["published"],
        )
        return float(found.breakdown["energy_pj"]["adc"].item())

    currents = [adc_pj(kind, resistive) - adc_pj(kind, none) for kind in AdcType]
    assert currents[0] == pytest.approx(currents[1])


def test_a_device_has_row_drivers_of_its_own() -> None:
    found = report(shapes(), peripherals(), "published").breakdown["area_um2"]["periphery"].item()
    reference = report(shapes(), peripherals(), "xpertsim").breakdown["area_um2"]["periphery"].item()
    assert found < reference
    assert report(shapes(), peripherals(), "pessimistic").breakdown["area_um2"]["periphery"].item() == pytest.approx(
        reference, rel=1e-3
    )


@pytest.mark.parametrize("schedule", list(Schedule))
@pytest.mark.parametrize("name", model_names())
@pytest.mark.parametrize("copies", [1, 4])
def test_an_explanation_follows_the_model(name: str, schedule: Schedule, copies: int) -> None:
    choices = peripherals(adc_type=[0, 1, 0, 1], copies=copies)
    found = report(NETWORK, choices, name, schedule)
    for layer in range(4):
        nodes = explain(
            NETWORK,
            choices,
            layer=layer,
            crossbar=CrossbarSpec(),
            device=DEVICE,
            technology=TECHNOLOGY,
            model=MODELS[name],
            schedule=schedule,
        )
        for node, values in zip(nodes, (found.area_um2, found.latency_ns, found.energy_pj), strict=True):
            assert node.value == pytest.approx(values[0, layer], rel=1e-9)
            components = [part for part in node.parts if "clock" not in part.name]
            assert sum(part.value for part in components) == pytest.approx(node.value, rel=1e-9)
    text = "\n".join(line for node in nodes for line in node.lines())
    assert ("converters.sar_bit_fj" in text) is (name in OWN)
    assert ("sar.base_uw" in text) is (name not in OWN)


def test_sources_follow_the_model() -> None:
    cited = sources(device=DEVICE, technology=TECHNOLOGY, model=MODELS["published"], adc=load_adc("isaac"))
    names = [name for source in cited for name in source.constants]
    assert "published: converters.sar_bit_fj" in names
    assert "published: choices.schedule" in names
    assert "isaac: sar.energy_fj" in names
    plain = sources(device=DEVICE, technology=TECHNOLOGY)
    assert not any("published" in name for source in plain for name in source.constants)


def test_a_model_without_constants_takes_no_table_of_converters() -> None:
    with pytest.raises(HardwareModelError, match="has converters of its own"):
        evaluate(
            shapes(),
            peripherals(),
            crossbar=CrossbarSpec(),
            device=DEVICE,
            technology=TECHNOLOGY,
            adc=load_adc("isaac"),
        )


def test_an_unknown_schedule_suggests_the_nearest() -> None:
    with pytest.raises(HardwareModelError, match="did you mean 'pipelined'"):
        report(shapes(), peripherals(), "published", "pipelind")


def test_an_unknown_model_suggests_the_nearest() -> None:
    with pytest.raises(HardwareModelError, match="did you mean 'published'"):
        load_model("publishd")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[choices]\nschedul = { value = "pipelined" }', "unknown choice 'schedul'; did you mean 'schedule'"),
        ("[digital]\nperiod_n = 2.0", r"unknown constant digital\.period_n; did you mean 'period_ns'"),
        ("[digitl]\nperiod_ns = 2.0", r"unknown table \[digitl\]"),
        ("[digital]\nperiod_ns = [1.0, 2.0]", "must be a number"),
        ("[digital]\nperiod_ns = 0", r"digital\.period_ns must be between"),
        ("[reading]\nsample_ns = -1", r"reading\.sample_ns must not be negative"),
        ("[digital", "not valid TOML"),
    ],
)
def test_a_users_model_with_a_fault_is_refused_in_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(HardwareModelError, match=message) as caught:
        load_model(str(path))
    assert "\n" not in str(caught.value)


def test_a_users_model_may_take_formulas_of_the_simulator(tmp_path: Path) -> None:
    path = tmp_path / "by-cells.toml"
    path.write_text('[choices]\ncolumn_model = "cells"\n[column]\nidle_sar_uw = 2\n', encoding="utf-8")
    mine = load_model(str(path))
    assert mine.simulator.column.idle_sar_uw == 2
    assert mine.simulator.buffers == MODELS["neurosim"].simulator.buffers
    assert mine.assumed == MODELS["published"].assumed
    path.write_text("[column]\nidle_sar_uw = 2\n", encoding="utf-8")
    with pytest.raises(HardwareModelError, match=r"the table \[column\] is not used by any of the model's formulas"):
        load_model(str(path))


def test_a_users_model_is_published_with_its_changes(tmp_path: Path) -> None:
    path = tmp_path / "slow-logic.toml"
    path.write_text("[digital]\nperiod_ns = 4.0\n", encoding="utf-8")
    mine, base = load_model(str(path)), MODELS["published"]
    assert mine.name == "slow-logic"
    assert mine.assumed.digital.period_ns == 4.0
    assert mine.assumed.converters == base.assumed.converters
    assert mine.choices == base.choices
    assert "without a source" in mine.constants["digital.period_ns"].source
