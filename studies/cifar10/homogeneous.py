"""Writes homogeneous opponents: of all designs with one setting of the peripherals the one of lowest EDAP.

    python studies/cifar10/homogeneous.py --settings studies/cifar10/settings/joint.toml --out runs/opponents \
        0.5:4:4 0.5:5:4 0.5:5:5 0.25:4:4

Each opponent is named by the factor of VGG16's channel depths (never below the space's least), the ADC precision and
the input precision; column sharing and ADC type are those of lowest EDAP within the area limit (`--beyond-limits`: of
lowest EDAP whatever the area).
"""

import argparse
from pathlib import Path

import numpy as np

from xpert_evo.config import load_config
from xpert_evo.files import write_text
from xpert_evo.genes import GeneKind
from xpert_evo.orchestration.task import build_task
from xpert_evo.search.seeding import homogeneous_designs


def main() -> None:
    """Writes a design file for each and says what it costs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("opponents", nargs="+", metavar="FACTOR:AP:IP")
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="a folder")
    parser.add_argument("--beyond-limits", action="store_true", help="the area may be any")
    options = parser.parse_args()
    task = build_task(load_config(options.settings), n_classes=10, image_channels=3)
    baseline = float(task.costs(task.baseline)["edap"][0])
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.opponents:
        factor, adc_precision, input_precision = name.split(":")
        genomes = homogeneous_designs(task.space, (float(factor),))
        wanted = (task.space.values(genomes, GeneKind.ADC_PRECISION)[:, 0] == int(adc_precision)) & (
            task.space.values(genomes, GeneKind.INPUT_PRECISION)[:, 0] == int(input_precision)
        )
        genomes = genomes[wanted & (options.beyond_limits | task.feasible(genomes))]
        if not len(genomes):
            raise SystemExit(f"{name}: no such design keeps the limits; the space's precisions are the choices.")
        edap = task.costs(genomes)["edap"]
        design = task.space.decode(genomes[[int(np.argmin(edap))]])[0]
        path = options.out / f"homogeneous-{name.replace(':', '-')}.json"
        write_text(path, design.to_json() + "\n")
        layer = design.layers[1]
        peripherals = f"{layer.adc_type.value}, {layer.column_sharing} columns an ADC"
        print(f"{path}: {peripherals}, EDAP {baseline / edap.min():.0f} x lower than the baseline's")


if __name__ == "__main__":
    main()
