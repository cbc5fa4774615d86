"""One's own backbone: read from TOML, checked with one sentence, known by the digest of its layers."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.small_runs import OWN_BACKBONE
from xpert_evo.backbone_file import BackboneDescription, parse_description, read_description
from xpert_evo.backbone_remarks import remarks_on, shared_depths
from xpert_evo.backbones import backbone_of, load_backbone
from xpert_evo.config import load_config, parse_config
from xpert_evo.errors import ConfigError, DesignError, XpertEvoError
from xpert_evo.genes import GeneKind
from xpert_evo.orchestration.task import build_task


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "net.toml"
    path.write_text(OWN_BACKBONE)
    return path


def test_a_description_becomes_a_backbone_with_the_usual_values(file: Path) -> None:
    backbone = load_backbone(read_description(file), n_classes=7, image_channels=1)
    assert backbone.name.startswith("small-")
    assert [layer.source for layer in backbone.layers] == ["input", "stem", "wide", "join"]
    assert backbone.output_sizes() == ((32, 32), (16, 16), (16, 16), (1, 1))
    assert backbone.depth_owners == (0, 1, 0, None)
    assert [layer.kernel_size for layer in backbone.layers] == [3, 5, 3, 1]


def test_the_name_follows_the_layers_and_not_how_they_are_written(file: Path) -> None:
    first = load_backbone(read_description(file))
    spelt_out = OWN_BACKBONE.replace('name = "wide"\n', 'name = "wide"\nsource = "stem"\nstride = 1\n')
    file.write_text(spelt_out)
    assert load_backbone(read_description(file)).name == first.name
    file.write_text(OWN_BACKBONE.replace("kernel_size = 5", "kernel_size = 7"))
    other = load_backbone(read_description(file))
    assert other.name != first.name
    assert other.name.startswith("small-")


def test_settings_hold_the_description_and_do_without_the_file(file: Path) -> None:
    config = load_config(None, {"space.backbone": str(file)})
    plain = json.loads(json.dumps(config.to_plain()))
    file.unlink()
    again = parse_config(plain)
    assert again == config
    task = build_task(again, n_classes=10, image_channels=1)
    assert task.space.n_genes == 2 + 4 * 4, "two depths of their own; the third is tied"
    design = task.space.decode(task.baseline)[0]
    assert design.backbone == task.backbone.name
    assert np.array_equal(task.space.encode([design]), task.baseline)
    assert task.space.values(task.baseline, GeneKind.CHANNEL_DEPTH).tolist() == [[64, 128, 64, 10]]


def test_toml_that_is_written_reads_back_equal(file: Path) -> None:
    description = read_description(file)
    file.write_text(description.to_toml())
    assert read_description(file) == description


def test_a_design_finds_its_backbone_where_settings_name_the_file(file: Path) -> None:
    own = read_description(file)
    name = load_backbone(own).name
    assert backbone_of(name, own).name == name
    assert backbone_of("vgg8", own).name == "vgg8"
    with pytest.raises(DesignError, match=r"space\.backbone=FILE\.toml"):
        backbone_of(name, "vgg16")
    with pytest.raises(
        DesignError, match=r"'alexnet'.*known: ds_cnn, mlp, mobilenet_v2, resnet18, resnet20, vgg16, vgg8, vit"
    ):
        backbone_of("alexnet", "vgg16")


def entries(**changes: dict[str, object]) -> dict[str, object]:
    """A chain of three layers, with changes by layer."""
    layers: dict[str, dict[str, object]] = {
        "a": {"name": "a", "reference_depth": 64},
        "b": {"name": "b", "reference_depth": 64},
        "out": {"name": "out", "kind": "linear"},
    }
    return {"name": "chain", "layers": [{**layer, **changes.get(name, {})} for name, layer in layers.items()]}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (entries(b={"source": "c"}), "reads 'c', which is not an earlier layer"),
        (entries(b={"name": "a"}), "two layers have the name 'a'"),
        (entries(b={"adds": "a"}), "both need the same depth_group, got 'b' and 'a'"),
        (entries(b={"adds": "input"}), "b adds the image"),
        (entries(b={"source": "input"}), "no layer reads the output of a"),
        (
            entries(a={"depth_group": "g"}, b={"depth_group": "g", "adds": "a", "stride": 2}),
            "b adds a, whose map has a side of 32 pixels, not 16",
        ),
        (entries(b={"kernel_size": 4}), "needs an odd kernel_size"),
        (entries(b={"reference_depth": None}), "needs a reference_depth"),
        (entries(b={"kind": "linear"}), "remove reference_depth"),
        (entries(out={"kind": "convolution", "reference_depth": 10}), "must be linear"),
        (entries(out={"pool": True}), "remove pool"),
        (entries(b={"depth": 64}), "unknown name 'layers[1].depth'; did you mean 'layers[1].depth_group'?"),
        (entries(b={"name": "ä b"}), "layers[1].name"),
        ({"name": "chain", "layers": []}, "layers"),
        ({"layers": [{"name": "a"}]}, "'name' is missing"),
        ({**entries(), "name": 3}, "'name' must be a valid string"),
    ],
)
def test_mistakes_are_told_in_one_sentence(data: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as failure:
        load_backbone(parse_description(data, where="net.toml"))
    assert words in str(failure.value)


def test_kernels_larger_than_their_map_are_remarked_on_by_name_and_place() -> None:
    def remarks(data: dict[str, object]) -> list[str]:
        return remarks_on(load_backbone(parse_description(data, where="net.toml")))

    [remark] = remarks(entries(a={"pool": True}, b={"kernel_size": 17}))
    assert "layer b has kernel_size = 17 on a map of 16 x 16 pixels" in remark
    assert remarks(entries(b={"kernel_size": 31})) == []
    assert remarks(entries(a={"pool": True}, b={"kernel_size": 15})) == []
    assert [remarks_on(load_backbone(name)) for name in ("vgg8", "vgg16", "resnet20")] == [[], [], []]


@pytest.mark.parametrize("text", ["name = ", "\x00", "[[layers]]\nname = 1"])
def test_a_file_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "net.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"net\.toml"):
        load_config(None, {"space.backbone": str(path)})


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(XpertEvoError, match="cannot be read"):
        load_config(None, {"space.backbone": str(tmp_path / "none.toml")})


def test_a_table_in_the_settings_serves_too() -> None:
    config = parse_config({"space": {"backbone": entries()}})
    assert isinstance(config.space.backbone, BackboneDescription)
    with pytest.raises(ConfigError, match=r"space\.backbone: 'name' is missing"):
        parse_config({"space": {"backbone": {"layers": []}}})


def test_layers_that_share_a_channel_depth_are_told_together() -> None:
    assert not shared_depths(load_backbone("vgg8"))
    told = shared_depths(load_backbone("resnet18"))
    assert told.startswith("Layers that share one channel depth: stem = s1b1b = s1b2b; s2b1b = s2projection = s2b2b; ")
    assert told.count(";") == 3, "one group for each of the four stages"
