"""Lines on the progress of a refinement."""

from collections.abc import Sequence

from xpert_evo.orchestration.refining.settings import Prediction, Refined, Refinement, Refining
from xpert_evo.words import counted, times


def design_words(one: Refined, start: Refined) -> str:
    """A judged design in one line, compared with the trained network."""
    tuned = ", tuned" if one.is_tuned else ""
    return (
        f"{one.design.digest[:8]}{tuned}: EDAP {edap_words(one)}, "
        f"{1000 * one.divergence:.1f} mnat, {100 * one.judged:.2f} % of {one.n_judged:,} validation images"
        f"{_worst_words(one.on_chips)} "
        f"({100 * (one.judged - start.judged):+.2f} points)"
    )


def edap_words(one: Refined) -> str:
    """How far the EDAP of a design is below the baseline's or above it, and under how many cost models."""
    models = f" in the worst of {len(one.edap_ratios)} cost models" if one.edap_ratios else ""
    if one.edap_ratio < 1:
        return f"{times(1 / one.edap_ratio)} x above the baseline's{models}"
    return f"{times(one.edap_ratio)} x below the baseline's{models}"


def _worst_words(on_chips: Sequence[float]) -> str:
    """The worst of several chips."""
    return f" on {len(on_chips)} chips, worst {100 * min(on_chips):.2f} %" if len(on_chips) > 1 else ""


def images_words(result: Refinement, refining: Refining) -> str:
    """What the accuracies of a front are measured on."""
    trained = result.trained
    n_all = refining.n_images + trained.n_judged + trained.n_unseen
    unseen = f"; unseen: on the {trained.n_unseen:,} of them that had no part in the rounds" if trained.n_unseen else ""
    return f"all: accuracy on all {n_all:,} validation images by the exact emulation of {result.devices}{unseen}"


def divergence_words() -> str:
    """What the divergences of a front are, and why some of them are below 0."""
    return (
        "diverges: movement of the class probabilities away from those of perfect ADCs, beyond that of the trained "
        "network's own peripherals; below 0 for peripherals that stay closer to perfect ADCs than these"
    )


def best_words(result: Refinement, loss: float) -> str:
    """The cheapest design within a loss of accuracy, a fraction."""
    best, within = result.best(loss), f"within {100 * loss:g} points of the trained network"
    if best.edap >= result.trained.edap:
        return f"{within}: nothing cheaper was found"
    return f"{within}: {best.design.digest[:8]}, EDAP {edap_words(best)}"


def prediction_words(predictions: Sequence[Prediction]) -> str:
    """How well the divergences of joint choices were predicted, those drawn at random if there are any."""
    tests = [one for one in predictions if one.is_random] or list(predictions)
    measured = [one for one in tests if one.measured > 0]
    if not measured:
        return "no joint choice was measured"
    kind = "random joint choice" if measured[0].is_random else "joint choice"
    return (
        f"predicted over measured divergence of {counted(len(measured), kind)}: "
        f"{span_words([one.added / one.measured for one in measured])} by sums of single layers, "
        f"{span_words([one.expected / one.measured for one in measured])} with pairs, "
        f"{span_words([one.corrected / one.measured for one in measured])} corrected by other joint choices"
    )


def span_words(ratios: Sequence[float]) -> str:
    """The least and the largest of some ratios; one number where they are the same."""
    least, most = f"{min(ratios):.2f}", f"{max(ratios):.2f}"
    return least if least == most else f"{least} to {most}"
