"""`xpert-evo judge`: reads its options and shows the progress and result of a judgement."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NotRequired, TypedDict, Unpack

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.emulation import EMULATION
from xpert_evo.accuracy.datasets.catalogue import Dataset
from xpert_evo.accuracy.training.judge import CHIP_NORM_IMAGES, Judgement
from xpert_evo.accuracy.training.weights import TrainedNetwork
from xpert_evo.accuracy.training.weights_header import WeightsHeader
from xpert_evo.accuracy.training.yields import CONFIDENCE, Yield, interval_words, quantiles_of, yield_of
from xpert_evo.cli.chip_tables import over_time_table
from xpert_evo.cli.consoles import PlainConsole
from xpert_evo.cli.settings import resolve
from xpert_evo.cli.ticker import Ticker
from xpert_evo.cli.training_progress import JudgingProgress
from xpert_evo.config import parse_assignments
from xpert_evo.config.problem import HardwareConfig
from xpert_evo.errors import UsageError
from xpert_evo.report.pictures.over_time import write_over_time
from xpert_evo.words import TIME_UNITS_S, age_s, listed
from xpert_evo.workbench.devices import NoisyDevices, device_words
from xpert_evo.workbench.judging import check_split, chip_of, judge_weights
from xpert_evo.workbench.listening import Draw, JudgingWork, Listener

_CHIPS_FOR_QUANTILES = 20


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
        """Shows the accuracy of one of several chips."""
        if self._judging is not None and not draw.is_known:
            self._judging.ended()
        if draw.is_noisy and draw.n_draws > 1:
            self.say(f"chip {draw.number} of {draw.n_draws}: {100 * draw.accuracy:.2f} %")

    def judged(self, judgement: Judgement, noisy: NoisyDevices | None) -> None:
        """Shows the accuracy over all chips, and under which devices it holds."""
        calibrated = _calibration_words(judgement, noisy)
        if noisy is None:
            self.say(
                f"{judgement.split}, ideal devices{calibrated}: {_mean_words(judgement)} of "
                f"{judgement.n_images:,} images ({judgement.emulation})"
            )
            return
        self.say(f"{judgement.split}, {noisy.told}{calibrated}: {_figures(judgement)}")
        if noisy.least_accuracy is not None:
            self.say(yield_words(yield_of(judgement.accuracies, noisy.least_accuracy)))


def as_option(name: str) -> str:
    """The command-line spelling of a library argument."""
    return "--chips" if name == "noise_draws" else f"--{name.replace('_', '-')}"


class DeviceOptions(TypedDict):
    """Command-line options that describe devices.

    Attributes:
        noise: Values that replace those of the chip's devices, as KEY=VALUE.
        noise_draws: Number of chips to draw; None for the default.
        norm_images: Number of training images on which each chip calibrates its batch norm; None for the default.
        ideal: Whether devices are ideal except for `noise`.
    """

    noise: Sequence[str]
    noise_draws: int | None
    norm_images: NotRequired[int | None]
    ideal: NotRequired[bool]


def read_devices(
    options: DeviceOptions,
    hardware: HardwareConfig,
    *,
    time_s: float = 1.0,
    at: Sequence[str] = (),
    least_accuracy: float | None = None,
) -> NoisyDevices:
    """The devices given by options; raises ConfigError, HardwareModelError, UsageError.

    Args:
        options: Options that describe the devices.
        hardware: Settings of the chip.
        time_s: Time after programming unless an option gives one [s].
        at: Times after programming, such as `1h`.
        least_accuracy: Accuracy that a chip must reach to count in the yield.
    """
    return NoisyDevices.of(
        parse_assignments(options["noise"], option="--noise", example="variation_ratio=0.05"),
        n_draws=options["noise_draws"],
        norm_images=options.get("norm_images"),
        hardware=None if options.get("ideal", False) else hardware,
        time_s=time_s,
        times_s=_read_times(at),
        least_accuracy=least_accuracy,
        spelled=as_option,
    )


def _read_times(texts: Sequence[str]) -> list[float]:
    """Times after programming [s] from texts, each of which may contain several, separated by commas."""
    times_s = []
    for text in ",".join(texts).split(",") if texts else ():
        try:
            times_s.append(age_s(text))
        except ValueError:
            units = listed(TIME_UNITS_S)
            raise UsageError(f"--at takes times in {units}, such as 1s,1h,1d, got '{text}'.") from None
    if any(time_s < 1 for time_s in times_s) or sorted(set(times_s)) != times_s:
        raise UsageError("--at takes increasing times of at least 1 s, such as 1s,1h,1d.")
    return times_s


def show_judgement(
    path: Path,
    config: Path | None,
    assignments: Sequence[str] | None,
    options: Mapping[str, object | None],
    *,
    split: str,
    max_images: int | None,
    seed: int,
    as_json: bool,
    at: Sequence[str] = (),
    least_accuracy: float | None = None,
    picture: Path | None = None,
    **devices: Unpack[DeviceOptions],
) -> None:
    """Judges a trained network from a file; prints sentences, or JSON in the form of `result.json`."""
    check_split(split, as_option)
    if picture is not None and not at:
        raise UsageError("--picture draws accuracy over time; give the times, such as --at 1s,1h,1d.")
    settings = resolve(config, assignments, options)
    drawn = read_devices(
        devices,
        chip_of(path, settings),
        time_s=settings.training.chip_time_s,
        at=at,
        least_accuracy=least_accuracy,
    )
    console = PlainConsole(stderr=as_json)
    console.warnings(filter(None, [drawn.remark]))
    with console.ticker() as ticker:
        result = judge_weights(
            path,
            settings,
            drawn,
            split=split,
            max_images=max_images,
            seed=seed,
            listener=JudgingDisplay(console, ticker),
        )
    if result.crossbar != result.header.crossbar and not result.ideal.norm_images:
        console.lines([_REQUANTISED])
    if result.over_time:
        console.table(over_time_table(result))
    if picture is not None and result.over_time:
        write_over_time(result, picture)
        console.lines([f"picture: {picture}"])
    elif picture is not None:
        console.lines(["no picture: it needs several times with different results"])
    if as_json:
        sys.stdout.write(json.dumps(result.to_plain(), indent=1) + "\n")


_REQUANTISED = (
    "the crossbars differ from those of the training; --calibrate-norms 512 calibrates the batch norm of ideal devices "
    "for them, too"
)


def _calibration_words(judgement: Judgement, noisy: NoisyDevices | None) -> str:
    """What batch norm was calibrated on, and why on fewer images than by default."""
    n_images = judgement.norm_images
    words = f", batch norm calibrated on {n_images:,} training images" if n_images else ""
    if noisy is None or noisy.norm_images is not None or n_images >= CHIP_NORM_IMAGES:
        return words
    return (
        f"{words or ', batch norm not calibrated'} (by default on {CHIP_NORM_IMAGES}, but protocol "
        f"{judgement.protocol} trains on fewer; --calibrate-norms {CHIP_NORM_IMAGES} takes more)"
    )


def yield_words(found: Yield) -> str:
    """A yield and its confidence interval in a sentence."""
    return (
        f"yield: {found.n_good} of {found.n_chips} chips ({100 * found.ratio:.0f} %) reach "
        f"{100 * found.least_accuracy:g} %; {100 * CONFIDENCE:.0f} % confidence interval {100 * found.low:.0f} to "
        f"{100 * found.high:.0f} %"
    )


def _training_words(header: WeightsHeader) -> str:
    """A description of how a network was trained."""
    words = [f"protocol {header.protocol.name}, seed {header.seed}"]
    if (start := header.started_from) is not None:
        if start.float_accuracy is None:
            words.append(f"from weights of design {start.design[:8]} by {start.protocol}")
        if start.float_accuracy is not None and start.quantised_accuracy is not None:
            words.append(
                f"from weights of the imported network {start.design} with a validation accuracy of "
                f"{100 * start.float_accuracy:.2f} % in floats and "
                f"{100 * start.quantised_accuracy:.2f} % quantised, before training"
            )
    if header.noise_aware is not None:
        words.append(f"noise-aware ({device_words(header.noise_aware)})")
    return ", ".join(words)


def _crossbar_words(crossbar: CrossbarSpec) -> str:
    return f"crossbars of {crossbar.rows} x {crossbar.columns}, weights coded {crossbar.coding.value}"


def _figures(noisy: Judgement) -> str:
    if noisy.n_draws == 1:
        return f"{_mean_words(noisy)}, 1 chip"
    return (
        f"mean {_mean_words(noisy)}, worst {100 * noisy.worst:.2f} %, standard deviation "
        f"{100 * noisy.spread:.2f} points over {noisy.n_draws} chips{_quantile_words(noisy)}"
    )


def _mean_words(found: Judgement) -> str:
    """A mean accuracy with its 95 % interval: `81.20 ± 0.77 %`; two chips tell too little of others for one."""
    if found.n_draws == 2:
        return f"{100 * found.mean:.2f} %"
    return interval_words(found.mean, found.n_images, n_chips=found.n_draws, spread=found.spread, unit=" %")


def _quantile_words(noisy: Judgement) -> str:
    """The quantiles that describe the tails, where there are enough chips for them."""
    if noisy.n_draws < _CHIPS_FOR_QUANTILES:
        return ""
    found = quantiles_of(noisy.accuracies)
    return f"; 5, 50 and 95 % quantiles {', '.join(f'{100 * found[name]:.2f}' for name in ('0.05', '0.5', '0.95'))} %"
