"""`report.html`: one self-contained file that opens with the recommended designs."""

import base64
import json
from collections.abc import Sequence
from html import escape
from importlib import resources
from pathlib import Path
from string import Template

from xpert_evo.config import RunConfig
from xpert_evo.files import write_text
from xpert_evo.orchestration.chip_noise import noise_words
from xpert_evo.report.candidates import Candidate
from xpert_evo.report.page.answer import answer
from xpert_evo.report.page.cost_models import cost_models
from xpert_evo.report.page.fronts import fronts_table
from xpert_evo.report.page.native import native_section
from xpert_evo.report.page.plot import front_plots
from xpert_evo.report.page.remarks import remarks
from xpert_evo.report.page.tables import honesty_tables, settings_table, sources_list, versions_table
from xpert_evo.report.pictures import Drawing
from xpert_evo.report.pictures.common import number, power_of_ten
from xpert_evo.report.recosting import cost_words
from xpert_evo.report.result import RunResult
from xpert_evo.report.scene import Scene
from xpert_evo.report.words import limit_words

PAGE_NAME = "report.html"


def write_page(path: Path, scene: Scene, drawings: Sequence[Drawing]) -> None:
    """Writes the page atomically."""
    write_text(path, page(scene, drawings))


def page(scene: Scene, drawings: Sequence[Drawing]) -> str:
    """Returns the page as text.

    Args:
        scene: Scene of the run.
        drawings: Pictures of the run, to be embedded.
    """
    result = scene.result
    folder = resources.files("xpert_evo.report.page")
    return Template((folder / "page.html").read_text(encoding="utf-8")).substitute(
        title=escape(f"{result.name}: {result.task.backbone.name} on {result.dataset['name']}"),
        style=(folder / "page.css").read_text(encoding="utf-8"),
        script=(folder / "page.js").read_text(encoding="utf-8"),
        summary=escape(_summary(result)),
        remarks=remarks(result),
        native=native_section(result),
        answer_title="Which design to build" if result.native is None else "What the search found, by proxies",
        answer=answer(scene),
        plots=front_plots(scene),
        fronts=fronts_table(result),
        cost_models=cost_models(scene),
        pictures="\n".join(figure_element(drawing) for drawing in drawings) or "<p>No picture could be drawn.</p>",
        honesty=honesty_tables(scene),
        settings=settings_table(result),
        versions=versions_table(result),
        sources=sources_list(result),
        data=_data(result),
    )


def _summary(result: RunResult) -> str:
    limits = limit_words(result.config)
    within = f" with {limits}," if limits else ""
    if result.has_ended:
        state = "The run is finished."
    elif not result.final:
        state = "The run is not finished, so this is the front so far."
    else:
        missing = "trainings at native size are missing" if result.native is None else result.native.missing_words
        state = f"The search is finished; {missing}."
    size = power_of_ten(round(result.task.space.log10_size))
    return (
        f"Of about {size} designs{within} {result.trained_words}; {result.front_words} "
        f"({result.accuracy_words}; {cost_words(result)}). {state} {result.n_failures} trainings failed."
    )


def figure_element(drawing: Drawing) -> str:
    """Returns a picture with its caption, embedded in the page."""
    content = base64.b64encode(drawing.svg).decode("ascii")
    name = escape(drawing.name)
    return (
        f'<figure id="picture-{name}"><img alt="{name}: {escape(drawing.caption)}" '
        f'src="data:image/svg+xml;base64,{content}"><figcaption>{escape(drawing.caption)}</figcaption></figure>'
    )


def _data(result: RunResult) -> str:
    """Returns the script's data on each design, by digest, as JSON that is safe inside a script element."""
    shown = {c.digest: c for c in result.measured}
    shown |= {c.digest: c for c in [result.baseline] if c is not None}
    shown |= {c.digest: c for c in result.finalists}
    if result.native is not None:
        shown |= {
            one.candidate.digest: one.candidate for one in result.native.designs if one.candidate.digest not in shown
        }
    content = {digest: _design(candidate, result.config) for digest, candidate in shown.items()}
    return json.dumps(content, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")


def _design(candidate: Candidate, config: RunConfig) -> dict[str, object]:
    hardware = candidate.hardware
    figures = [
        ("accuracy, measured", f"{100 * candidate.measured:.2f} % ({candidate.split}, {candidate.protocol})"),
        ("accuracy, validation", f"{100 * candidate.validation:.2f} % ({candidate.protocol})"),
        *([] if candidate.robustness is None else [("accuracy, under noise", _under_noise(candidate, config))]),
        ("accuracy, predicted before training", _predicted(candidate)),
        ("accuracy, in the search", _label(candidate)),
        ("EDAP", f"{number(hardware['edap'])} mm² µs µJ"),
        ("area of all tiles", f"{number(hardware['area_mm2'])} mm²"),
        ("latency", f"{number(hardware['latency_us'])} µs"),
        ("energy", f"{number(hardware['energy_uj'])} µJ"),
        ("throughput", f"{number(hardware['throughput_fps'])} images/s"),
        ("TOPS/W", number(hardware["tops_per_w"])),
        ("TOPS/mm²", number(hardware["tops_per_mm2"])),
        *([] if not candidate.design.chip_words else [("crossbars", candidate.design.chip_words)]),
    ]
    genes = candidate.design.layer_kinds
    layers = [
        [layer.name, *(str(value) if (value := getattr(layer, kind)) is not None else "-" for kind in genes)]
        for layer in candidate.design.layers
    ]
    tip = (
        f"{candidate.digest[:8]}: {100 * candidate.measured:.2f} % ({candidate.split}, {candidate.protocol})\n"
        f"EDAP {number(hardware['edap'])}, {number(hardware['area_mm2'])} mm²"
    )
    return {
        "figures": figures,
        "genes": ["layer", *(kind.record.short for kind in genes)],
        "layers": layers,
        "tip": tip,
    }


def _under_noise(candidate: Candidate, config: RunConfig) -> str:
    assert candidate.robustness is not None
    return f"{100 * candidate.robustness:.2f} % (validation, {noise_words(config)}, {candidate.protocol})"


def _predicted(candidate: Candidate) -> str:
    if candidate.predicted is None or candidate.std is None:
        return "not predicted"
    return f"{100 * candidate.predicted:.2f} ± {100 * candidate.std:.2f} % (validation, {candidate.label_protocol})"


def _label(candidate: Candidate) -> str:
    if candidate.label is None:
        return "not trained in the search"
    return f"{100 * candidate.label:.2f} % (validation, {candidate.label_protocol})"
