"""`xpert-evo judge`: reads its options and shows the progress and result of a judgement."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.emulation import EMULATION
from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.training.judge import Judgement
from xpert_evo.accuracy.training.weights import TrainedNetwork
from xpert_evo.accuracy.training.weights_header import WeightsHeader
from xpert_evo.cli.consoles import PlainConsole
from xpert_evo.cli.settings import resolve
from xpert_evo.cli.ticker import Ticker
from xpert_evo.cli.training_progress import JudgingProgress
from xpert_evo.config import parse_assignments
from xpert_evo.workbench.devices import NoisyDevices, device_words
from xpert_evo.workbench.judging import check_split, judge_weights
from xpert_evo.workbench.listening import Draw, JudgingWork, Listener


class JudgingDisplay(Listener):
    """Shows a judgement in lines.

    Args:
        console: Console that shows the lines.
        ticker: Progress line of the current draw.
    """

    def __init__(self, console: PlainConsole, ticker: Ticker) -> None:
        self._console, self._ticker = console, ticker
        self._judging: JudgingProgress | None = None

    def say(self, line: str) -> None:
        """Shows a line."""
        self._console.lines([line])

    def loaded(self, trained: TrainedNetwork, dataset: Dataset) -> None:
        """Shows the network that is judged and how it was trained."""
        crossbar = trained.network.crossbar
        self.say(f"design {trained.header.design.digest}, {dataset.name}, {_crossbar_words(crossbar)}")
        self.say(f"trained by {_training_words(trained.header)}")
        for note in dataset.notes:
            self.say(note)

    def judging(self, work: JudgingWork) -> None:
        """Shows whether an interrupted judgement continues."""
        if work.goes_on:
            self.say("continuing an interrupted judgement")
        what = f"{work.n_images:,} {work.split} images in the {EMULATION}"
        self._judging = JudgingProgress(what, work.n_left, self._ticker)

    def judged_part(self, ratio: float) -> None:
        """Shows the progress of the draw."""
        if self._judging is not None:
            self._judging.draw(ratio)

    def draw(self, draw: Draw) -> None:
        """Shows the accuracy of one of several draws of noisy devices."""
        if self._judging is not None and not draw.is_known:
            self._judging.ended()
        if draw.is_noisy and draw.n_draws > 1:
            self.say(f"draw {draw.number} of {draw.n_draws}: {100 * draw.accuracy:.2f} %")

    def judged(self, judgement: Judgement, noisy: NoisyDevices | None) -> None:
        """Shows the accuracy over all draws."""
        if noisy is not None:
            self.say(f"{judgement.split} with device noise: {_figures(judgement)} ({noisy.told})")
            return
        self.say(
            f"{judgement.split}: {100 * judgement.mean:.2f} % of {judgement.n_images:,} images ({judgement.emulation})"
        )


def as_option(name: str) -> str:
    """The command-line spelling of a library argument."""
    return f"--{name.replace('_', '-')}"


def read_noise(noise: Sequence[str], n_draws: int, norm_images: int) -> NoisyDevices:
    """The devices given by `--noise`, `--noise-draws` and `--calibrate-norms`; raises ConfigError, UsageError."""
    values = parse_assignments(noise, option="--noise", example="variation_ratio=0.05")
    return NoisyDevices.of(values, n_draws=n_draws, norm_images=norm_images, spelled=as_option)


def show_judgement(
    path: Path,
    config: Path | None,
    assignments: Sequence[str] | None,
    options: Mapping[str, object | None],
    *,
    split: str,
    max_images: int | None,
    noise: Sequence[str],
    noise_draws: int,
    norm_images: int,
    seed: int,
    as_json: bool,
) -> None:
    """Judges a trained network from a file; prints sentences, or JSON in the form of `result.json`."""
    check_split(split, as_option)
    devices = read_noise(noise, noise_draws, norm_images)
    settings = resolve(config, assignments, options)
    console = PlainConsole(stderr=as_json)
    with console.ticker() as ticker:
        result = judge_weights(
            path,
            settings,
            devices,
            split=split,
            max_images=max_images,
            seed=seed,
            listener=JudgingDisplay(console, ticker),
        )
    if as_json:
        sys.stdout.write(json.dumps(result.to_plain(), indent=1) + "\n")


def _training_words(header: WeightsHeader) -> str:
    """A description of how a network was trained."""
    words = [f"protocol {header.protocol.name}, seed {header.seed}"]
    if (start := header.started_from) is not None:
        words.append(f"from weights of design {start.design[:8]} by {start.protocol}")
    if header.noise_aware is not None:
        words.append(f"noise-aware ({device_words(header.noise_aware)})")
    return ", ".join(words)


def _crossbar_words(crossbar: CrossbarSpec) -> str:
    return f"crossbars of {crossbar.rows} x {crossbar.columns}, weights coded {crossbar.coding.value}"


def _figures(noisy: Judgement) -> str:
    if noisy.n_draws == 1:
        return f"{100 * noisy.mean:.2f} %, 1 draw"
    return (
        f"mean {100 * noisy.mean:.2f} %, worst {100 * noisy.worst:.2f} %, standard deviation "
        f"{100 * noisy.spread:.2f} points over {noisy.n_draws} draws"
    )
