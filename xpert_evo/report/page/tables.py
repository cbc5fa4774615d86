"""Tables of the page: accuracy of the surrogate, settings, versions and sources; all text is escaped."""

from collections.abc import Iterable, Sequence
from html import escape

from xpert_evo.backbone_file import BackboneDescription
from xpert_evo.config import RunConfig
from xpert_evo.report.result import RunResult
from xpert_evo.report.scene import Scene
from xpert_evo.words import counted


def honesty_tables(scene: Scene) -> str:
    """Returns the surrogate's predictions against later measurements, and its cross-validation, by round."""
    result = scene.result
    if not result.surrogate_notes and not result.honesty:
        return "<p>No surrogate has been fitted yet.</p>"
    parts = []
    if result.honesty:
        warning = list(result.honesty.values())[-1].get("warning")
        parts.append(f'<p class="warning">{escape(warning)}</p>' if warning else "")
        rows = [
            (f"after round {round_}", str(report[who]["n"]), label, *_quality(report[who]))
            for round_, report in result.honesty.items()
            for who, label in (("surrogate", "surrogate"), ("baseline", "multiply-accumulates alone"))
        ]
        parts.append("<p>Predictions before training against measurements, all rounds so far together:</p>")
        parts.append(text_table(("", "trainings", "predicted by", *_QUALITY), rows))
    if scene.luck is not None:
        parts.append(f"<p>{escape(scene.luck.sentence)}</p>")
    rows = [
        (
            f"round {round_}",
            str(note["n_labels"]),
            f"{name}{' (chosen)' if name == note['chosen'] else ''}",
            *_quality(q),
        )
        for round_, note in result.surrogate_notes.items()
        for name, q in [*note["models"].items(), ("multiply-accumulates alone", note["baseline"])]
    ]
    parts.append("<p>Cross-validation when each surrogate was fitted:</p>")
    parts.append(text_table(("", "labels", "model", *_QUALITY), rows))
    return "".join(parts)


_QUALITY = ("Kendall's τ", "error [points]", "in 90 % interval")


def _quality(quality: dict[str, float]) -> tuple[str, str, str]:
    return f"{quality['tau']:.2f}", f"{100 * quality['rmse']:.2f}", f"{100 * quality['coverage']:.0f} %"


def settings_table(result: RunResult) -> str:
    """Returns every setting with its value; defaults are dimmed."""
    rows = []
    for name, value, default in flat_settings(result.config):
        cell = '<td class="text default">' if default else '<td class="text">'
        rows.append(f"<tr>{cell}{escape(name)}</td>{cell}{escape(str(value))}</td></tr>")
    return f'<div class="wide"><table><tbody>{"".join(rows)}</tbody></table></div>'


def flat_settings(config: RunConfig) -> list[tuple[str, object, bool]]:
    """Returns (dotted name, value, whether it is the default) of every setting that has a value."""
    defaults = dict(_flat(RunConfig().model_dump(mode="json")))
    values = _flat(config.model_dump(mode="json") | {"space": _space(config)})
    return [(name, value, defaults.get(name) == value) for name, value in values if value is not None]


def _space(config: RunConfig) -> dict[str, object]:
    """Returns the table `space`, with a custom backbone summarised in a few words."""
    plain = config.space.model_dump(mode="json")
    own = config.space.backbone
    if isinstance(own, BackboneDescription):
        plain["backbone"] = f"{own.name}, custom, {own.n_layers} layers (backbone.toml in the run's folder)"
    return plain


def _flat(table: dict[str, object], prefix: str = "") -> Iterable[tuple[str, object]]:
    for name, value in table.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def versions_table(result: RunResult) -> str:
    """Returns the versions when the run began, the data set's digest, and the sources of reused labels."""
    data = result.dataset
    rows = [*result.versions.items(), (f"data set {data['name']}, digest", str(data["digest"]))]
    rows += [("labels taken over from", folder) for folder in result.labels_from]
    return text_table(("", "value"), rows)


def sources_list(result: RunResult) -> str:
    """Returns the publications that the chip's constants are taken from, with the number of constants of each."""
    found = result.task.hardware.sources()
    items = [f"<li>{escape(source.citation)}{_n_constants(len(source.constants))}</li>" for source in found]
    return f"<ul>{''.join(items)}</ul>"


def _n_constants(n: int) -> str:
    return f' <span class="note">({counted(n, "constant")})</span>' if n else ""


def text_table(head: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a table of plain texts, which are escaped; the first column is a name."""

    def cells(texts: Iterable[str], name: str) -> str:
        first, *others = texts
        rest = "".join(f"<{name}>{escape(text)}</{name}>" for text in others)
        return f'<{name} class="text">{escape(first)}</{name}>{rest}'

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{cells(head, "th")}</tr></thead><tbody>{body}</tbody></table></div>'
