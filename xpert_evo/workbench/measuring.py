"""Judges a trained network on ideal devices and on draws of noisy ones; an interruption costs at most one draw."""

from dataclasses import asdict
from functools import partial
from pathlib import Path

from xpert_evo.accuracy.crossbars.snr import EMULATION_VERSION
from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.training.judge import Judgement, Trained, judge
from xpert_evo.versions import versions
from xpert_evo.workbench.devices import NoisyDevices
from xpert_evo.workbench.listening import Draw, JudgingWork, Listener
from xpert_evo.workbench.unfinished import IDEAL, NOISY, UnfinishedJudgement, unfinished_judgement


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
) -> tuple[Judgement, Judgement | None]:
    """The judgement of ideal devices, and that of noisy ones if there are any.

    Args:
        trained: The trained network.
        weights: File of the network; finished draws are stored beside it until all are finished.
        dataset: Data set of the training.
        devices: Noisy devices.
        listener: Listener that receives each accuracy as soon as it is measured.
        split: Split to judge on, "validation" or "test".
        seed: Random seed of the draws.
        max_images: Number of images to use, from the first; None for all.

    Raises:
        InterruptedRunError: Ctrl-C.
        DataError: There are too few training images to calibrate batch norm on.
    """
    conditions = {
        "data set": dataset.digest,
        "split": split,
        "images": max_images,
        "crossbar": asdict(trained.network.crossbar),
        "devices": devices.settings.model_dump(mode="json"),
        "norm_images": devices.norm_images,
        "seed": seed,
        "emulation": EMULATION_VERSION,
        "versions": versions(),
    }
    n_images = len(dataset.validation if split == "validation" else dataset.test)
    judged = partial(judge, trained, dataset, split, max_images=max_images, on_progress=listener.judged_part)
    with unfinished_judgement(weights, conditions) as so_far:
        known = {IDEAL: so_far.of(IDEAL), NOISY: so_far.of(NOISY)[: devices.n_noisy]}
        listener.judging(
            JudgingWork(
                split=split,
                n_images=min(max_images or n_images, n_images),
                n_left=1 + devices.n_noisy - len(known[IDEAL]) - len(known[NOISY]),
                goes_on=bool(known[IDEAL]),
            )
        )
        draws = _Draws(so_far, listener, IDEAL, 1, known[IDEAL])
        ideal = judged(known=known[IDEAL], on_draw=draws.add)
        listener.judged(ideal, None)
        if not devices.n_noisy:
            return ideal, None
        draws = _Draws(so_far, listener, NOISY, devices.n_draws, known[NOISY])
        noisy = judged(
            nonidealities=devices.settings,
            n_draws=devices.n_draws,
            norm_images=devices.norm_images,
            seed=seed,
            known=known[NOISY],
            on_draw=draws.add,
        )
    listener.judged(noisy, devices)
    return ideal, noisy


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
                is_noisy=self._part == NOISY,
                number=self._n,
                n_draws=self._n_draws,
                is_known=is_known,
            )
        )
