"""Lines on the progress of a refinement."""

from collections.abc import Sequence

from xpert_evo.orchestration.refining.settings import Prediction, Refined, Refinement, Refining
from xpert_evo.words import times


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
    """How far the EDAP of a design is below the baseline's, and under how many cost models."""
    models = f" in the worst of {len(one.edap_ratios)} cost models" if one.edap_ratios else ""
    return f"{times(one.edap_ratio)} x below the baseline's{models}"


def _worst_words(on_chips: Sequence[float]) -> str:
    """The worst of several chips."""
    return f" on {len(on_chips)} chips, worst {100 * min(on_chips):.2f} %" if len(on_chips) > 1 else ""


def images_words(result: Refinement, refining: Refining) -> str:
    """What the accuracies of a front are measured on."""
    trained = result.trained
    n_all = refining.n_images + trained.n_judged + trained.n_unseen
    unseen = f"; unseen: on the {trained.n_unseen:,} of them that had no part in any choice" if trained.n_unseen else ""
    return f"all: accuracy on all {n_all:,} validation images by the exact emulation of {result.devices}{unseen}"


def prediction_words(predictions: Sequence[Prediction]) -> str:
    """How well the divergences of joint choices were predicted, those drawn at random if there are any."""
    tests = [one for one in predictions if one.is_random] or list(predictions)
    measured = [one for one in tests if one.measured > 0]
    if not measured:
        return "no joint choice was measured"
    kind = "random joint choices" if measured[0].is_random else "joint choices"
    return (
        f"predicted over measured divergence of {len(measured)} {kind}: "
        f"{span_words([one.added / one.measured for one in measured])} by sums of single layers, "
        f"{span_words([one.expected / one.measured for one in measured])} with pairs, "
        f"{span_words([one.corrected / one.measured for one in measured])} corrected by other joint choices"
    )


def span_words(ratios: Sequence[float]) -> str:
    """The least and the largest of some ratios."""
    return f"{min(ratios):.2f} to {max(ratios):.2f}"
