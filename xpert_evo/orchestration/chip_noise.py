"""The chips that designs are labelled on besides the ideal one, and the robustness that their accuracies define."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities
from xpert_evo.config import RunConfig
from xpert_evo.config.method import NoiseSource, RobustnessRule, SearchConfig
from xpert_evo.orchestration.chips import ChipFiles

NOISY = "noisy_validation"
"""Among a label's details: the accuracies under device noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipNoise:
    """Chips on which a training also measures its accuracy.

    Attributes:
        devices: Non-idealities of the chips' devices.
        n_draws: Number of chips drawn.
        norm_images: Number of training images on which each chip calibrates its batch norm; 0 for none.
    """

    devices: NonIdealities
    n_draws: int
    norm_images: int = 0


def chip_noise(config: RunConfig) -> ChipNoise | None:
    """The chips under which a run measures robustness; None if it does not.

    Raises:
        HardwareModelError: The device or the technology cannot be read.
    """
    if not config.measures_robustness:
        return None
    training = config.training
    if training.noise is NoiseSource.VARIATION:
        devices = NonIdealities(variation_ratio=training.conductance_variation_ratio)
    else:
        devices = ChipFiles.of(config.hardware).at(training.noise_time_s)
    return ChipNoise(devices=devices, n_draws=training.noise_draws, norm_images=training.noise_norm_images)


def noise_context(config: RunConfig) -> dict[str, object] | None:
    """What a label's context contains of its chips; None if there are none.

    Labels of earlier versions, with variation alone and without the accuracy of each chip, keep their context.
    """
    noise, training = chip_noise(config), config.training
    if noise is None:
        return None
    content: dict[str, object] = {"draws": noise.n_draws}
    if training.noise is NoiseSource.VARIATION:
        content["conductance_variation_ratio"] = training.conductance_variation_ratio
    else:
        content["devices"] = noise.devices.model_dump(mode="json", exclude_defaults=True)
    if noise.norm_images:
        content["norm_images"] = noise.norm_images
    if config.search.robustness is RobustnessRule.QUANTILE:
        content["each"] = True
    return content


def robustness_of(noisy: Mapping[str, Any], config: RunConfig) -> float:
    """The robustness that a run's rule makes of `NOISY`, the accuracies of a label's chips; a fraction."""
    search = config.search
    if search.robustness is RobustnessRule.MEAN:
        return float(noisy["accuracy"])
    if search.robustness is RobustnessRule.WORST:
        return float(noisy["worst"])
    return robustness_over(noisy["accuracies"], search)


def robustness_over(accuracies: Sequence[float], search: SearchConfig) -> float:
    """The robustness that a rule makes of the accuracies of chips (fractions)."""
    if search.robustness is RobustnessRule.MEAN:
        return math.fsum(accuracies) / len(accuracies)
    if search.robustness is RobustnessRule.WORST:
        return min(accuracies)
    return float(np.quantile(accuracies, search.robustness_quantile))


def rule_words(search: SearchConfig) -> str:
    """The rule in words: `mean`, `worst` or `quantile 0.1`."""
    quantile = f" {search.robustness_quantile:g}" if search.robustness is RobustnessRule.QUANTILE else ""
    return f"{search.robustness}{quantile}"


def noise_words(config: RunConfig) -> str:
    """Describes a run's robustness, for example `worst of 3 chips, conductances scattered by 10 %`."""
    training = config.training
    if training.noise is NoiseSource.VARIATION:
        devices = f"conductances scattered by {100 * training.conductance_variation_ratio:g} %"
    else:
        hardware = config.hardware
        devices = f"device {hardware.device} in {hardware.technology}, {training.noise_time_s:g} s after programming"
    calibrated = training.noise_norm_images
    norms = f", batch norm calibrated on {calibrated:,} training images" if calibrated else ""
    return f"{rule_words(config.search)} of {training.noise_draws} chips, {devices}{norms}"
