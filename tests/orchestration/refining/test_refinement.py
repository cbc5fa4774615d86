"""A small trained network refined to the end, stopped and resumed, and tuned."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.refinable import TUNING, refinable
from xpert_evo.accuracy.sensitivity.correction import Correction, left_out
from xpert_evo.accuracy.training.protocols import PROTOCOLS
from xpert_evo.accuracy.training.weights import load_network
from xpert_evo.design import Design
from xpert_evo.errors import UsageError
from xpert_evo.executors import JobDone, JobFailed, SerialExecutor
from xpert_evo.orchestration.refining import Refinement, Refining, refine_network
from xpert_evo.orchestration.refining.chips import Accuracy
from xpert_evo.orchestration.refining.laboratory import Laboratory
from xpert_evo.orchestration.refining.progress import steps_taken
from xpert_evo.orchestration.refining.steps import CONFIRMED, CONFIRMED_UNSEEN, PAIRS, At, Taken
from xpert_evo.progress import Event, Message, Silent

SMALL = Refining(
    n_images=60, n_calibration=64, n_adopted=64, n_judged=100, n_chosen=3, n_pairs=3, n_joint=3, most_rounds=2
)
SPACE: dict[str, object] = {
    "space.adc_precision": [3, 4, 5, 6],
    "space.input_precision": [3, 4, 5],
    "hardware.model": "xpertsim",
}


class _Heard:
    """Keeps the messages."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def tell(self, event: Event) -> None:
        if isinstance(event, Message):
            self.messages.append(event.text)

    def close(self) -> None:
        """Nothing to do."""


class _Counting(SerialExecutor):
    """Counts the jobs, and can be stopped like a process that is killed."""

    def __init__(self, most: int | None = None) -> None:
        self.n_done, self._most = 0, most

    def run(
        self, function: Callable[[Any], Any], jobs: Sequence[Any], more: Callable[[], Sequence[Any]] = tuple
    ) -> Iterator[JobDone[Any] | JobFailed]:
        for outcome in super().run(function, jobs, more):
            if self.n_done == self._most:
                raise KeyboardInterrupt
            self.n_done += 1
            yield outcome


def _refined(
    folder: Path, refining: Refining, executor: SerialExecutor, heard: _Heard | None = None, **more: object
) -> Refinement:
    listener = heard or _Heard()
    network = refinable(folder.parent, refining, listener, **{**SPACE, **more})
    return refine_network(network, folder, executor=executor, listener=listener)


def _plain(result: Refinement) -> list[object]:
    return [[one.to_plain() for one in (result.trained, *result.front)], result.predictions]


def test_a_network_gets_cheaper_peripherals_and_goes_on_where_it_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard, whole = _Heard(), _Counting()
    result = _refined(tmp_path / "whole", SMALL, whole, heard)
    front = result.front
    assert len([*front, *result.others]) >= 3
    assert [one.edap for one in front] == sorted((one.edap for one in front), reverse=True)
    assert [one.accuracy for one in front] == sorted({one.validation for one in front}, reverse=True)
    assert result.chosen == tuple(one for one in front if one.design != result.trained.design)
    assert min(one.edap for one in front) < 0.7 * result.trained.edap
    assert result.best(0.9).edap == front[-1].edap
    for one in front:
        network = load_network(one.weights)
        assert network.header.design == one.design
        assert [layer.geometry.adc_precision for layer in network.network.crossbar_layers] == [
            layer.adc_precision for layer in one.design.layers
        ]
        assert one.validation is not None
        assert one.n_unseen > 0
    assert len([one for one in result.predictions[0] if one.is_random]) == SMALL.n_joint
    assert any("corrected by other joint choices" in line for line in heard.messages)
    first, second = result.predictions
    for is_random in (True, False):
        kind = [one for one in first if one.is_random == is_random]
        assert [one.corrected for one in kind] == left_out([one.joint for one in kind])
    by_first = Correction.fitted([one.joint for one in first if not one.is_random])
    assert [one.corrected for one in second] == [by_first.of(one.expected) for one in second]
    for one in front:
        if one.round == 2:
            assert one.expected in [other.corrected for other in second], "the choice uses the corrected prediction"

    with pytest.raises(KeyboardInterrupt):
        _refined(tmp_path / "stopped", SMALL, _Counting(most=whole.n_done // 2))
    taken = _taken(tmp_path / "stopped", SMALL)
    assert sum(one.n_known for one in taken) == whole.n_done // 2
    assert [one.n_missing > 0 for one in taken] == [False] * (len(taken) - 1) + [True]
    rest = _Counting()
    resumed = _refined(tmp_path / "stopped", SMALL, rest)
    assert rest.n_done < whole.n_done
    assert [one.design for one in resumed.front] == [one.design for one in front]
    assert [one.validation for one in resumed.front] == [one.validation for one in front]
    assert resumed.predictions == result.predictions

    again = _Counting()
    assert _plain(_refined(tmp_path / "whole", SMALL, again)) == _plain(result)
    assert again.n_done == 0
    taken = _taken(tmp_path / "whole", SMALL)
    assert sum(one.n_missing for one in taken) == 0
    assert sum(one.n_known for one in taken) >= whole.n_done
    assert {one.at.round for one in taken} == {0, 1, 2}
    with monkeypatch.context() as patched:
        patched.setattr(Laboratory, "accuracies", _confirming_the_cheapest)
        upset = _refined(tmp_path / "whole", SMALL, again)
    assert [one.edap for one in upset.front] == [front[-1].edap], "no design is left that all images find beaten"
    assert {one.weights for one in (*upset.front, *upset.others)} == {
        one.weights for one in (*result.front, *result.others)
    }
    more = _taken(tmp_path / "whole", replace(SMALL, n_pairs=5))
    assert (more[-1].at, more[-1].n_missing) == (At(step=PAIRS, round=1), 2)


_ACCURACIES = Laboratory.accuracies


def _confirming_the_cheapest(
    self: Laboratory, weights: Sequence[Path], design: Design, part: slice, at: At
) -> list[Accuracy]:
    """Accuracies as measured, but on the confirming images the higher the cheaper a design is."""
    if at.step not in {CONFIRMED, CONFIRMED_UNSEEN}:
        return _ACCURACIES(self, weights, design, part, at)
    return [Accuracy(value=place / len(weights), n_images=10**6) for place in range(len(weights))]


def _taken(folder: Path, refining: Refining) -> list[Taken]:
    network = refinable(folder.parent, refining, **SPACE)
    return steps_taken(network, folder, network.design, Silent())


def test_tuned_networks_join_the_front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROTOCOLS, TUNING.name, TUNING)
    refining = replace(SMALL, tune=TUNING.name, n_tuned=128, target_loss=0.05, n_joint=2)
    result = _refined(tmp_path / "tuned", refining, SerialExecutor())
    everything = [*result.front, *result.others]
    tuned = [one for one in everything if one.is_tuned]
    assert tuned
    for one in tuned:
        header = load_network(one.weights).header
        assert header.protocol.name == TUNING.name
        assert header.design == one.design
    assert len(result.predictions) == 2


def test_weight_bits_and_copies_are_chosen_where_the_space_offers_them(tmp_path: Path) -> None:
    refining = replace(SMALL, most_rounds=1, n_joint=0, n_pairs=0)
    few = {"space.adc_precision": [5, 6], "space.input_precision": [4, 5], "space.column_sharing": [4, 8]}
    small = {f"hardware.crossbar.{name}": value for name, value in (("columns", 16), ("pe_side", 1), ("tile_side", 1))}
    spaces = {**few, **small, "space.weight_precision": [4, 8], "space.copies": [1, 2]}
    spaces |= {"space.rows": [64, 128], "space.coding": ["offset-analog", "differential"]}
    result = _refined(tmp_path / "wide", refining, SerialExecutor(), **spaces)
    cheapest = result.front[-1].design
    assert any((layer.weight_precision or 8) < 8 for layer in cheapest.layers)
    assert {layer.rows for layer in cheapest.layers} == {None}, "what the chip shares stays"
    other = _refined(
        tmp_path / "coded", refining, SerialExecutor(), **few, **{"hardware.crossbar.coding": "differential"}
    )
    crossbar = load_network(other.front[-1].weights).network.crossbar
    assert crossbar.coding == "differential"


def test_limits_and_unfit_networks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="validation images"):
        _refined(tmp_path / "few", replace(SMALL, n_judged=10**6), SerialExecutor())
    with pytest.raises(UsageError, match="target_loss must be a fraction"):
        Refining(target_loss=2.0)
    with pytest.raises(UsageError, match="n_judged must be at least 10"):
        Refining(n_judged=0)
