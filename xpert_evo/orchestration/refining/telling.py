"""Lines on the progress of a refinement."""

from collections.abc import Sequence

from xpert_evo.orchestration.refining.settings import Prediction, Refined


def design_words(one: Refined, start: Refined) -> str:
    """A judged design in one line, compared with the trained network."""
    tuned = ", tuned" if one.is_tuned else ""
    return (
        f"{one.design.digest[:8]}{tuned}: EDAP {edap_words(one)}, "
        f"{1000 * one.divergence:.1f} mnat, {100 * one.judged:.2f} % of {one.n_judged:,} validation images "
        f"({100 * (one.judged - start.judged):+.2f} points)"
    )


def edap_words(one: Refined) -> str:
    """How far the EDAP of a design is below the baseline's, and under how many cost models."""
    models = f" in the worst of {len(one.edap_ratios)} cost models" if one.edap_ratios else ""
    return f"{one.edap_ratio:.0f} x below the baseline's{models}"


def prediction_words(predictions: Sequence[Prediction]) -> str:
    """How well the divergences of joint choices were predicted, those drawn at random if there are any."""
    tests = [one for one in predictions if one.is_random] or list(predictions)
    ratios = [(one.added / one.measured, one.expected / one.measured) for one in tests if one.measured > 0]
    if not ratios:
        return "no joint choice was measured"
    added, expected = zip(*ratios, strict=True)
    return (
        f"predicted over measured divergence of {len(ratios)} joint choices: {min(expected):.2f} to "
        f"{max(expected):.2f} (sums of single layers: {min(added):.2f} to {max(added):.2f})"
    )
