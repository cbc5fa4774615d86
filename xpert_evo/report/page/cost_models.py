"""The page's section on whether a result holds under other cost models."""

from collections.abc import Sequence
from html import escape

from xpert_evo.genes import Choice, choice_text
from xpert_evo.report.candidates import Candidate
from xpert_evo.report.page.tables import text_table
from xpert_evo.report.preferences import Preference
from xpert_evo.report.scene import Scene
from xpert_evo.report.verdict import Verdict
from xpert_evo.words import times


def cost_models(scene: Scene) -> str:
    """Returns the section: ratios, fronts, Kendall's tau, and preferred choices and ADCs by model."""
    verdict = scene.verdict
    if verdict is None:
        return "<p>No design has been trained yet.</p>"
    return "".join(
        [
            f"<p>{escape(verdict.line)}</p>",
            *(_refused(name, why) for name, why in verdict.refused.items()),
            _ratios(verdict),
            _fronts(scene, verdict),
            _tau(verdict),
            _preferences(verdict),
            _adc_types(verdict),
        ]
    )


def _refused(name: str, why: str) -> str:
    return f'<p class="warning">{escape(name)} cannot cost this chip: {escape(why)}</p>'


def _ratios(verdict: Verdict) -> str:
    if not verdict.named:
        return ""
    rows = [
        (_own(model, i), *(f"{times(verdict.ratios[i, at])} x" for at in verdict.named.values()))
        for i, model in enumerate(verdict.models)
    ]
    return (
        "<h3>EDAP of the baseline over that of the design</h3>"
        + text_table(("cost model", *verdict.named), rows)
        + '<p class="note">Design and baseline are costed with the same model, with its own ADCs and schedule.</p>'
    )


def _own(model: str, i: int) -> str:
    return model if i else f"{model} (this run's)"


def _fronts(scene: Scene, verdict: Verdict) -> str:
    groups = (
        ("on the front under every model", verdict.always),
        ("under some models", verdict.sometimes),
        ("only under this run's model", verdict.own_only),
    )
    rows = "".join(
        f'<tr><td class="text">{name}</td><td>{len(members)}</td><td class="text">{_links(members)}</td></tr>'
        for name, members in groups
    )
    protocol = escape(scene.result.config.training.protocol)
    return (
        "<h3>Which designs stay on the front</h3>"
        f'<div class="wide"><table class="models"><thead><tr><th class="text">design is</th><th>designs</th>'
        f'<th class="text">which</th></tr></thead><tbody>{rows}</tbody></table></div>'
        f'<p class="note">The front of accuracy (validation, {protocol}) against EDAP, of all designs trained in the '
        "search. Chip limits are always evaluated with this run's model.</p>"
    )


def _links(members: Sequence[Candidate]) -> str:
    return ", ".join(f'<button class="link" data-id="{c.digest}">{c.digest[:8]}</button>' for c in members)


def _tau(verdict: Verdict) -> str:
    rows = [(model, *(f"{value:.2f}" for value in row)) for model, row in zip(verdict.models, verdict.tau, strict=True)]
    return (
        "<h3>Kendall's τ of EDAP between models</h3>"
        + text_table(("", *verdict.models), rows)
        + '<p class="note">Over the trained designs: 1 if two models rank them identically, 0 if their rankings '
        "are unrelated.</p>"
    )


def _preferences(verdict: Verdict) -> str:
    if not verdict.preferences:
        return ""
    rows = [
        (f"{one.kind.record.label}, {one.group}", *_by_model(one, verdict.models), _agreement(one, verdict.models))
        for one in verdict.preferences
    ]
    return (
        "<h3>Preferred choices by cost model</h3>"
        + text_table(("gene, layers", *verdict.models, "verdict"), rows)
        + '<p class="note">The choice of lowest EDAP in these layers, with all other genes as in the designs of the '
        "front; in brackets the choice of highest EDAP and its EDAP relative to the lowest. The layers between the "
        "first one and the classifier are divided into thirds. The ADC type does not change accuracy, and column "
        "sharing does only by the losses in wires, so a choice that every model prefers (within 1 %) does not depend "
        "on the model. The other genes do change accuracy: their cheapest choice is not necessarily the best one, and "
        "models can only disagree on its cost.</p>"
    )


def _adc_types(verdict: Verdict) -> str:
    rows = [(one.group, *_by_model(one, verdict.models), _agreement(one, verdict.models)) for one in verdict.adc_types]
    return (
        "<h3>Preferred ADC type by cost model</h3>"
        + text_table(("", *verdict.models, "verdict"), rows)
        + '<p class="note">Homogeneous designs with 8-bit inputs, each type with its best column sharing; in brackets '
        "the EDAP of the other type relative to it.</p>"
    )


def _by_model(preference: Preference, models: Sequence[str]) -> list[str]:
    told = [preference.told(i) for i in range(len(models))]
    return ["-" if one is None else f"{_named(one[0])} ({_named(one[1])} {times(one[2])} x)" for one in told]


def _named(choice: Choice) -> str:
    return {"S": "SAR", "F": "Flash"}.get(choice_text(choice), choice_text(choice))


def _agreement(preference: Preference, models: Sequence[str]) -> str:
    if preference.kind.record.changes_accuracy:
        dearest = preference.edap_ratios.max(axis=1)
        low, high = times(dearest.min()), times(dearest.max())
        if (low, high) == ("1", "1"):
            return "no choice changes the EDAP"
        return f"EDAP of the dearest over the cheapest choice: {low} to {high} x"
    if preference.agreed is not None:
        return f"{_named(preference.agreed)} within 1 % under every model"
    if preference.dissenter is not None:
        model, choice = preference.dissenter
        return f"{_named(choice)} within 1 % under every model except {models[model]}"
    return "depends on the model"
