"""Network files beside a run: what is written, what the simulators must be told, and `import` of what was exported."""

import json
import re
from pathlib import Path

import pytest

import xpert_evo as xe
from hw_models import AdcType, CrossbarSpec, WeightCoding, load_device, load_model, load_technology
from tests.command_line import call
from xpert_evo.backbones import load_backbone
from xpert_evo.design import Design, load_designs, parse_design
from xpert_evo.errors import DesignError, UsageError
from xpert_evo.network_file import LayerRow, NetworkForm, network_rows, network_text, read_network
from xpert_evo.orchestration.task import Hardware
from xpert_evo.report.exports.formats import export
from xpert_evo.report.exports.simulators import chip_lines, parameter_text, simulated_tile_side
from xpert_evo.report.scene import Scene
from xpert_evo.space import SearchSpace

DOCS = Path(__file__).parents[3] / "docs"
CHIP = Hardware(
    crossbar=CrossbarSpec(),
    device=load_device("rram-6k"),
    technology=load_technology("cmos-32nm-lstp"),
    model=load_model("xpertsim"),
)


def homogeneous() -> Design:
    space = SearchSpace(load_backbone("vgg8"))
    genome = space.homogeneous(column_sharing=8, adc_type=AdcType.SAR, adc_precision=6, input_precision=4)
    return space.decode(genome)[0]


def test_both_forms_are_written_for_the_front(scene: Scene, finished: Path, tmp_path: Path) -> None:
    front = scene.result.front
    said = export(["neurosim", "neurosim-v1.3"], tmp_path, finished, scene.result, front)
    for candidate in front:
        name = f"NetWork_{candidate.digest}.csv"
        rows, plain = (read_network(tmp_path / form / name) for form in ("neurosim", "neurosim-v1.3"))
        assert [row.shape for row in rows] == [row.shape for row in plain]
        for row, layer in zip(rows, candidate.design.layers, strict=True):
            assert row.peripherals is not None
            for gene in ("column_sharing", "adc_type", "adc_precision", "input_precision"):
                assert getattr(row.peripherals, gene) == getattr(layer, gene)
        genes = {
            tuple(layer.model_dump(exclude={"name", "channel_depth"}).values()) for layer in candidate.design.layers
        }
        text = (tmp_path / "neurosim-v1.3" / f"NetWork_{candidate.digest}.txt").read_text()
        assert ("layer by layer" in text) is (candidate.digest[:8] in said[-1]) is (len(genes) > 1)
    note = (tmp_path / "neurosim" / "README.txt").read_text()
    for words in ("1 is Flash, 0 is SAR", "LEVELS, not bits", f"set it to {len(front[0].design.layers)}"):
        assert words in note


def test_parameters_of_a_homogeneous_design_are_one_value_each() -> None:
    text = parameter_text(homogeneous(), CHIP)
    values = dict(re.findall(r"^(\w+) = (\S+)", text, re.MULTILINE))
    wanted = {"synapseBit": "8", "numBitInput": "4", "SARADC": "true", "levelOutput": "64", "numColMuxed": "8"}
    wanted |= {"numRowSubArray": "64", "cellBit": "4", "technode": "32", "wireWidth": "56", "memcelltype": "2"}
    wanted |= {"resistanceOn": "6000", "resistanceOff": "900000", "readVoltage": "0.5", "writeVoltage": "2"}
    assert wanted.items() <= values.items()
    assert "layer by layer" not in text


def test_parameters_that_differ_by_layer_are_listed_and_have_no_value() -> None:
    plain = homogeneous().to_plain()
    layers = plain["layers"]
    assert isinstance(layers, list)
    layers[1]["adc_precision"], layers[2]["adc_type"] = 4, "flash"
    text = parameter_text(Design.model_validate_json(json.dumps(plain)), CHIP)
    assert not re.search(r"^(levelOutput|SARADC) =", text, re.MULTILINE)
    assert "numColMuxed = 8" in text
    assert "This design chooses SARADC, levelOutput layer by layer" in text
    assert re.search(r"^conv2 +true +16$", text, re.MULTILINE)
    assert re.search(r"^conv3 +false +64$", text, re.MULTILINE)


def test_parameters_are_those_of_the_chip_that_a_design_chooses() -> None:
    plain = homogeneous().to_plain()
    for number, layer in enumerate(plain["layers"]):
        layer["weight_precision"] = 8 if number else 4
        layer["cell_bits"] = 2
    text = parameter_text(parse_design({**plain, "crossbar": {"rows": 128, "columns": 32}}), CHIP)
    assert {"numRowSubArray = 128", "numColSubArray = 32", "cellBit = 2"} <= set(text.splitlines())
    assert re.search(r"^conv1 +4$", text, re.MULTILINE)
    assert "This design chooses synapseBit layer by layer" in text


def test_a_chip_that_the_simulators_cannot_build_is_told() -> None:
    spec = CrossbarSpec(coding=WeightCoding.DIFFERENTIAL)
    chip = Hardware(crossbar=spec, device=CHIP.device, technology=CHIP.technology, model=CHIP.model)
    assert "differential" in chip_lines(chip)[-1]
    assert "differential" not in "".join(chip_lines(CHIP))


@pytest.mark.parametrize(("channels", "side"), [((64, 128), 512), ((512, 512), 512), ((3, 64), 512), ((64, 512), 1024)])
def test_the_tiles_that_xpertsim_chooses(channels: tuple[int, int], side: int) -> None:
    """A 64 -> 512 layer is as large as its filler: tiles of 1024 and 512 cells a side fit both equally."""
    row = LayerRow(
        input_side=34, in_channels=channels[0], kernel_size=3, out_channels=channels[1], pool=False, stride=1
    )
    assert simulated_tile_side(row, CrossbarSpec()) == side


def test_what_was_exported_is_imported_and_costs_the_same(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    knee = xe.load_run(finished).knee
    call("export", finished, "--format", "neurosim,neurosim-v1.3", "--out", tmp_path)
    capsys.readouterr()
    call("import", f"neurosim/NetWork_{knee.digest}.csv", "--name", "again", "--out", "again.toml")
    told = capsys.readouterr().out
    (line,) = re.findall(r"next: `xpert-evo (.*)`", told)
    assert line == "evaluate again.json --set space.backbone=again.toml"
    call(*line.split(), "--set", "hardware.device=rram-6k", "--json")
    (cost,) = json.loads(capsys.readouterr().out)
    for name, value in knee.hardware.items():
        assert cost["total"][name] == value
    (design,) = load_designs(Path("again.json"))
    assert [layer.model_dump() for layer in design.layers] == [layer.model_dump() for layer in knee.design.layers]
    call("import", f"neurosim-v1.3/NetWork_{knee.digest}.csv")
    assert "contains no peripherals" in capsys.readouterr().out
    plain = Path(f"NetWork_{knee.digest}.toml")
    assert plain.read_text().replace(plain.stem, "again") == Path("again.toml").read_text()
    assert not plain.with_suffix(".json").exists()


def test_the_documented_rows_and_commands_are_true(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (DOCS / "file-formats.md").read_text(encoding="utf-8")
    section = text.partition("## Network files")[2].partition("\n## ")[0]
    (rows,) = re.findall(r"```csv\n(.*?)```", section, re.DOTALL)
    (commands,) = re.findall(r"```console\n(.*?)```", section, re.DOTALL)
    backbone = load_backbone("vgg16")
    space = SearchSpace(backbone)
    genome = space.homogeneous(column_sharing=8, adc_type=AdcType.SAR, adc_precision=6, input_precision=8)
    written = network_text(network_rows(backbone, space.decode(genome)[0]), NetworkForm.XPERTSIM)
    assert written.startswith(rows)
    table = dict(re.findall(r"^\| ([\d, ]+) \| .* \| (\d+) \|$", section, re.MULTILINE))
    held = {column: value for columns, value in table.items() for column in columns.split(", ")}
    assert [held[str(n)] for n in range(1, 13)] == rows.splitlines()[0].split(",")
    monkeypatch.chdir(tmp_path)
    Path("NetWork_ID.csv").write_text(written)
    for line in commands.splitlines():
        call(*line.removeprefix("$ xpert-evo ").split())
    assert "design " in capsys.readouterr().out


def test_import_names_the_data_set_that_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    source = Path("7 layers.csv")
    for planes, classes, words in ((3, 100, "--dataset cifar100 --dry-run"), (5, 7, "no built-in data set has such")):
        source.write_text(f"34,34,{planes},3,3,64,1,1\n1,1,64,1,1,{classes},0,1\n")
        call("import", source)
        told = capsys.readouterr().out
        assert words in told
        assert "does not contain connections" in told
        Path("network_7_layers.toml").unlink()


def test_import_takes_images_of_the_size_that_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    source = Path("net.csv")
    source.write_text("66,66,3,3,3,64,1,1\n34,34,64,3,3,64,1,1\n1,1,64,1,1,10,0,1\n")
    with pytest.raises(DesignError, match=r"its input is 66 x 66, but images are 32 x 32 .* --input 3,64,64\.$"):
        call("import", source)
    with pytest.raises(UsageError, match=r"square images with 3 channels, .* got 1,64,64\.$"):
        call("import", source, "--input", "1,64,64")
    call("import", source, "--input", "3,64,64")
    assert "no built-in data set has such" in capsys.readouterr().out
    assert "reference_depth = 64" in Path("net.toml").read_text()


def test_import_refuses_what_it_cannot_read_and_keeps_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = Path("net.csv")
    with pytest.raises(DesignError, match=r"net\.csv: cannot be read"):
        call("import", source)
    source.write_text("34,34,3,3,3,64,1,1\n1,1,64,1,1,10,0,1\n")
    for words, message in (
        (("model.h5",), r"import reads ONNX models .* and network files of XPertSim or DNN\+NeuroSim \(\.csv\), got"),
        ((source, "--name", "3x"), "--name must start with a letter"),
        ((source, "--out", "net.json"), r"--out must be a backbone file ending in \.toml"),
        ((source, "--out", "nowhere/net.toml"), "cannot be written"),
    ):
        with pytest.raises(UsageError, match=message):
            call("import", *words)
    assert [path.name for path in tmp_path.iterdir()] == ["net.csv"]
    call("import", source)
    before = Path("net.toml").read_text()
    with pytest.raises(UsageError, match=r"net\.toml already exists and is not overwritten"):
        call("import", source)
    assert Path("net.toml").read_text() == before
