"""Refines a trained network: chooses its peripherals again, tunes the network for them, and measures again."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from xpert_evo.design import Design
from xpert_evo.executors import Executor
from xpert_evo.files import sweep
from xpert_evo.orchestration.refining.chips import Accuracy
from xpert_evo.orchestration.refining.laboratory import Laboratory
from xpert_evo.orchestration.refining.measuring import FIRST_WINDOW, NEXT_WINDOW, Bench, Window
from xpert_evo.orchestration.refining.memory import Memory
from xpert_evo.orchestration.refining.options import Options
from xpert_evo.orchestration.refining.preparing import Refinable
from xpert_evo.orchestration.refining.rounds import Outlook, entry, run_round
from xpert_evo.orchestration.refining.settings import Prediction, Refined, Refinement, front_of
from xpert_evo.orchestration.refining.steps import (
    ADOPTED,
    CONFIRMED,
    CONFIRMED_UNSEEN,
    JUDGED_TUNED,
    MOVED,
    TRAINED,
    TUNED,
    At,
)
from xpert_evo.orchestration.refining.telling import design_words, prediction_words
from xpert_evo.progress import Listener, Message, Stage

NETWORKS = "networks"
"""Folder of the networks that a refinement writes, in its own folder."""

_LEAST_SLOPE = 1e-3
"""Least loss of accuracy per nat, where the judged designs seem to gain."""

_TUNED_LOSSES = (1.0, 3.0)
"""Losses before tuning, in target losses: up to each, the cheapest design is tuned."""


def refine_network(
    network: Refinable, folder: Path, *, executor: Executor, listener: Listener, home: Design | None = None
) -> Refinement:
    """Chooses the peripherals of a trained network again; see the package's docstring.

    `home` is the network's design on another chip, with other values of what all layers share; None for its own.

    Raises:
        InfeasibleError: The network's own design breaks a limit.
        TrainingError: A training diverged.
        ConfigError, DataError, StoreError, ExecutorError: See their descriptions.
    """
    memory = _opened(folder)
    try:
        return refiner_of(network, folder, memory, executor=executor, listener=listener, home=home).run()
    finally:
        memory.close()


def _opened(folder: Path) -> Memory:
    """What has been measured in a folder, which is created if need be and freed of remains of stopped processes."""
    networks = folder / NETWORKS
    networks.mkdir(parents=True, exist_ok=True)
    sweep(networks)
    return Memory(folder)


def refiner_of(
    network: Refinable,
    folder: Path,
    memory: Memory,
    *,
    executor: Executor,
    listener: Listener,
    home: Design | None,
) -> "Refiner":
    """The steps of `refine_network` in an open folder; raises ConfigError and InfeasibleError."""
    listener.tell(Stage(text="listing the peripherals that each layer may have, and their costs"))
    own = network.options()
    options = own if home in {None, network.design} else network.options(home)
    laboratory = Laboratory(
        folder / NETWORKS,
        memory,
        executor,
        network.source,
        crossbar=options.task.hardware.crossbar,
        n_adopted=network.refining.n_adopted,
        n_validation=len(network.dataset.validation),
        chips=network.chips,
        geometries=options.geometries,
        retries=network.config.training.retries,
        listener=listener,
    )
    return Refiner(network, home or network.design, own=own, options=options, laboratory=laboratory, listener=listener)


class Refiner:
    """The steps of a refinement; all that they need is in the laboratory's memory when they are taken again."""

    def __init__(
        self,
        network: Refinable,
        home: Design,
        *,
        own: Options,
        options: Options,
        laboratory: Laboratory,
        listener: Listener,
    ) -> None:
        self._network, self._refining = network, network.refining
        self._home, self._own, self._options = home, own, options
        self.laboratory, self._listener = laboratory, listener
        self._pool: list[Refined] = []
        self._predictions: list[tuple[Prediction, ...]] = []
        self._loss_per_nat: float | None = None

    def begin(self) -> None:
        """Takes the steps of the first round alone."""
        self._round(1, self._on_chip(), FIRST_WINDOW)

    def run(self) -> Refinement:
        """Goes round until nothing moves, then confirms the front on all validation images."""
        anchor, window = self._on_chip(), FIRST_WINDOW
        for number in range(1, self._refining.most_rounds + 1):
            judged = self._round(number, anchor, window)
            following = self._tuned(number, judged) if self._refining.tune else self._within_loss(judged)
            if following is None or (following.design == anchor.design and following.weights == anchor.weights):
                self._say(f"round {number}: nothing moves any more")
                break
            if following.is_tuned:
                self._owner = replace(following, divergence=0.0)
            anchor, window = following, NEXT_WINDOW
        return self._result()

    def _on_chip(self) -> Refined:
        """The trained network with its own peripherals, on the chip's crossbars if these are others than its own."""
        design, file = self._network.design, self._network.file
        lab, part = self.laboratory, self._refining.compared
        (accuracy,) = lab.accuracies([file], design, part, At(step=TRAINED))
        self._start = anchor = entry(self._own, design, file, accuracy)
        self._owner = replace(anchor, design=self._home)
        self._say(f"trained: {design_words(anchor, anchor)}")
        if self._network.moves_to(self._home, self._options.task.hardware.crossbar):
            (file,) = lab.adopted(file, [self._home], At(step=ADOPTED))
            (accuracy,) = lab.accuracies([file], self._home, part, At(step=MOVED))
            anchor = entry(self._options, self._home, file, accuracy)
            self._say(f"on the chip's crossbars: {design_words(anchor, self._start)}")
        self._pool.append(anchor)
        return anchor

    def _round(self, number: int, anchor: Refined, window: Window) -> list[Refined]:
        bench = Bench(
            laboratory=self.laboratory,
            options=self._options,
            weights=self._owner.weights,
            home=self._owner.design,
            anchor=anchor.design,
            window=window,
            round=number,
            known=tuple(one for found in self._predictions for one in found),
        )
        lost = self._start.judged - self._owner.judged
        outlook = Outlook(loss_per_nat=self._loss_per_nat, budget=self._refining.target_loss - lost)
        tests = number == 1 or self._refining.tune is not None
        found = run_round(bench, self._refining, outlook, tests=tests)
        self._predictions.append(found.predictions)
        self._say(f"round {number}: {prediction_words(found.predictions)}")
        for one in found.judged:
            self._say(f"round {number}: {design_words(one, self._start)}")
        self._add(found.judged)
        self._loss_per_nat = _slope(found.judged, self._owner)
        return list(found.judged)

    def _add(self, judged: Sequence[Refined]) -> None:
        known = {one.weights for one in self._pool}
        self._pool += [one for one in judged if one.weights not in known]

    def _within_loss(self, judged: Sequence[Refined]) -> Refined | None:
        """The cheapest judged design whose loss, by the divergence, is within the target."""
        outlook = Outlook(loss_per_nat=self._loss_per_nat, budget=self._refining.target_loss)
        good = [one for one in judged if outlook.keeps(one.divergence)]
        return min(good, key=lambda one: one.edap, default=None)

    def _tuned(self, number: int, judged: Sequence[Refined]) -> Refined | None:
        """Tunes the cheapest designs up to some losses; returns the cheapest tuned one within the target."""
        start, target = self._start, self._refining.target_loss
        picked = []
        for factor in _TUNED_LOSSES:
            good = [one for one in judged if start.judged - one.judged <= factor * target]
            picked += [min(good, key=lambda one: one.edap)] if good else []
        picked = list(dict.fromkeys(picked))
        if not picked:
            return None
        tuned = self._tune(number, picked)
        within = [one for one in tuned if start.judged - one.judged <= target]
        return min(within, key=lambda one: one.edap) if within else max(tuned, key=lambda one: one.judged)

    def _tune(self, number: int, picked: Sequence[Refined]) -> list[Refined]:
        """Tunes networks for their designs and judges them."""
        refining, lab = self._refining, self.laboratory
        protocol = refining.tuning(self._options.task.protocol(refining.tune or ""))
        files = lab.tuned(
            [one.weights for one in picked], picked[0].design, protocol, refining.seed, At(step=TUNED, round=number)
        )
        accuracies = lab.accuracies(files, picked[0].design, refining.compared, At(step=JUDGED_TUNED, round=number))
        tuned = [
            replace(
                one,
                weights=file,
                round=number,
                is_tuned=True,
                judged=accuracy.value,
                n_judged=accuracy.n_images,
                on_chips=accuracy.on_chips,
            )
            for one, file, accuracy in zip(picked, files, accuracies, strict=True)
        ]
        for one in tuned:
            self._say(f"round {number}: {design_words(one, self._start)}")
        self._add(tuned)
        return tuned

    def _result(self) -> Refinement:
        compared = front_of(self._pool)
        trained, *confirmed = self._confirmed([self._start, *compared])
        front = front_of(confirmed)  # all images together may order designs in another way
        beaten = [one for one in self._pool if one not in compared]
        return Refinement(
            trained=trained,
            front=tuple(front),
            others=(*(one for one in confirmed if one not in front), *beaten),
            predictions=tuple(self._predictions),
            seconds=self.laboratory.seconds,
            devices=self.laboratory.chips.words,
        )

    def _confirmed(self, designs: Sequence[Refined]) -> list[Refined]:
        """Accuracies on all validation images, and on those that had no part in the choice."""
        refining, lab = self._refining, self.laboratory
        files, any_design = [one.weights for one in designs], designs[0].design
        before, behind = slice(0, refining.compared.start), slice(refining.compared.stop, None)
        first = lab.accuracies(files, any_design, before, At(step=CONFIRMED))
        rest: list[Accuracy] = []
        if behind.start < len(self._network.dataset.validation):
            rest = lab.accuracies(files, any_design, behind, At(step=CONFIRMED_UNSEEN))
        confirmed = []
        for place, (one, early) in enumerate(zip(designs, first, strict=True)):
            compared = Accuracy(value=one.judged, n_images=one.n_judged, on_chips=one.on_chips)
            late = rest[place : place + 1]
            whole = Accuracy.joined([early, compared, *late], lab.chips)
            confirmed.append(
                replace(
                    one,
                    validation=whole.value,
                    on_chips=whole.on_chips,
                    unseen=late[0].value if late else None,
                    n_unseen=late[0].n_images if late else 0,
                )
            )
        return confirmed

    def _say(self, text: str) -> None:
        self._listener.tell(Message(text=text))


def _slope(judged: Sequence[Refined], start: Refined) -> float | None:
    """Loss of accuracy per nat over some designs: a straight line through no loss at no divergence."""
    square = sum(one.divergence**2 for one in judged)
    if not square:
        return None
    lost = sum(one.divergence * (start.judged - one.judged) for one in judged)
    return max(_LEAST_SLOPE, lost / square)
