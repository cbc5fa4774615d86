"""How fast the hardware model scores VGG16 designs, beside the paper's own fitted formulas in the same run.

One core, VGG16 with 14 layers in the paper's space, area, latency, energy and EDAP. The yardstick stands for formulas
of a dozen operations a layer from tiles, column sharing and ADC type to area and latency, vectorised in the same way;
its coefficients do not matter for its speed.

Then the same for every cost model, and for all of them together.

Usage: OMP_NUM_THREADS=1 python benchmarks/hardware_speed.py
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from hw_models import (
    AdcType,
    CostTable,
    CrossbarSpec,
    HardwareReport,
    LayerChoices,
    LayerShapes,
    Peripherals,
    evaluate,
    load_device,
    load_model,
    load_technology,
    model_names,
)
from scripts.networks import VGG16_SIZES

CHANNELS = (64, 128, 256, 512)
SHARING = (2, 4, 8, 16, 32)
PRECISIONS = (3, 4, 5, 6, 7, 8)
BITS = (1, 2, 3, 4, 5, 6, 7, 8)
CLASSES = 10
POPULATION = 10_000
SETTING = {
    "crossbar": CrossbarSpec(),
    "device": load_device("rram-6k"),
    "technology": load_technology("cmos-32nm-lstp"),
}


def layers() -> list[LayerChoices]:
    """The paper's space: five genes a convolution and four for the classifier."""
    found = []
    for i, size in enumerate((*VGG16_SIZES, 1)):
        linear = i == len(VGG16_SIZES)
        first = 5 * i - (1 if linear else 0)
        found.append(
            LayerChoices(
                name="classifier" if linear else f"conv{i + 1}",
                output_size=size,
                kernel_size=1 if linear else 3,
                in_channels=(3,) if i == 0 else CHANNELS,
                in_channels_column=None if i == 0 else 5 * (i - 1),
                out_channels=(CLASSES,) if linear else CHANNELS,
                out_channels_column=None if linear else first,
                column_sharing=SHARING,
                column_sharing_column=first + 1,
                adc_type=tuple(AdcType),
                adc_type_column=first + 2,
                adc_precision=PRECISIONS,
                adc_precision_column=first + 3,
                input_precision=BITS,
                input_precision_column=first + 4,
            )
        )
    return found


def decoded(genomes: npt.NDArray[np.int64]) -> tuple[LayerShapes, Peripherals]:
    """The same designs as arrays (designs, layers)."""
    n_convolutions = len(VGG16_SIZES)
    first = np.array([*range(0, 5 * n_convolutions, 5), 5 * n_convolutions - 1])
    channels = np.array(CHANNELS)[genomes[:, first[:-1]]]
    ends = np.ones((len(genomes), 1), dtype=np.int64)
    shapes = LayerShapes(
        output_size=np.array([*VGG16_SIZES, 1]),
        in_channels=np.concatenate([3 * ends, channels], axis=1),
        kernel_size=np.array([*([3] * n_convolutions), 1]),
        out_channels=np.concatenate([channels, CLASSES * ends], axis=1),
    )
    peripherals = Peripherals(
        column_sharing=np.array(SHARING)[genomes[:, first + 1]],
        adc_type=genomes[:, first + 2],
        adc_precision=np.array(PRECISIONS)[genomes[:, first + 3]],
        input_precision=np.array(BITS)[genomes[:, first + 4]],
    )
    return shapes, peripherals


def yardstick(genomes: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Formulas of a dozen operations a layer, for area and latency only."""
    n_convolutions = len(VGG16_SIZES)
    first = 5 * np.arange(n_convolutions)
    channels = np.array(CHANNELS)[genomes[:, first]]
    incoming = np.concatenate([np.full((len(genomes), 1), 3), channels[:, :-1]], axis=1)
    sharing = np.array(SHARING)[genomes[:, first + 1]].astype(np.float64)
    flash = genomes[:, first + 2]
    tiles = np.ceil(incoming * 9 / 512) * np.ceil(channels * 2 / 512)
    area = tiles * np.where(flash == 1, 0.3 + 4.1 / sharing, 0.4 + 1.1 / sharing)
    cycles = np.array(VGG16_SIZES) ** 2 * (2.0 * sharing + 40.0)
    latency = cycles * np.where(flash == 1, 2.4e-3, 9.1e-3)
    product: npt.NDArray[np.float64] = area.sum(axis=1) * latency.sum(axis=1)
    return product


def best_rate(function: Callable[[], object], n_designs: int, repeats: int = 7) -> float:
    """Designs a second of processor time, the best of several runs; other work on the machine does not count."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return n_designs / min(times)


def main() -> None:
    """Print all rates, their agreement and the memory."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    start = time.process_time()
    table = CostTable.build(layers(), **SETTING)  # type of the values is known to mypy through the literal
    build_s = time.process_time() - start
    generator = np.random.default_rng(0)
    genomes = np.stack([generator.integers(0, n, POPULATION) for n in table.n_choices], axis=1)
    shapes, peripherals = decoded(genomes)
    by_table = best_rate(lambda: table.score(genomes).edap, POPULATION)
    without = best_rate(lambda: full_model(genomes).edap, POPULATION, repeats=3)
    formulas = best_rate(lambda: yardstick(genomes), POPULATION)
    report, costs = evaluate(shapes, peripherals, **SETTING), table.score(genomes)
    pairs = (
        (report.area_mm2, costs.area_mm2),
        (report.latency_us, costs.latency_us),
        (report.energy_uj, costs.energy_uj),
    )
    gap = max(float(np.max(np.abs(a / b - 1))) for a, b in pairs)
    start = time.process_time()
    bounds = table.bounds()
    bounds_s = time.process_time() - start
    print(f"table of {sum(1 for _ in table.layers)} layers built in {build_s:.3f} s (target 2)")
    print(f"table:     {by_table / 1e6:6.2f} million designs/s at populations of {POPULATION} (target 2)")
    print(f"evaluate:  {without / 1e6:6.3f} million designs/s without the table (target 0.1)")
    print(f"yardstick: {formulas / 1e6:6.2f} million designs/s for area and latency by fitted formulas")
    print(f"table / yardstick: {by_table / formulas:.1f}")
    print(f"largest relative difference of table and evaluate: {gap:.1e} (target 1e-9)")
    print(
        f"area from {bounds.smallest_mm2:.2f} to {bounds.largest_mm2:.0f} mm2, exact, found in {1e3 * bounds_s:.0f} ms"
    )
    print_models(genomes)
    for n_designs in (10_000, 100_000, 400_000):
        population = np.tile(genomes.astype(np.int8), (n_designs // POPULATION, 1))
        tracemalloc.start()
        table.score(population)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        print(f"memory at {n_designs:7d} designs: {(peak - 24 * n_designs) / 2**20:.1f} MiB beside the result")


def print_models(genomes: npt.NDArray[np.int64]) -> None:
    """Rates of every cost model, and of all of them one after another."""
    tables = {name: CostTable.build(layers(), **SETTING, model=load_model(name)) for name in model_names()}
    for name, table in tables.items():
        rate = best_rate(lambda table=table: table.score(genomes).edap, POPULATION)
        print(f"{name:12s} {rate / 1e6:6.2f} million designs/s (target 2)")
    together = best_rate(lambda: [table.score(genomes).edap for table in tables.values()], POPULATION)
    print(f"all {len(tables)} models: {together / 1e6:5.2f} million designs/s (target 0.5 for five)")


def full_model(genomes: npt.NDArray[np.int64]) -> HardwareReport:
    """Decode and evaluate without the table."""
    return evaluate(*decoded(genomes), **SETTING)


if __name__ == "__main__":
    main()
