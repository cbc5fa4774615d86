"""Network files of XPertSim and NeuroSim: what their programs count of what is written, and the way back."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from hw_models import AdcType, CrossbarSpec, evaluate, load_device, load_technology
from hw_models.mapping import map_layers
from tests.small_runs import BLOCK_LAYERS
from xpert_evo.backbone_file import parse_description
from xpert_evo.backbones import Backbone, load_backbone
from xpert_evo.bundled import BUNDLED_CHAINS
from xpert_evo.design import Design
from xpert_evo.errors import DesignError
from xpert_evo.network_file import LayerRow, NetworkForm, network_rows, network_text, parse_network, read_network
from xpert_evo.network_import import import_network
from xpert_evo.space import SearchSpace

HARDWARE = {
    "crossbar": CrossbarSpec(),
    "device": load_device("rram-6k"),
    "technology": load_technology("cmos-32nm-lstp"),
}
XPERTSIM_FILLER = (64.0, 3.0, 3.0, 512.0, 0.0, 1.0)


def row(
    side: int, in_channels: int, kernel: int, out_channels: int, *, pool: bool = False, stride: int = 1
) -> LayerRow:
    return LayerRow(
        input_side=side,
        in_channels=in_channels,
        kernel_size=kernel,
        out_channels=out_channels,
        pool=pool,
        stride=stride,
    )


def named(name: str, *, n_classes: int = 10, image_channels: int = 3) -> Backbone:
    described = (
        parse_description({"name": "blocks", "layers": BLOCK_LAYERS}, where="blocks") if name == "blocks" else name
    )
    return load_backbone(described, n_classes=n_classes, image_channels=image_channels)


def random_design(backbone: Backbone, seed: int) -> Design:
    space = SearchSpace(backbone)
    return space.decode(space.random(np.random.default_rng(seed), 1))[0]


def hardware_of(backbone: Backbone, design: Design) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    space = SearchSpace.around(design, backbone)
    shapes, peripherals = space.hardware_arrays(np.zeros((1, space.n_genes), dtype=np.int64))
    return shapes.arrays(), peripherals.arrays()


class Simulator:
    """What the two programs take from a network file, written from what they do and from nothing of this project.

    Both read every cell as a floating-point number and truncate the product that counts positions. XPertSim evaluates
    rows 2 i and 2 i + 1 together and takes the peripherals of both from the first; a layer's weights have 8 bits.
    """

    def __init__(self, text: str) -> None:
        self.rows = [[float(cell) for cell in line.split(",")] for line in text.split("\n") if line]

    def pairs(self) -> list[tuple[list[float], list[float]]]:
        assert len(self.rows) % 2 == 0
        return list(zip(self.rows[::2], self.rows[1::2], strict=True))

    @staticmethod
    def positions(row: list[float]) -> int:
        return int((row[0] - row[3] + 1) / row[7] * (row[1] - row[4] + 1) / row[7])

    @staticmethod
    def matrix(row: list[float], cell_bits: int = 4) -> tuple[int, int]:
        return int(row[2] * row[3] * row[4]), int(row[5] * -(-8 // cell_bits))

    @staticmethod
    def bits_moved(row: list[float], input_bits: int) -> float:
        """Bits of the layer's output that return to the global buffer; pooling leaves a quarter."""
        return row[5] * input_bits * Simulator.positions(row) / (4 if row[6] else 1)


@pytest.mark.parametrize("name", [*BUNDLED_CHAINS, "blocks"])
def test_the_simulators_count_what_the_cost_model_counts(name: str) -> None:
    backbone = named(name)
    design = random_design(backbone, 3)
    rows = network_rows(backbone, design)
    space = SearchSpace.around(design, backbone)
    shapes, _ = space.hardware_arrays(np.zeros((1, space.n_genes), dtype=np.int64))
    mapping = map_layers(shapes, CrossbarSpec(), 0.25)
    pairs = Simulator(network_text(rows, NetworkForm.XPERTSIM)).pairs()
    layers = Simulator(network_text(rows, NetworkForm.NEUROSIM_V1_3)).rows
    assert len(pairs) == len(layers) == len(backbone.layers)
    for counted in ([layer for layer, _ in pairs], layers):
        assert_array_equal([Simulator.positions(row) for row in counted], mapping.positions[0])
        matrices = np.array([Simulator.matrix(row) for row in counted])
        assert_array_equal(matrices[:, 0], mapping.inputs[0])
        assert_array_equal(matrices[:, 1], 2 * mapping.outputs[0])
        held = np.array([row[0] * row[1] * row[2] for row in counted])
        even = np.array([layer.stride == 1 for layer in backbone.layers])
        assert_array_equal(held[even], mapping.buffered_inputs[0][even])
    sizes = [side for side, _ in backbone.output_sizes()]
    for (layer, filler), genes, spec, size in zip(pairs, design.layers, backbone.layers, sizes, strict=True):
        assert tuple(filler[2:8]) == XPERTSIM_FILLER
        assert filler[8:] == layer[8:], "the filler stands on the layer's chip"
        assert Simulator.positions(filler) == Simulator.positions(layer) == size**2
        sharing, adc_code, input_bits, levels = layer[8:]
        assert sharing == genes.column_sharing
        assert (adc_code == 1) is (genes.adc_type is AdcType.FLASH), "the program takes 1 for Flash, all else for SAR"
        assert adc_code in {0, 1}
        assert input_bits == genes.input_precision
        assert np.log2(levels) == genes.adc_precision
        left = (size // 2) ** 2 if spec.pool and size > 1 else size**2
        if size % 2 == 0 or not spec.pool:
            assert Simulator.bits_moved(layer, 1) == left * layer[5]


def test_a_strided_layer_is_counted_at_its_own_output() -> None:
    """Stride 2 on a map of 32 x 32: 34 and 32 give 16 x 16; the padded input's last row alone (33) gives 240."""
    backbone = named("resnet20")
    rows = dict(
        zip([layer.name for layer in backbone.layers], network_rows(backbone, random_design(backbone, 0)), strict=True)
    )
    assert (rows["s2b1a"].input_side, rows["s2b1a"].stride) == (34, 2)
    assert (rows["s2projection"].input_side, rows["s2projection"].kernel_size) == (32, 1)
    assert [Simulator.positions([side, side, 1, 3, 3, 1, 0, 2]) for side in (34.0, 33.0)] == [256, 240]


def test_the_first_layer_of_a_design_is_written_as_xpertsim_reads_it() -> None:
    backbone = named("vgg16")
    space = SearchSpace(backbone)
    chosen = {"column_sharing": 8, "adc_precision": 6, "input_precision": 8}
    for adc_type, code in ((AdcType.SAR, 0), (AdcType.FLASH, 1)):
        (design,) = space.decode(space.homogeneous(adc_type=adc_type, **chosen))
        lines = network_text(network_rows(backbone, design), NetworkForm.XPERTSIM).splitlines()
        assert lines[:4] == [
            f"34,34,3,3,3,64,0,1,8,{code},8,64",
            f"34,34,64,3,3,512,0,1,8,{code},8,64",
            f"34,34,64,3,3,64,1,1,8,{code},8,64",
            f"34,34,64,3,3,512,0,1,8,{code},8,64",
        ]
        assert lines[-2:] == [f"1,1,512,1,1,10,0,1,8,{code},8,64", f"3,3,64,3,3,512,0,1,8,{code},8,64"]
        assert len(lines) == 28
        plain = network_text(network_rows(backbone, design), NetworkForm.NEUROSIM_V1_3).splitlines()
        assert plain == [",".join(line.split(",")[:8]) for line in lines[::2]]


def check_round_trip(backbone: Backbone, design: Design) -> None:
    rows = network_rows(backbone, design)
    text = network_text(rows, NetworkForm.XPERTSIM)
    assert parse_network(text, where="text") == rows
    found = import_network(parse_network(text, where="text"), "again", where="text")
    assert found.design is not None
    wanted, got = hardware_of(backbone, design), hardware_of(found.backbone, found.design)
    for before, after in zip(wanted, got, strict=True):
        assert before.keys() == after.keys()
        for key in before:
            assert_array_equal(before[key], after[key], err_msg=key)
    plain = import_network(
        parse_network(network_text(rows, NetworkForm.NEUROSIM_V1_3), where="text"), "again", where="text"
    )
    assert plain.design is None
    assert plain.description == found.description
    assert network_text(network_rows(found.backbone, found.design), NetworkForm.XPERTSIM) == text


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from([*BUNDLED_CHAINS, "blocks"]),
    seed=st.integers(0, 2**32 - 1),
    n_classes=st.sampled_from([2, 10, 200]),
    image_channels=st.sampled_from([1, 3]),
)
def test_export_and_import_keep_shapes_and_peripherals(
    name: str, seed: int, n_classes: int, image_channels: int
) -> None:
    backbone = named(name, n_classes=n_classes, image_channels=image_channels)
    check_round_trip(backbone, random_design(backbone, seed))


@pytest.mark.parametrize("name", [*BUNDLED_CHAINS, "blocks"])
def test_what_comes_back_costs_the_same(name: str) -> None:
    backbone = named(name)
    design = random_design(backbone, 11)
    text = network_text(network_rows(backbone, design), NetworkForm.XPERTSIM)
    found = import_network(parse_network(text, where="text"), "again", where="text")
    assert found.design is not None
    reports = []
    for owner, one in ((backbone, design), (found.backbone, found.design)):
        space = SearchSpace.around(one, owner)
        reports.append(evaluate(*space.hardware_arrays(np.zeros((1, space.n_genes), dtype=np.int64)), **HARDWARE))
    for quantity in ("area_mm2", "latency_us", "energy_uj", "edap", "tops_per_w"):
        assert_array_equal(getattr(reports[0], quantity), getattr(reports[1], quantity))


def test_the_wiring_of_a_built_in_backbone_is_known_again() -> None:
    for name in BUNDLED_CHAINS:
        backbone = named(name)
        rows = network_rows(backbone, random_design(backbone, 5))
        found = import_network(rows, "again", where="text")
        assert found.like == name
        for layer, before in zip(found.backbone.layers, backbone.layers, strict=True):
            assert (layer.name, layer.source, layer.adds) == (before.name, before.source, before.adds)
            assert layer.kind is before.kind
        assert found.backbone.depth_owners == backbone.depth_owners


@st.composite
def own_backbones(draw: st.DrawFn) -> Backbone:
    """Chains of convolutions and residual blocks with a projection, its two branches in either order."""
    layers: list[dict[str, object]] = []
    for i in range(draw(st.integers(1, 5))):
        stride, before = draw(st.sampled_from([1, 2])), layers[-1]["name"] if layers else "input"
        if not draw(st.booleans()):
            kernel, pool = draw(st.sampled_from([1, 3, 5])), draw(st.booleans())
            layers.append(
                {"name": f"plain{i}", "reference_depth": 64, "kernel_size": kernel, "stride": stride, "pool": pool}
            )
            continue
        first = {"name": f"first{i}", "reference_depth": 64, "stride": stride, "source": before}
        side = {"name": f"side{i}", "reference_depth": 64, "kernel_size": 1, "stride": stride, "source": before}
        group = {"depth_group": f"block{i}"}
        second = {"name": f"second{i}", "reference_depth": 64, "source": f"first{i}", "adds": f"side{i}", **group}
        layers += draw(st.permutations([first, {**side, **group}]))
        layers.append(second)
    layers.append({"name": "classifier", "kind": "linear"})
    return load_backbone(parse_description({"name": "own", "layers": layers}, where="own"))


@settings(max_examples=150, deadline=None)
@given(backbone=own_backbones(), seed=st.integers(0, 2**32 - 1))
def test_own_backbones_come_back_with_their_shapes(backbone: Backbone, seed: int) -> None:
    check_round_trip(backbone, random_design(backbone, seed))


@pytest.mark.parametrize(
    "order", [("first", "side", "second"), ("side", "first", "second"), ("first", "second", "side")]
)
def test_projections_are_added_wherever_they_stand_in_their_block(order: tuple[str, ...]) -> None:
    """Rows of a block: two convolutions, the first of stride 2, and a projection beside them."""
    block = {
        "first": row(34, 64, 3, 128, stride=2),
        "second": row(18, 128, 3, 128),
        "side": row(32, 64, 1, 128, stride=2),
    }
    rows = [row(34, 3, 3, 64), *(block[name] for name in order), row(18, 128, 3, 256), row(1, 256, 1, 10)]
    layers = import_network(rows, "net", where="net.csv").backbone.layers
    stem, *inner, after, _ = layers
    found = dict(zip(order, inner, strict=True))
    assert found["first"].source == found["side"].source == stem.name
    assert found["second"].source == found["first"].name
    ends = {found["second"].name, found["side"].name}
    (joined,) = [layer for layer in inner if layer.adds is not None]
    assert {joined.name, joined.adds} == ends
    assert after.source == joined.name
    assert found["second"].group == found["side"].group


def test_files_without_padding_are_the_same_network() -> None:
    """The files that come with DNN+NeuroSim V1.3 give the side of the map itself."""
    text = """32,32,3,3,3,128,0,1
32,32,128,3,3,128,1,1
16,16,128,3,3,256,0,1
16,16,256,3,3,256,1,1
8,8,256,3,3,512,0,1
8,8,512,3,3,512,1,1
1,1,512,1,1,10,0,1
"""
    found = import_network(parse_network(text, where="text"), "again", where="text")
    assert (found.like, found.backbone.output_sizes()) == ("vgg8", named("vgg8").output_sizes())
    assert [layer.reference_depth for layer in found.backbone.layers] == [128, 128, 256, 256, 512, 512, None]


@pytest.mark.parametrize("name", ["vgg8", "resnet20"])
def test_files_of_larger_images_come_back_with_their_size(name: str) -> None:
    backbone = load_backbone(name, image_size=(64, 64))
    design = random_design(backbone, 3)
    rows = network_rows(backbone, design)
    found = import_network(rows, "again", where="net.csv", image_side=64)
    assert (found.like, found.backbone.output_sizes()) == (name, backbone.output_sizes())
    assert found.design is not None
    assert network_rows(found.backbone, found.design) == rows
    with pytest.raises(DesignError, match=r"its input is 66 x 66, but images are 32 x 32 .* such as --input 3,64,64"):
        import_network(rows, "again", where="net.csv")


def test_spaces_a_byte_order_mark_and_the_authors_code_of_sar_are_read(tmp_path: Path) -> None:
    path = tmp_path / "NetWork_custom.csv"
    path.write_bytes(
        b"\xef\xbb\xbf34, 34, 3, 3, 3, 128, 0, 1, 16, 2, 4, 64\r\n34, 34, 64, 3, 3, 512, 0, 1, 16, 2, 4, 64\r\n\r\n"
    )
    (row,) = read_network(path)
    assert row.peripherals is not None
    assert (row.peripherals.adc_type, row.peripherals.adc_precision) == (AdcType.SAR, 6)


PAIR = "34,34,3,3,3,64,0,1,8,0,8,64\n34,34,64,3,3,512,0,1,8,0,8,64\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty; give a network file"),
        ("a,b,c\n", r"line 1: a row must have 8 columns .* or 12 .*, got 3"),
        ("34,34,3,3,3,64,0,1\n34,34,64,3,3,64,1\n", "line 2: this row must have 8 columns like the first one, got 7"),
        ("34,34,3,3,3,64,0,0\n", r"line 1: column 8 \(stride\) must be from 1 to 16 .*divides by it.*, got '0'"),
        ("34,34,3,3,3,64,2,1\n", r"column 7 \(pooling\) must be from 0 to 1, got '2'"),
        ("34,34,3.5,3,3,64,0,1\n", r"column 3 \(input channels\) .* got '3.5'"),
        ("34,34,3,3,3,-64,0,1\n", r"column 6 \(output channels\) .* got '-64'"),
        ("34,36,3,3,3,64,0,1\n", "a rectangular input cannot be imported, got 34 x 36"),
        ("34,34,3,3,5,64,0,1\n", "a rectangular kernel cannot be imported, got 3 x 5"),
        ("33,33,3,2,2,64,0,1\n", "only kernels with an odd side can be imported, got 2"),
        (PAIR.splitlines()[0], "line 1: XPertSim reads rows in pairs; add the filler row"),
        (
            PAIR.replace("512", "64"),
            "line 2: XPertSim reads rows in pairs, so columns 3 to 8 .* 64,3,3,512,0,1, got 64,3",
        ),
        (
            PAIR.replace("8,64\n", "8,6\n", 1),
            "line 1: column 12 must be the number of ADC levels, a power of two such as 64",
        ),
        (
            PAIR.replace("8,0,8", "8,3,8", 1),
            r"column 10 \(ADC type: 1 is Flash, 0 is SAR\) must be from 0 to 2, got '3'",
        ),
    ],
)
def test_rows_that_no_program_takes_are_refused(text: str, words: str) -> None:
    with pytest.raises(DesignError, match=f"net.csv.*{words}"):
        parse_network(text, where="net.csv")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([row(34, 3, 3, 64), row(34, 64, 3, 64)], "layer 2: the last layer, .* must be the classifier"),
        ([row(226, 3, 3, 64), row(1, 64, 1, 10)], "its input is 226 x 226, but images are 32 x 32 .*--input 3,224,224"),
        ([row(34, 3, 3, 64), row(34, 1, 3, 64), row(1, 64, 1, 10)], "layer 2: it reads 1 channel of .*depthwise"),
        ([row(34, 3, 3, 64), row(18, 64, 3, 64), row(1, 64, 1, 10)], "layer 2: it reads 64 channels of 18 x 18, which"),
        ([row(34, 3, 3, 8, pool=True), row(1, 2048, 1, 32), row(1, 32, 1, 10)], "layer 2: it reads 8 maps of 16 x 16"),
        ([row(34, 3, 3, 64), row(34, 3, 3, 32), row(1, 64, 1, 10)], "layer 2: no later layer can read its output"),
        ([row(34, 3, 3, 64), row(35, 64, 3, 64, stride=2), row(1, 64, 1, 10)], "layer 2: an input of 35 pixels"),
        ([row(34, 3, 3, 64), row(2, 64, 3, 64), row(1, 64, 1, 10)], "layer 2: an input of 2 pixels does not give"),
        ([row(1, 3, 1, 10)], "layer 1: the last layer, after at least one convolution"),
    ],
)  # fmt: skip
def test_layers_that_no_backbone_has_are_refused_by_name(rows: list[LayerRow], words: str) -> None:
    with pytest.raises(DesignError, match=f"net.csv.*(?:{words})"):
        import_network(rows, "net", where="net.csv")
