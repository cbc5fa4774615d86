"""Weight codings and cell bits, each refined in turn, and their fronts merged."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hw_models import WeightCoding
from tests.refinable import design, refinable, settings
from xpert_evo.accuracy.training.weights import load_network
from xpert_evo.config import RunConfig
from xpert_evo.design import Design
from xpert_evo.errors import InfeasibleError
from xpert_evo.executors import SerialExecutor
from xpert_evo.genes import GeneKind
from xpert_evo.orchestration.refining import Refinement, Refining, refine_network, refine_on_chips
from xpert_evo.orchestration.refining.chip_choices import chip_choices, merged, possible_chips
from xpert_evo.orchestration.refining.options import Options
from xpert_evo.orchestration.refining.preparing import Refinable
from xpert_evo.orchestration.trainings import cached_dataset
from xpert_evo.progress import Event, Message, Stage

FEW = Refining(
    n_images=40, n_calibration=32, n_adopted=32, n_judged=60, n_chosen=2, n_pairs=0, n_joint=0, most_rounds=1
)
SPACE: dict[str, object] = {
    "space.adc_precision": [5, 6],
    "space.input_precision": [4, 5],
    "hardware.model": "xpertsim",
}
CODINGS = {"space.coding": ["offset-analog", "differential"]}


class _Heard:
    """Keeps what is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def tell(self, event: Event) -> None:
        if isinstance(event, Message | Stage):
            self.lines.append(event.text)

    def close(self) -> None:
        """Nothing to do."""


def _choices(config: RunConfig) -> list[tuple[str, Any]]:
    found = chip_choices(config, design(), cached_dataset(config.dataset))
    return [(one.words, {(layer.coding, layer.cell_bits) for layer in one.design.layers}) for one in found]


def test_every_coding_with_every_cell_is_a_chip_the_own_one_first(tmp_path: Path) -> None:
    assert _choices(settings(tmp_path, **SPACE)) == [("", {(None, None)})]
    differential = WeightCoding.DIFFERENTIAL
    both = settings(tmp_path, **SPACE, **{"space.coding": ["differential", "offset-analog"], "space.cell_bits": [2, 4]})
    assert _choices(both) == [
        ("offset-analog, 4-bit cells", {(None, None)}),
        ("differential, 2-bit cells", {(differential, 2)}),
        ("differential, 4-bit cells", {(differential, None)}),
        ("offset-analog, 2-bit cells", {(None, 2)}),
    ]
    one = settings(tmp_path, **SPACE, **{"space.coding": ["differential"]})
    assert _choices(one) == [("", {(None, None)})], "a single choice is no choice, as before"


def test_chips_that_cannot_keep_the_limits_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = _Heard()
    network = refinable(tmp_path, FEW, heard, **{**SPACE, "space.cell_bits": [2, 4]})
    own = Refinable.options

    def options(self: Refinable, home: Design | None = None) -> Options:
        if home is not None and home.layers[0].cell_bits == 2:
            raise InfeasibleError("no design of this space keeps hardware.area_limit_mm2 = 3.")
        return own(self, home)

    monkeypatch.setattr(Refinable, "options", options)
    assert [one.words for one in possible_chips(network, heard)] == ["4-bit cells"]
    assert heard.lines[-1] == "left out: 2-bit cells; no design of this space keeps hardware.area_limit_mm2 = 3."


@pytest.mark.parametrize("kind", ["coding", "cell_bits"])
def test_genes_of_single_layers_are_those_of_the_network(tmp_path: Path, kind: str) -> None:
    offered = {"coding": ["offset-analog", "differential"], "cell_bits": [2, 4]}[kind]
    more = {f"space.{kind}": offered, "space.per_layer": [kind], "hardware.area_limit_mm2": 1e4}
    network = refinable(tmp_path, FEW, _Heard(), **{**SPACE, **more, "hardware.further_area_limits_mm2": [1e-3]})
    options = network.options()
    assert options.task.space.per_layer == {GeneKind(kind)}
    assert options.choices_of(0, GeneKind.ADC_PRECISION)
    assert options.task.config.hardware.area_limits_mm2 == (1e4,)


def _refined(folder: Path, heard: _Heard, **more: object) -> Refinement:
    network = refinable(folder.parent, FEW, heard, **{**SPACE, **more})
    return refine_on_chips(network, folder, executor=SerialExecutor(), listener=heard)


def test_each_coding_is_refined_and_the_front_is_that_of_all(tmp_path: Path) -> None:
    heard = _Heard()
    result = _refined(tmp_path / "both", heard, **CODINGS)
    assert {one.chip for one in (*result.front, *result.others)} == {"offset-analog", "differential"}
    assert result.round_names == ("offset-analog: round 1", "differential: round 1")
    assert any(line.startswith("differential: round 1: measuring single layers") for line in heard.lines)
    for better, worse in zip(result.front[:-1], result.front[1:], strict=True):
        assert better.edap > worse.edap
        assert better.accuracy > worse.accuracy
    for one in (*result.front, *result.others):
        network, is_differential = load_network(one.weights), one.chip == "differential"
        assert network.header.design == one.design
        codings = {layer.geometry.crossbar.coding for layer in network.network.crossbar_layers}
        assert codings == {WeightCoding.DIFFERENTIAL if is_differential else WeightCoding.OFFSET_ANALOG}
        assert one.edap_ratio * one.edap == pytest.approx(result.trained.edap_ratio * result.trained.edap)
    costs = [one for one in (*result.front, *result.others) if one.chip == "differential"]
    alone = refine_network(
        refinable(tmp_path, FEW, **SPACE, **{"hardware.crossbar.coding": "differential"}),
        tmp_path / "alone",
        executor=SerialExecutor(),
        listener=_Heard(),
    )
    by_bits = {_bits(one.design): (one.area_mm2, one.energy_uj, one.judged) for one in (*alone.front, *alone.others)}
    common = [one for one in costs if _bits(one.design) in by_bits]
    assert common
    for one in common:
        assert (one.area_mm2, one.energy_uj, one.judged) == pytest.approx(by_bits[_bits(one.design)])

    again = _Heard()
    assert _refined(tmp_path / "both", again, **CODINGS).front == result.front
    assert not any(" to do" in line for line in again.lines), "all measurements are kept"


def _bits(own: Any) -> tuple[Any, ...]:
    return tuple(
        (layer.adc_precision, layer.input_precision, layer.column_sharing, layer.adc_type) for layer in own.layers
    )


def test_a_folder_of_one_coding_goes_on_with_several(tmp_path: Path) -> None:
    first, more = _Heard(), _Heard()
    one = _refined(tmp_path / "out", first)
    assert one.rounds == ()
    assert {own.chip for own in one.front} == {""}
    both = _refined(tmp_path / "out", more, **CODINGS)
    own = [line for line in more.lines if line.startswith("offset-analog: ")]
    assert own
    assert not any(" to do" in line for line in own), "what the folder knows is not measured again"
    kept = [replace(entry, chip="") for entry in (*both.front, *both.others) if entry.chip == "offset-analog"]
    assert {entry.weights for entry in kept} == {entry.weights for entry in (*one.front, *one.others)}
    assert merged([("", one)]) is one
