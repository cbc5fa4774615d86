"""Writes the technology files of nodes with the constants that `node_fits` finds; `fit_hardware.py --nodes` calls it.

The 32-nm file is the pattern: its tables, keys and units. At 32 nm itself only what is fitted to upstream's rows is
replaced, as everything else there is fitted to the rows of XPertSim.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from node_fits import WIRES, node_constants
from node_rows import Value
from reference import Rows, select, upstream_folds

from hw_models import load_technology
from hw_models.coverage import NODES_NM

FOLDER = Path(__file__).resolve().parents[1] / "hw_models" / "technologies"
_LINE = re.compile(r"(?P<key>\w+) = \{ value = (?P<value>.+?), unit = (?P<unit>.+), source = \"(?P<source>\w+)\" \}")
_UPSTREAM = (
    "DNN+NeuroSim V1.3 (X. Peng, S. Huang, Y. Luo, X. Sun, S. Yu, IEDM 2019; commit 388f421), LSTP devices, "
    "at {node} nm"
)
_SOURCES = {
    "upstream": "Fitted to results of {upstream} by scripts/fit_hardware.py",
    "devices": "Device and wire table published with {upstream}",
    "wires": "Resistivity over width and aspect ratio of the wires: {resistivity}e-8 ohm m, {width_nm} nm, {aspect}, "
    "the table published with {upstream}",
    "pattern": "As in cmos-32nm-lstp, whose rows alone determine it (XPertSim; Moitra et al., DAC 2023, "
    "arXiv 2303.17646)",
    "published": "Layout calibration and periphery settings published with DNN+NeuroSim V1.3 (Lu, Peng, Li, Hung, "
    "Chang, Yu, Frontiers in Artificial Intelligence 4:659060, 2021)",
}


def write_nodes(rows: Rows, leakage: Callable[[Rows], Iterable[tuple[str, Value]]], *, write: bool) -> None:
    """Fit every node, say what changes in its file, and write it if asked.

    Args:
        rows: all of upstream's rows.
        leakage: fits the constants of whole tiles' leakage.
        write: whether to write the files.
    """
    pattern = (FOLDER / "cmos-32nm-lstp.toml").read_text(encoding="utf-8")
    base = load_technology("cmos-32nm-lstp")
    fitted, _ = upstream_folds(rows)
    for node_nm in NODES_NM:
        training = select(rows, fitted & (rows["node_nm"] == node_nm))
        capped = select(rows, (rows["sense_capped"] == 1) & (rows["node_nm"] == node_nm))
        found = node_constants(training, capped, node_nm, base) | dict(leakage(training))
        path = FOLDER / f"cmos-{node_nm}nm-lstp.toml"
        text = _text(pattern, found, node_nm)
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        n_changed = len(set(text.splitlines()) - set(old.splitlines()))
        print(f"{path.name}: {len(found)} constants fitted, {n_changed} lines differ from the file in use")
        if write:
            path.write_text(text, encoding="utf-8")


def _text(pattern: str, found: dict[str, Value], node_nm: int) -> str:
    """A technology file after the pattern of the 32-nm one."""
    lines, section = [], ""
    body = pattern[pattern.index("[node]") :]
    for line in body.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        match = _LINE.fullmatch(line)
        lines.append(_entry(match, section, found, node_nm) if match else line)
    head = pattern[: pattern.index("[node]")] if node_nm == 32 else _head(pattern, node_nm)
    return head + "\n".join(lines) + "\n"


def _head(pattern: str, node_nm: int) -> str:
    """Name, description and sources of another node."""
    width_nm, resistivity, aspect = WIRES[node_nm]
    upstream = _UPSTREAM.format(node=node_nm)
    finfet = " (FinFET)" if node_nm <= 14 else ""
    lines = [
        f'name = "cmos-{node_nm}nm-lstp"',
        f'description = "{node_nm} nm low-standby-power CMOS{finfet} at 300 K, by the devices of DNN+NeuroSim V1.3"',
        "",
        "[sources]",
    ]
    for key, citation in _SOURCES.items():
        text = citation.format(upstream=upstream, resistivity=resistivity, width_nm=width_nm, aspect=aspect)
        lines.append(f'{key} = "{text}"')
    lines += [line for line in pattern.splitlines() if line.startswith(("harpe = ", "murmann = "))]
    return "\n".join(lines) + "\n\n"


def _entry(match: re.Match[str], section: str, found: dict[str, Value], node_nm: int) -> str:
    """One constant of the file."""
    key, value, unit, source = match["key"], match["value"], match["unit"], match["source"]
    name = f"{section}.{key}"
    if node_nm == 32 and source not in {"upstream", "wires"}:
        return match[0]
    if name in found:
        value = _number(found[name])
        source = {"column.wire_ohm": "wires", "node.feature_nm": "devices", "node.vdd_v": "devices"}.get(
            name, "upstream"
        )
        source = "upstream" if node_nm == 32 and source == "devices" else source
    elif node_nm != 32 and source not in {"published", "harpe", "murmann"}:
        source = "pattern"
    return f'{key} = {{ value = {value}, unit = {unit}, source = "{source}" }}'


def _number(value: Value) -> str:
    """A number, or a list of them, with six digits."""
    if isinstance(value, list):
        return "[" + ", ".join(f"{float(item):.6g}" for item in value) + "]"
    return f"{float(value):.6g}"
