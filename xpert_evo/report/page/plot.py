"""The front as inline SVG with points that can be hovered over and clicked."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape

from xpert_evo.report.candidates import Candidate, select_front
from xpert_evo.report.pictures.common import number, power_of_ten
from xpert_evo.report.scene import Scene

_WIDTH, _HEIGHT = 640, 424
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 16, 34, 70
_LETTER = 7  # generous width of a letter


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Candidates drawn alike: `name` is their class in the style sheet, `label` their text in the legend."""

    name: str
    label: str
    radius: float
    members: list[Candidate]


def front_plots(scene: Scene) -> str:
    """Returns the plot of the judged finalists (once there are any) and that of all designs trained in the search."""
    result = scene.result
    if not result.measured:
        return "<p>No design has been trained yet.</p>"
    plots = []
    baseline = [result.baseline] if result.baseline else []
    if result.final:
        groups = [_Group(name="baseline", label="baseline", radius=7, members=baseline)]
        groups.append(_tighter(result.front, result.fronts.values()))
        groups.append(_Group(name="front", label="final front", radius=6, members=result.front))
        title = f"Finalists, test data, {result.config.training.finalist_protocol}; bars are 95 % intervals"
        plots.append(_plot(title, groups, lambda candidate: candidate.measured))
    fronts = [select_front(result.task, result.measured, limit) for limit in result.fronts]
    front = select_front(result.task, result.measured)
    tighter = _tighter(front, fronts)
    special = {c.digest for c in [*front, *tighter.members, *scene.homogeneous, *baseline]}
    digest = result.task.space.decode(result.task.baseline)[0].digest
    searched_baseline = [c for c in result.measured if c.digest == digest]
    elsewhere = {c.digest for c in [*front, *tighter.members]} | {digest}
    homogeneous = [c for c in scene.homogeneous if c.digest not in elsewhere]
    groups = [
        _Group(
            name="trained", label="trained", radius=4, members=[c for c in result.measured if c.digest not in special]
        ),
        _Group(name="homogeneous", label="homogeneous", radius=4, members=homogeneous),
        _Group(name="baseline", label="baseline", radius=7, members=searched_baseline),
        tighter,
        _Group(name="front", label="front of the search", radius=6, members=front),
    ]
    title = f"All trained designs, validation data, {result.config.training.protocol}"
    plots.append(_plot(title, groups, lambda candidate: candidate.validation))
    return "\n".join(plots)


def _tighter(front: Sequence[Candidate], fronts: Iterable[Sequence[Candidate]]) -> _Group:
    """Returns the members of fronts under tighter area limits that are not on the main front."""
    main = {member.digest for member in front}
    others = {member.digest: member for members in fronts for member in members if member.digest not in main}
    return _Group(name="tighter", label="tighter limits", radius=6, members=list(others.values()))


def _plot(title: str, groups: Sequence[_Group], height: Callable[[Candidate], float]) -> str:
    shown = [candidate for group in groups for candidate in group.members]
    if not shown:
        return ""
    x = _Axis.of([math.log10(c.hardware["edap"]) for c in shown], _LEFT, _WIDTH - _RIGHT)
    reach = [100 * end for c in shown for end in _ends(c, height(c))]
    y = _Axis.of(reach, _HEIGHT - _BOTTOM, _TOP)
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="group" aria-label="{escape(title)}">',
        f'<text class="title" x="{_LEFT}" y="16">{escape(title)}</text>',
        *(
            _vertical(x.at(tick), power_of_ten(round(tick)) if tick == round(tick) else number(10**tick))
            for tick in x.ticks()
        ),
        *(_horizontal(y.at(tick), f"{tick:g}") for tick in y.ticks()),
        f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{_HEIGHT - _BOTTOM}" y2="{_HEIGHT - _BOTTOM}"/>',
        f'<line class="axis" x1="{_LEFT}" x2="{_LEFT}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>',
        f'<text x="{(_LEFT + _WIDTH) / 2:.0f}" y="{_HEIGHT - 34}" text-anchor="middle">EDAP [mm² µs µJ]</text>',
        f'<text transform="translate(14 {(_TOP + _HEIGHT - _BOTTOM) / 2:.0f}) rotate(-90)" text-anchor="middle">'
        "accuracy [%]</text>",
    ]
    for group in groups:
        parts += [_mark(group, candidate, x, y, height(candidate)) for candidate in group.members]
    return "\n".join([*parts, *_legend(groups), "</svg>"])


def _mark(group: _Group, candidate: Candidate, x: "_Axis", y: "_Axis", height: float) -> str:
    left, top = x.at(math.log10(candidate.hardware["edap"])), y.at(100 * height)
    ends = [y.at(100 * end) for end in _ends(candidate, height)]
    line = f'<line class="bar" x1="{left:.1f}" x2="{left:.1f}" y1="{ends[0]:.1f}" y2="{ends[1]:.1f}"/>'
    bar = line if ends[0] != ends[1] else ""
    label = f"design {candidate.digest[:8]}, {100 * height:.2f} %, EDAP {number(candidate.hardware['edap'])}"
    return (
        f'{bar}<circle class="point {group.name}" data-id="{escape(candidate.digest)}" cx="{left:.1f}" cy="{top:.1f}" '
        f'r="{group.radius}" tabindex="0" role="button" aria-label="{escape(label)}"/>'
    )


def _ends(candidate: Candidate, height: float) -> tuple[float, float]:
    """Returns the ends of the 95 % interval of a test accuracy; the accuracy itself, twice, for others."""
    down, up = candidate.bar if height == candidate.measured else (0.0, 0.0)
    return height - down, height + up


def _legend(groups: Sequence[_Group]) -> list[str]:
    """Returns the legend as a line below the axis, where it covers no point."""
    lines = []
    left, top = _LEFT, _HEIGHT - 10
    for group in (group for group in groups if group.members):
        lines.append(f'<circle class="point {group.name}" cx="{left}" cy="{top - 4}" r="5"/>')
        lines.append(f'<text x="{left + 10}" y="{top}">{escape(group.label)}</text>')
        left += 34 + _LETTER * len(group.label)
    return lines


def _vertical(left: float, text: str) -> str:
    return (
        f'<line class="grid" x1="{left:.1f}" x2="{left:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>'
        f'<text x="{left:.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">{text}</text>'
    )


def _horizontal(top: float, text: str) -> str:
    return (
        f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{top:.1f}" y2="{top:.1f}"/>'
        f'<text x="{_LEFT - 6}" y="{top + 4:.1f}" text-anchor="end">{text}</text>'
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axis:
    """Maps values to positions in the drawing."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def of(cls, values: Sequence[float], start: float, end: float) -> "_Axis":
        """Returns an axis with a margin around the values."""
        low, high = min(values), max(values)
        margin = 0.07 * (high - low) or 0.5
        return cls(low=low - margin, high=high + margin, start=start, end=end)

    def at(self, value: float) -> float:
        """Returns the position of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Returns three to eight round values."""
        span = self.high - self.low
        step = next(s for s in _TICK_STEPS if span / s <= 8)
        return [i * step for i in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]


_TICK_STEPS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
