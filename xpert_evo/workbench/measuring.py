"""Judges a trained network on ideal devices and on drawn chips; an interruption costs at most one chip."""

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from xpert_evo.accuracy.crossbars.snr import EMULATION_VERSION
from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.training.judge import Judgement, Trained, chip_norm_images, judge
from xpert_evo.accuracy.training.results import AgedJudgement
from xpert_evo.versions import versions
from xpert_evo.workbench.devices import NoisyDevices
from xpert_evo.workbench.listening import Draw, JudgingWork, Listener
from xpert_evo.workbench.unfinished import IDEAL, UnfinishedJudgement, part_of, unfinished_judgement


def measure(
    trained: Trained,
    weights: Path,
    dataset: Dataset,
    devices: NoisyDevices,
    listener: Listener,
    *,
    split: str = "test",
    seed: int,
    max_images: int | None = None,
) -> tuple[Judgement, tuple[AgedJudgement, ...]]:
    """The judgement of ideal devices, and that of drawn chips at each time, if there are any.

    A chip keeps its cells over time: the same random numbers program it for each time. Its ADC ranges and its batch
    norm are calibrated at that time. Ideal devices are calibrated only if a number of images is given.

    Args:
        trained: The trained network.
        weights: File of the network; finished draws are stored beside it until all are finished.
        dataset: Data set of the training.
        devices: Devices of the drawn chips.
        listener: Listener that receives each accuracy as soon as it is measured.
        split: Split to judge on, "validation" or "test".
        seed: Random seed of the draws.
        max_images: Number of images to use, from the first; None for all.

    Raises:
        InterruptedRunError: Ctrl-C.
        DataError: There are too few training images to calibrate batch norm on.
    """
    given = devices.norm_images
    norm_images = chip_norm_images(dataset, trained.protocol) if given is None else given
    moments = devices.moments if devices.n_noisy else ()
    conditions = {
        "data set": dataset.digest,
        "split": split,
        "images": max_images,
        "crossbar": asdict(trained.network.crossbar),
        "devices": [moment.settings.model_dump(mode="json") for moment in moments],
        "norm_images": [given or 0, norm_images],
        "seed": seed,
        "emulation": EMULATION_VERSION,
        "versions": versions(),
    }
    n_images = len(dataset.validation if split == "validation" else dataset.test)
    judged = partial(judge, trained, dataset, split, max_images=max_images, on_progress=listener.judged_part)
    with unfinished_judgement(weights, conditions) as so_far:
        known = [so_far.of(part)[:most] for part, most in _parts(devices)]
        listener.judging(
            JudgingWork(
                split=split,
                n_images=min(max_images or n_images, n_images),
                n_left=1 + devices.n_noisy * len(moments) - sum(len(accuracies) for accuracies in known),
                goes_on=bool(known[0]),
            )
        )
        draws = _Draws(so_far, listener, IDEAL, 1, known[0])
        ideal = judged(norm_images=given or 0, known=known[0], on_draw=draws.add)
        listener.judged(ideal, None)
        found: list[AgedJudgement] = []
        for number, moment in enumerate(moments):
            draws = _Draws(so_far, listener, part_of(number), devices.n_draws, known[1 + number])
            noisy = judged(
                nonidealities=moment.settings,
                n_draws=devices.n_draws,
                norm_images=norm_images,
                seed=seed,
                known=known[1 + number],
                on_draw=draws.add,
            )
            listener.judged(noisy, replace(devices, moments=(moment,)))
            found.append(AgedJudgement(time_s=moment.time_s, devices=moment.settings, judgement=noisy))
    return ideal, tuple(found)


def _parts(devices: NoisyDevices) -> list[tuple[str, int]]:
    """The parts of a judgement and their numbers of draws: ideal devices, then the chips at each time."""
    moments = range(len(devices.moments) if devices.n_noisy else 0)
    return [(IDEAL, 1), *((part_of(number), devices.n_draws) for number in moments)]


class _Draws:
    """Stores the draws of one kind of devices and reports them to the listener, known ones first."""

    def __init__(
        self, so_far: UnfinishedJudgement, listener: Listener, part: str, n_draws: int, known: list[float]
    ) -> None:
        self._so_far, self._listener, self._part, self._n_draws, self._n = so_far, listener, part, n_draws, 0
        for accuracy in known:
            self._tell(accuracy, is_known=True)

    def add(self, accuracy: float) -> None:
        """Adds a draw that has just been judged."""
        self._so_far.add(self._part, accuracy)
        self._tell(accuracy, is_known=False)

    def _tell(self, accuracy: float, *, is_known: bool) -> None:
        self._n += 1
        self._listener.draw(
            Draw(
                accuracy=accuracy,
                is_noisy=self._part != IDEAL,
                number=self._n,
                n_draws=self._n_draws,
                is_known=is_known,
            )
        )
