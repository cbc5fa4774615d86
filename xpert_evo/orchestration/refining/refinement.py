"""Refines a trained network: chooses its peripherals again, tunes the network for them, and measures again."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.training.matching import check_images
from xpert_evo.accuracy.training.weights import TrainedNetwork, load_network, weights_file
from xpert_evo.config import RunConfig
from xpert_evo.design import Design
from xpert_evo.errors import UsageError
from xpert_evo.executors import Executor
from xpert_evo.orchestration.refining.chips import Accuracy, DrawnChips
from xpert_evo.orchestration.refining.jobs import Source
from xpert_evo.orchestration.refining.laboratory import Laboratory
from xpert_evo.orchestration.refining.measuring import FIRST_WINDOW, NEXT_WINDOW, Bench, Window
from xpert_evo.orchestration.refining.memory import Memory
from xpert_evo.orchestration.refining.options import Options
from xpert_evo.orchestration.refining.rounds import Outlook, entry, run_round
from xpert_evo.orchestration.refining.settings import Prediction, Refined, Refinement, Refining, front_of
from xpert_evo.orchestration.refining.telling import design_words, prediction_words
from xpert_evo.orchestration.trainings import cached_dataset
from xpert_evo.progress import Listener, Message, Stage

_LEAST_SLOPE = 1e-3
"""Least loss of accuracy per nat, where the judged designs seem to gain."""

_TUNED_LOSSES = (1.0, 3.0)
"""Losses before tuning, in target losses: up to each, the cheapest design is tuned."""


def refine_network(
    weights: Path,
    config: RunConfig,
    folder: Path,
    refining: Refining,
    *,
    executor: Executor,
    listener: Listener,
    home: Design | None = None,
) -> Refinement:
    """Chooses the peripherals of a trained network again; see the package's docstring.

    `home` is the network's design on another chip, with other values of what all layers share; None for its own.

    Raises:
        UsageError: The network is a proxy, or does not fit the data set; there are too few validation images.
        InfeasibleError: The network's own design breaks a limit.
        TrainingError: The file is missing or damaged, or a training diverged.
        ConfigError, DataError, StoreError, ExecutorError: See their descriptions.
    """
    listener.tell(Stage(text="reading the network and the images"))
    file = weights_file(weights)
    trained, dataset = load_network(file), cached_dataset(config.dataset)
    check_network(file, trained, dataset, refining)
    listener.tell(Stage(text="listing the peripherals that each layer may have, and their costs"))
    own = Options.of(config, trained.header.design, dataset, image_size=trained.image_size)
    options = own if home is None else Options.of(config, home, dataset, image_size=trained.image_size)
    folder.mkdir(parents=True, exist_ok=True)
    memory = Memory(folder)
    try:
        source = Source(
            weights=file,
            dataset=config.dataset,
            digest=dataset.digest,
            n_images=refining.n_images,
            n_calibration=refining.n_calibration,
        )
        laboratory = Laboratory(
            folder,
            memory,
            executor,
            source,
            crossbar=options.task.hardware.crossbar,
            n_adopted=refining.n_adopted,
            chips=DrawnChips.of(config, refining.chips, refining.seed),
            geometries=options.geometries,
            listener=listener,
        )
        refiner = _Refiner(
            weights=file,
            trained=trained,
            home=home or trained.header.design,
            own=own,
            options=options,
            laboratory=laboratory,
            refining=refining,
            listener=listener,
            n_validation=len(dataset.validation),
        )
        return refiner.run()
    finally:
        memory.close()


def check_network(path: Path, trained: TrainedNetwork, dataset: Dataset, refining: Refining) -> None:
    """Raises UsageError if a network cannot be refined on a data set."""
    if trained.header.is_proxy:
        raise UsageError(
            f"{path} is a proxy, narrower than its design (protocol {trained.protocol.name}); train the design at "
            "native size first, such as with --protocol one-night."
        )
    check_images(path, trained, dataset, same=True)
    wanted = refining.n_images + refining.n_judged
    if wanted > len(dataset.validation):
        raise UsageError(
            f"n_images and n_judged must together be at most the {len(dataset.validation):,} validation images of "
            f"{dataset.name}, got {refining.n_images:,} and {refining.n_judged:,}."
        )


class _Refiner:
    """The steps of a refinement; all that they need is in the laboratory's memory when they are taken again."""

    def __init__(
        self,
        *,
        weights: Path,
        trained: TrainedNetwork,
        home: Design,
        own: Options,
        options: Options,
        laboratory: Laboratory,
        refining: Refining,
        listener: Listener,
        n_validation: int,
    ) -> None:
        self._n_validation = n_validation
        self._weights, self._trained, self._options = weights, trained, options
        self._home, self._own = home, own
        self._laboratory, self._refining, self._listener = laboratory, refining, listener
        self._pool: list[Refined] = []
        self._predictions: list[tuple[Prediction, ...]] = []
        self._loss_per_nat: float | None = None

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
        design, lab, part = self._trained.header.design, self._laboratory, self._refining.compared
        (accuracy,) = lab.accuracies([self._weights], design, part, "judging the trained network")
        self._start = anchor = entry(self._own, design, self._weights, accuracy)
        self._owner = replace(anchor, design=self._home)
        self._say(f"trained: {design_words(anchor, anchor)}")
        if self._trained.network.crossbar != self._options.task.hardware.crossbar or self._home != design:
            (file,) = lab.adopted(self._weights, [self._home])
            (accuracy,) = lab.accuracies([file], self._home, part, "judging it on the chip's crossbars")
            anchor = entry(self._options, self._home, file, accuracy)
            self._say(f"on the chip's crossbars: {design_words(anchor, self._start)}")
        self._pool.append(anchor)
        return anchor

    def _round(self, number: int, anchor: Refined, window: Window) -> list[Refined]:
        bench = Bench(
            laboratory=self._laboratory,
            options=self._options,
            weights=self._owner.weights,
            home=self._owner.design,
            anchor=anchor.design,
            window=window,
            name=f"round {number}",
            known=tuple(one for found in self._predictions for one in found),
        )
        lost = self._start.judged - self._owner.judged
        outlook = Outlook(loss_per_nat=self._loss_per_nat, budget=self._refining.target_loss - lost)
        tests = number == 1 or self._refining.tune is not None
        found = run_round(bench, self._refining, number, outlook, tests=tests)
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
        refining, lab = self._refining, self._laboratory
        protocol = refining.tuning(self._options.task.protocol(refining.tune or ""))
        files = lab.tuned([one.weights for one in picked], picked[0].design, protocol, refining.seed)
        accuracies = lab.accuracies(files, picked[0].design, refining.compared, "judging tuned networks")
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
        front = front_of(self._pool)
        confirmed = self._confirmed([self._start, *front])
        others = [one for one in self._pool if one.weights not in {kept.weights for kept in front}]
        return Refinement(
            trained=confirmed[0],
            front=tuple(confirmed[1:]),
            others=tuple(others),
            predictions=tuple(self._predictions),
            seconds=self._laboratory.seconds,
            devices=self._laboratory.chips.words,
        )

    def _confirmed(self, designs: Sequence[Refined]) -> list[Refined]:
        """Accuracies on all validation images, and on those that had no part in the choice."""
        refining, lab = self._refining, self._laboratory
        files, any_design = [one.weights for one in designs], designs[0].design
        before, behind = slice(0, refining.compared.start), slice(refining.compared.stop, None)
        first = lab.accuracies(files, any_design, before, "confirming the front")
        rest: list[Accuracy] = []
        if behind.start < self._n_validation:
            rest = lab.accuracies(files, any_design, behind, "confirming the front on unseen images")
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
