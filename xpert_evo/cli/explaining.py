"""Text of `evaluate --explain`: costs traced to constants, with values beside formulas and each source named once."""

import re
from collections.abc import Iterator, Sequence

from hw_models import CrossbarSpec, TraceNode
from hw_models.model import REFERENCE_ACTIVITY
from xpert_evo.design import Design


def explained(trees: Sequence[TraceNode], design: Design, layer: int, crossbar: CrossbarSpec) -> list[str]:
    """Area, latency and energy of one layer, traced to constants; numbered notes at the end name the sources.

    Args:
        trees: Result of `hw_models.explain`.
        design: The design that contains the layer.
        layer: Index of the layer, from 0.
        crossbar: Crossbars of the chip.
    """
    genes = design.layers[layer]
    crossbar = genes.crossbar(crossbar)
    symbols = {
        "CS": f"{genes.column_sharing}",
        "AP": f"{genes.adc_precision}",
        "IP": f"{genes.input_precision}",
        "k": f"{crossbar.columns_per_weight}",
        "activity": f"{REFERENCE_ACTIVITY:g}",
    }
    unused = "flash." if genes.adc_type == "sar" else "sar."
    sources: dict[str, int] = {}
    body = [line for tree in trees for line in _lines(tree, 0, symbols, unused, sources)]
    return [
        f"design {design.digest[:8]}, {genes.name}: {genes.adc_type} ADC, {crossbar.rows} rows and {crossbar.columns} "
        f"columns per crossbar; {', '.join(f'{name} {value}' for name, value in symbols.items())}",
        "CS columns share an ADC of AP bits; IP is the number of input bits; a weight takes k columns; activity is the "
        "fraction of input bits that are 1. Numbers in brackets refer to the sources at the end.",
        *body,
        "sources:",
        *(f"[{number}] {source}" for source, number in sources.items()),
    ]


def _lines(node: TraceNode, depth: int, symbols: dict[str, str], unused: str, sources: dict[str, int]) -> Iterator[str]:
    indent = "  " * depth
    yield f"{indent}{node.name}: {node.value:.6g} {node.unit} = {node.formula}"
    inside = [f"{name} {symbols[name]}" for name in symbols if re.search(rf"(?<!\w){name}(?!\w)", node.formula)]
    for constant in node.constants:
        if not constant.name.startswith(unused):
            number = sources.setdefault(constant.source, len(sources) + 1)
            inside.append(f"{constant.name} {constant.value_text}{_unit(constant.unit)} [{number}]")
    if node.constants:
        yield f"{indent}    with {', '.join(inside)}"
    for part in node.parts:
        yield from _lines(part, depth + 1, symbols, unused, sources)


def _unit(unit: str) -> str:
    return "" if unit == "1" else f" {unit}"
