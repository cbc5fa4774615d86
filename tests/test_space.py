"""Genomes, designs and hardware arrays mean the same thing."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from hw_models import AdcType, CrossbarSpec
from xpert_evo.backbone_file import parse_description
from xpert_evo.backbone_remarks import check_depth_choices
from xpert_evo.backbones import load_backbone
from xpert_evo.bundled import BUNDLED_CHAINS
from xpert_evo.config import parse_config
from xpert_evo.crossbar_choices import CrossbarChoices
from xpert_evo.design import Design, design_from_text, load_designs, parse_design
from xpert_evo.errors import ConfigError, DesignError
from xpert_evo.genes import GeneKind
from xpert_evo.hardware import Hardware
from xpert_evo.orchestration.task import build_space
from xpert_evo.search.phases import SECOND_PHASE, frozen_space, to_frozen_space, to_whole_space
from xpert_evo.space import PAPER_CHOICES, WIDE_CHOICES, SearchSpace

SPACES = {name: SearchSpace(load_backbone(name)) for name in BUNDLED_CHAINS}


@st.composite
def genomes(draw: st.DrawFn) -> tuple[SearchSpace, list[int]]:
    space = SPACES[draw(st.sampled_from(sorted(SPACES)))]
    return space, [draw(st.integers(0, int(n) - 1)) for n in space.n_choices]


@given(genomes())
def test_decode_then_encode_gives_the_same_genome_and_a_legal_design(case: tuple[SearchSpace, list[int]]) -> None:
    space, genome = case
    [design] = space.decode(np.array([genome]))
    design.check(space.backbone)
    assert space.encode([design]).tolist() == [genome]
    assert parse_design(json.loads(design.to_json())) == design


@given(genomes())
def test_hardware_arrays_are_the_numbers_of_the_decoded_design(case: tuple[SearchSpace, list[int]]) -> None:
    space, genome = case
    [design] = space.decode(np.array([genome]))
    shapes, peripherals = space.hardware_arrays(np.array([genome]))
    for i, layer in enumerate(design.layers):
        assert shapes.out_channels[0, i] == (layer.channel_depth or space.backbone.n_classes)
        source = space.backbone.sources[i]
        assert shapes.in_channels[0, i] == (3 if source is None else design.layers[source].channel_depth)
        assert peripherals.column_sharing[0, i] == layer.column_sharing
        assert peripherals.adc_type[0, i] == layer.adc_type.code
        assert peripherals.adc_precision[0, i] == layer.adc_precision
        assert peripherals.input_precision[0, i] == layer.input_precision


COPIES = {GeneKind.COPIES: (1, 2, 4, 8)}


def test_copies_are_no_gene_and_no_part_of_a_design_unless_a_space_offers_them() -> None:
    for space in SPACES.values():
        assert GeneKind.COPIES not in space.kinds
        [design] = space.decode(space.baseline())
        assert "copies" not in design.to_json()
    assert SPACES["vgg16"].decode(SPACES["vgg16"].baseline())[0].digest == "6396e1a02f0bb2e4"


def test_a_space_with_copies_has_a_gene_more_in_every_layer() -> None:
    space = SearchSpace(load_backbone("vgg8"), COPIES)
    assert space.n_genes == SPACES["vgg8"].n_genes + space.n_layers
    genome = space.random(np.random.default_rng(0), 1)
    [design] = space.decode(genome)
    copies = [layer.copies for layer in design.layers]
    assert len(set(copies)) > 1
    assert space.hardware_arrays(genome)[1].copies.tolist() == [copies]
    assert space.encode([parse_design(json.loads(design.to_json()))]).tolist() == genome.tolist()
    assert {layer.copies for layer in space.decode(space.baseline())[0].layers} == {1}


def test_a_table_with_copies_costs_what_the_full_model_costs() -> None:
    space = SearchSpace(load_backbone("vgg8"), COPIES)
    genomes = space.random(np.random.default_rng(1), 20)
    for schedule in ("sequential", "pipelined"):
        hardware = Hardware.of(parse_config({"hardware": {"schedule": schedule}}))
        scored, report = hardware.table(space).score(genomes), hardware.report_of(space, genomes)
        for name in ("area_mm2", "latency_us", "energy_uj", "edap", "throughput_fps"):
            assert_allclose(getattr(scored, name), getattr(report, name), rtol=1e-12)


def test_a_design_may_name_copies_of_some_layers_alone() -> None:
    [design] = SPACES["vgg8"].decode(SPACES["vgg8"].baseline())
    plain = json.loads(design.to_json())
    plain["layers"][1]["copies"] = 4
    space = SearchSpace.around(parse_design(plain), load_backbone("vgg8"))
    found = space.hardware_arrays(np.zeros((1, space.n_genes), dtype=np.int64))[1].copies
    assert found.tolist() == [[1, 4, *[1] * (space.n_layers - 2)]]


def test_weight_bits_are_no_gene_and_no_part_of_a_design_unless_a_space_offers_them() -> None:
    space = SearchSpace(load_backbone("vgg8"), {GeneKind.WEIGHT_PRECISION: (4, 5, 8)})
    assert space.n_genes == SPACES["vgg8"].n_genes + space.n_layers
    assert {layer.weight_precision for layer in space.decode(space.baseline())[0].layers} == {8}
    [plain] = SPACES["vgg8"].decode(SPACES["vgg8"].baseline())
    assert "weight_precision" not in plain.to_json()
    genome = space.random(np.random.default_rng(0), 1)
    [design] = space.decode(genome)
    assert len({layer.weight_precision for layer in design.layers}) > 1
    assert space.encode([parse_design(json.loads(design.to_json()))]).tolist() == genome.tolist()


def test_a_table_with_weight_bits_costs_what_the_full_model_costs() -> None:
    space = SearchSpace(load_backbone("vgg8"), {GeneKind.WEIGHT_PRECISION: (3, 5, 8)})
    genomes = space.random(np.random.default_rng(1), 20)
    for settings in ({}, {"crossbar": {"coding": "differential"}, "schedule": "pipelined"}):
        hardware = Hardware.of(parse_config({"hardware": settings}))
        scored, report = hardware.table(space).score(genomes), hardware.report_of(space, genomes)
        for name in ("area_mm2", "latency_us", "energy_uj", "edap", "throughput_fps"):
            assert_allclose(getattr(scored, name), getattr(report, name), rtol=1e-12)


def test_the_chip_decides_weight_bits_that_a_design_does_not() -> None:
    hardware = Hardware.of(parse_config({"hardware": {"crossbar": {"weight_bits": 6}}}))
    [plain] = SPACES["vgg8"].decode(SPACES["vgg8"].baseline())
    assert {layer.crossbar(hardware.crossbar).weight_bits for layer in plain.layers} == {6}
    chosen = plain.to_plain()
    for layer in chosen["layers"]:
        layer["weight_precision"] = 9
    hardware.check(plain)
    with pytest.raises(DesignError, match="conv1: weight_precision must be from 2 to 8, got 9"):
        hardware.check(parse_design(chosen))


def test_crossbars_of_layers_are_numbered_by_their_choices() -> None:
    space = SearchSpace(
        load_backbone("vgg8"),
        {GeneKind.WEIGHT_PRECISION: (3, 8)},
        {"conv2": {GeneKind.WEIGHT_PRECISION: (5,)}},
    )
    found = CrossbarChoices(space, CrossbarSpec(rows=32))
    crossbars = [found.crossbar(number) for number in range(found.n_crossbars)]
    assert [(own.weight_bits, own.rows) for own in crossbars] == [(3, 32), (5, 32), (8, 32)]
    genomes = space.random(np.random.default_rng(2), 8)
    bits = space.values(genomes, GeneKind.WEIGHT_PRECISION)
    assert np.array_equal(np.array([3, 5, 8])[found.of(genomes)], bits)
    without = CrossbarChoices(SPACES["vgg8"], CrossbarSpec())
    assert (without.n_crossbars, without.crossbar(0)) == (1, CrossbarSpec())
    assert without.of(SPACES["vgg8"].baseline()).tolist() == [[0]]


WIDE = SearchSpace(load_backbone("vgg8"), WIDE_CHOICES)


def test_the_chip_has_one_gene_for_all_layers() -> None:
    assert set(WIDE.kinds) - set(SPACES["vgg8"].kinds) == {kind for kind in GeneKind if kind.record.wide_choices}
    assert WIDE.n_genes == SPACES["vgg8"].n_genes + WIDE.n_layers + 4
    for kind in (GeneKind.ROWS, GeneKind.CODING):
        assert WIDE.is_tied(kind)
        assert len({WIDE.column(layer, kind) for layer in range(WIDE.n_layers)}) == 1
    genomes = WIDE.random(np.random.default_rng(0), 12)
    for kind in (GeneKind.ROWS, GeneKind.COLUMNS, GeneKind.ROWS_READ, GeneKind.CODING):
        assert (WIDE.values(genomes, kind) == WIDE.values(genomes, kind)[:, :1]).all()
    scored, report = (
        Hardware.of(parse_config({})).table(WIDE).score(genomes),
        Hardware.of(parse_config({})).report_of(WIDE, genomes),
    )
    assert_allclose(scored.edap, report.edap, rtol=1e-12)


def test_a_design_file_has_the_choices_for_the_chip_once() -> None:
    [design] = WIDE.decode(WIDE.random(np.random.default_rng(3), 1))
    plain = json.loads(design.to_json())
    assert set(plain["crossbar"]) == {"rows", "columns", "rows_read"}
    assert not any("rows" in layer for layer in plain["layers"])
    assert parse_design(plain) == design == design_from_text(design.to_json())
    assert SearchSpace.around(design, WIDE.backbone).decode(SearchSpace.around(design, WIDE.backbone).baseline()) == [
        design
    ]
    assert design.chip_words.startswith(f"crossbar rows {plain['crossbar']['rows']}, crossbar columns ")
    assert not {kind for kind in design.layer_kinds if kind.record.is_chip_wide}
    own = [layer.crossbar(CrossbarSpec(pe_side=2)) for layer in design.layers]
    assert {(c.rows, c.columns, c.pe_side) for c in own} == {
        (plain["crossbar"]["rows"], plain["crossbar"]["columns"], 2)
    }


@pytest.mark.parametrize(
    ("crossbar", "words"),
    [
        ({"rows": 64, "colums": 8}, "crossbar may have rows, columns, rows_read, got colums, rows"),
        (7, "crossbar may have rows, columns, rows_read, got 7"),
        ({"rows": 2}, "greater than or equal to 4"),
    ],
)
def test_wrong_crossbars_of_a_design_are_refused(crossbar: object, words: str) -> None:
    with pytest.raises(DesignError, match=words):
        parse_design({**_plain(), "crossbar": crossbar})


def test_all_layers_of_a_design_have_crossbars_of_one_size() -> None:
    plain = _plain()
    for number, layer in enumerate(plain["layers"]):
        layer["rows"] = 64 if number else 128
    with pytest.raises(DesignError, match=r"rows must be the same in all layers, .* got 64 and 128"):
        parse_design(plain).check(load_backbone("vgg8"))


def test_choices_of_the_chip_cannot_be_those_of_a_layer() -> None:
    with pytest.raises(ConfigError, match=r"all layers share one crossbar rows; set space\.rows instead"):
        SearchSpace(load_backbone("vgg8"), WIDE_CHOICES, {"conv2": {GeneKind.ROWS: (64,)}})


def test_coding_and_cell_bits_may_be_chosen_by_layer() -> None:
    config = parse_config({"space": {"backbone": "vgg8", "preset": "wide", "per_layer": ["coding"]}})
    space = build_space(config, load_backbone("vgg8"))
    assert space.n_genes == WIDE.n_genes + WIDE.n_layers - 1
    genomes = space.random(np.random.default_rng(4), 6)
    assert (space.values(genomes, GeneKind.CODING) != space.values(genomes, GeneKind.CODING)[:, :1]).any()
    hardware = Hardware.of(config)
    assert_allclose(hardware.table(space).score(genomes).edap, hardware.report_of(space, genomes).edap, rtol=1e-12)
    frozen = frozen_space(space, genomes[0], SECOND_PHASE)
    assert to_whole_space(frozen, space, to_frozen_space(frozen, genomes)).shape == genomes.shape


@pytest.mark.parametrize(
    ("space", "kinds"),
    [
        ({}, set(PAPER_CHOICES)),
        ({"preset": "paper"}, set(PAPER_CHOICES)),
        ({"preset": "wide"}, set(WIDE_CHOICES)),
        ({"preset": "wide", "copies": [1, 2]}, {*WIDE_CHOICES, GeneKind.COPIES}),
        ({"rows": [64, 128]}, {*PAPER_CHOICES, GeneKind.ROWS}),
    ],
)
def test_a_preset_names_choices_that_settings_may_change(space: dict[str, object], kinds: set[GeneKind]) -> None:
    config = parse_config({"space": {"backbone": "vgg8", "adc_precision": [5], **space}})
    built = build_space(config, load_backbone("vgg8"))
    assert set(built.kinds) == kinds
    assert built.choices[GeneKind.ADC_PRECISION] == (5,)


def test_the_papers_space_has_thirteen_times_five_genes_and_four() -> None:
    space = SPACES["vgg16"]
    assert space.n_genes == 13 * 5 + 4
    assert space.log10_size == pytest.approx(13 * np.log10(4 * 480) + np.log10(480))


def test_residual_stages_share_one_channel_depth() -> None:
    space = SPACES["resnet20"]
    stage = [i for i, layer in enumerate(space.backbone.layers) if layer.group == "stage2"]
    assert len({space.column(i, GeneKind.CHANNEL_DEPTH) for i in stage}) == 1
    assert sum(gene.kind is GeneKind.CHANNEL_DEPTH for gene in space.genes) == 3 + 9


def test_vgg16_maps_shrink_as_published() -> None:
    backbone = load_backbone("vgg16")
    assert tuple(side for side, _ in backbone.output_sizes()) == (32, 32, 16, 16, 8, 8, 8, 4, 4, 4, 2, 2, 2, 1)
    assert backbone.output_sizes((16, 16))[-2:] == ((1, 1), (1, 1))


def test_homogeneous_design_has_the_backbones_depths_and_equal_peripherals() -> None:
    space = SPACES["vgg16"]
    genome = space.homogeneous(column_sharing=8, adc_type=AdcType.SAR, adc_precision=6, input_precision=8)
    [design] = space.decode(genome)
    assert [layer.channel_depth for layer in design.layers[:-1]] == [64, 64, 128, 128, *[256] * 3, *[512] * 6]
    assert {(la.column_sharing, la.adc_type, la.adc_precision, la.input_precision) for la in design.layers} == {
        (8, AdcType.SAR, 6, 8)
    }
    [half] = space.decode(
        space.homogeneous(column_sharing=8, adc_type=AdcType.SAR, adc_precision=6, input_precision=8, depth_factor=0.5)
    )
    assert half.layers[12].channel_depth == 256


def test_layer_choices_freeze_a_gene() -> None:
    space = SearchSpace(load_backbone("vgg8"), layer_choices={"conv1": {GeneKind.ADC_PRECISION: (6,)}})
    rng = np.random.default_rng(0)
    assert {design.layers[0].adc_precision for design in space.decode(space.random(rng, 50))} == {6}


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        ("s1b1b", "s1b1b shares its channel depth with conv1; set the choices of conv1 instead"),
        ("classifier", "the classifier has one output per class"),
    ],
)
def test_channel_depths_of_a_layer_without_that_gene_are_refused(layer: str, words: str) -> None:
    backbone = load_backbone("resnet20")
    with pytest.raises(ConfigError, match=rf"space\.layers\.{layer}\.channel_depth: {words}"):
        SearchSpace(backbone, layer_choices={layer: {GeneKind.CHANNEL_DEPTH: (64,)}})
    SearchSpace(backbone, layer_choices={layer: {GeneKind.ADC_PRECISION: (6,)}})


@pytest.mark.parametrize("backbone", sorted(BUNDLED_CHAINS))
def test_the_space_around_a_design_holds_it_alone(backbone: str) -> None:
    [design] = SPACES[backbone].decode(SPACES[backbone].random(np.random.default_rng(2), 1))
    around = SearchSpace.around(design, SPACES[backbone].backbone)
    assert around.log10_size == 0
    assert around.decode(np.zeros((1, around.n_genes), int)) == [design]


@pytest.mark.parametrize(
    ("genome", "words"),
    [
        ([[0] * 68], "shape"),
        ([[0.5] * 69], "integers"),
        ([[9] + [0] * 68], "channel_depth of conv1"),
        ([[-1] + [0] * 68], "from 0 to 3"),
    ],
)
def test_illegal_genomes_are_told_by_gene(genome: list[list[float]], words: str) -> None:
    with pytest.raises(DesignError, match=words):
        SPACES["vgg16"].decode(np.array(genome))


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({GeneKind.ADC_PRECISION: ()}, "at least one"),
        ({GeneKind.ADC_PRECISION: (4, 3)}, "ascending order"),
        ({GeneKind.COLUMN_SHARING: (2, 2)}, "ascending order"),
        ({GeneKind.INPUT_PRECISION: (0, 1)}, "at least 1"),
    ],
)
def test_bad_choices_are_refused(choices: dict[GeneKind, tuple[int, ...]], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        SearchSpace(load_backbone("vgg16"), choices)


def _plain(backbone: str = "vgg8") -> dict[str, Any]:
    [design] = SPACES[backbone].decode(np.zeros((1, SPACES[backbone].n_genes), int))
    return design.to_plain()


def test_a_design_file_may_hold_one_design_a_list_or_a_front(tmp_path: Path) -> None:
    path = tmp_path / "designs.json"
    for content, n in ((_plain(), 1), ([_plain()] * 2, 2), ([{"design": _plain(), "accuracy": {}}], 1)):
        path.write_text(json.dumps(content))
        assert len(load_designs(path)) == n


def _changed(change: dict[str, object]) -> dict[str, object]:
    plain = _plain()
    layers = [dict(layer) for layer in plain["layers"]]
    layers[0].update(change)
    return {**plain, "layers": layers}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfe{", "UTF-8"),
        (b"{", "JSON"),
        (b"[]", "no design"),
        (b"7", "table of names"),
        (
            json.dumps(_changed({"adc_typ": "sar"})).encode(),
            "name 'layers.0..adc_typ'.*did you mean 'layers.0..adc_type'",
        ),
        (json.dumps(_changed({"adc_type": "flush"})).encode(), "did you mean 'flash'"),
        (json.dumps(_changed({"adc_precision": 2.5})).encode(), "integer"),
        (json.dumps(_changed({"adc_precision": float("nan")})).encode(), "integer"),
        (json.dumps(_changed({"channel_depth": 10**30})).encode(), "65536"),
        (json.dumps(_changed({"column_sharing": 0})).encode(), "greater than or equal to 1"),
        (json.dumps(_changed({"column_sharing": True})).encode(), "integer"),
        (b"[" * 100_000, "JSON"),
    ],
)
def test_bad_design_files_are_told_in_one_sentence(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "design.json"
    path.write_bytes(content)
    with pytest.raises(DesignError, match=words) as failure:
        load_designs(path)
    assert str(path) in str(failure.value)
    assert "\n" not in str(failure.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(DesignError, match="cannot be read"):
        load_designs(tmp_path / "none.json")


@pytest.mark.parametrize("change", ["missing layer", "wrong backbone", "no depth", "depth on the classifier"])
def test_a_design_must_fit_its_backbone(change: str) -> None:
    plain = _plain()
    layers = list(plain["layers"])
    if change == "missing layer":
        layers = layers[1:]
    elif change == "no depth":
        layers[0] = {k: v for k, v in layers[0].items() if k != "channel_depth"}
    elif change == "depth on the classifier":
        layers[-1] = {**layers[-1], "channel_depth": 64}
    backbone = load_backbone("vgg16" if change == "wrong backbone" else "vgg8")
    design = parse_design({**plain, "layers": layers})
    with pytest.raises(DesignError):
        design.check(backbone)


def test_a_misspelt_layer_is_named_beside_the_missing_one() -> None:
    plain = _plain()
    plain["layers"][2]["name"] = "conv33"
    with pytest.raises(DesignError, match=r"missing: conv3; unknown: conv33\."):
        parse_design(plain).check(load_backbone("vgg8"))


def test_digests_name_designs() -> None:
    space = SPACES["vgg8"]
    rng = np.random.default_rng(1)
    designs = space.decode(space.random(rng, 200))
    assert len({design.digest for design in designs}) == len({design.to_json() for design in designs})
    assert Design.model_validate_json(designs[0].to_json()).digest == designs[0].digest


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ("stem", None),
        ("twin", "node twin: it shares its channel depth with stem; give the choices of stem instead"),
        ("sum", "node sum: only convolutions and linear layers have a depth"),
        ("split", "node split: its depth is fixed by the network"),
        ("classifier", "node classifier: the classifier has one output per class"),
    ],
)
def test_depth_choices_of_a_node_that_no_gene_offers_are_refused(node: str, words: str | None) -> None:
    nodes: list[dict[str, Any]] = [
        {"name": "stem", "op": "convolution", "inputs": ["input"], "depth": 8},
        {"name": "twin", "op": "convolution", "inputs": ["input"], "depth": 8},
        {"name": "sum", "op": "add", "inputs": ["stem", "twin"]},
        {"name": "split", "op": "convolution", "inputs": ["sum"], "depth": 4},
        {"name": "grouped", "op": "convolution", "inputs": ["split"], "depth": 8, "groups": 2},
        {"name": "pooled", "op": "mean", "inputs": ["grouped"], "axes": [1, 2]},
        {"name": "classifier", "op": "linear", "inputs": ["pooled"], "depth": 10},
    ]
    for one in nodes:
        if one["name"] == node:
            one["depth_choices"] = [4, 8]
    backbone = load_backbone(parse_description({"name": "own", "input": [3, 8, 8], "nodes": nodes}, where="own"))
    if words is None:
        check_depth_choices(backbone)
        assert backbone.offered_depths(0) == (4, 8)
        return
    with pytest.raises(ConfigError, match=words):
        check_depth_choices(backbone)
