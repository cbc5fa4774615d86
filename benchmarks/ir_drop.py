"""The emulation's form of a crossbar's wires against nodal solutions, on layers of a trained network; and its time.

1. Error: the partial sums of crossbars of the first, a middle and the last layer of a trained network, for input bits
   of training images, by `accuracy/crossbars/wires.py` and by `accuracy/crossbars/nodal.py`; two devices, 2 and 8
   columns an ADC. "kept" is the share of the ideal sums that is left, "error" the root mean square of the difference
   after a common gain, in steps of an ADC of the layer's precision, whose range is that of the nodal sums; the worst
   slice counts. Target: at most 0.1 steps.
2. Time: the whole network by the exact emulation on ideal devices, with variation, and with variation and wires, in
   alternating rounds; the least time counts. Target: at most 1.6 times ideal devices.

Usage: python benchmarks/ir_drop.py --data-dir FOLDER [--weights FILE.safetensors]
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from hw_models import load_device, load_technology
from xpert_evo.accuracy.crossbars.arrays import Cells, partial_sums, program
from xpert_evo.accuracy.crossbars.cell_draws import draw_cells
from xpert_evo.accuracy.crossbars.emulation import Emulator
from xpert_evo.accuracy.crossbars.fidelity import layer_inputs
from xpert_evo.accuracy.crossbars.network import CrossbarLayer, CrossbarNetwork
from xpert_evo.accuracy.crossbars.nodal import Crossbar, FloatArray, column_currents
from xpert_evo.accuracy.crossbars.nonidealities import NonIdealities, disturbed, nonidealities_of
from xpert_evo.accuracy.crossbars.quantisers import weight_codes
from xpert_evo.accuracy.crossbars.row_wires import read_cycles
from xpert_evo.accuracy.crossbars.snr import PERCENTILE
from xpert_evo.accuracy.crossbars.windows import input_windows
from xpert_evo.accuracy.datasets.catalogue import load_dataset
from xpert_evo.accuracy.training.images import prepared
from xpert_evo.accuracy.training.weights import load_network

WEIGHTS = Path(__file__).parents[1] / "studies/cifar10/results/weights/d27adb7d.safetensors"
DEVICES, SHARINGS = ("rram-6k", "rram-100k"), (2, 8)
N_PIXELS, N_ROUNDS, N_CALIBRATION = 24, 3, 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Partial sums of some columns of one slice (columns, vectors) in half levels."""

    nodal: FloatArray
    fast: FloatArray
    ideal: FloatArray

    def error_steps(self, adc_precision: int) -> float:
        """Root mean square of what a common gain leaves between the fast and the nodal sums [ADC steps]."""
        gain = (self.fast * self.nodal).sum() / (self.fast**2).sum()
        low, high = np.percentile(self.nodal, [100 - PERCENTILE, PERCENTILE])
        step = (high - low) / (2**adc_precision - 1)
        return float(np.sqrt(np.mean((self.nodal - gain * self.fast) ** 2)) / step)

    @property
    def kept_ratio(self) -> float:
        """Nodal sums over ideal ones, by least squares."""
        return float((self.nodal * self.ideal).sum() / (self.ideal**2).sum())


def compare(layer: CrossbarLayer, inputs: torch.Tensor, column_sharing: int, settings: NonIdealities) -> list[Sums]:
    """Sums of each slice, in the first and the last cycle, of the first crossbar of an array in a layer's middle."""
    g = layer.geometry
    crossbar = g.crossbar
    number = len(g.array_rows) // 2
    start = sum(g.array_rows[:number])
    rows = slice(start, start + g.array_rows[number])
    codes = weight_codes(layer.weight.detach(), crossbar)[0].flatten(1)
    codes = codes[: crossbar.columns // crossbar.columns_per_weight, rows]
    windows = input_windows(layer, inputs)[rows]
    order = torch.randperm(windows.shape[1], generator=torch.Generator().manual_seed(0))
    bits = range(g.input_precision)
    planes = torch.cat([windows[:, order[:N_PIXELS]] >> bit & 1 for bit in bits], 1)
    ideal = program(codes, (codes.shape[1],), crossbar)
    cells, _ = disturbed(
        codes,
        ideal,
        crossbar,
        column_sharing=column_sharing,
        nonidealities=settings,
        generator=torch.Generator().manual_seed(0),
        adc_precision=g.adc_precision,
    )
    fast, perfect = _sums(planes, cells), _sums(planes, ideal)
    drawn = draw_cells(codes, crossbar, settings, torch.Generator().manual_seed(0))
    assert drawn.references is not None
    columns = torch.stack(drawn.places, 1).flatten(0, 1)
    conductances = torch.zeros(crossbar.columns + drawn.references.shape[1], codes.shape[1])
    conductances[: len(columns)], conductances[crossbar.columns :] = columns, drawn.references[0]
    half_levels = 2 * (2**crossbar.cell_bits - 1) / (1 - settings.least_conductance)
    cycles = read_cycles(crossbar, column_sharing)
    found: list[list[tuple[FloatArray, ...]]] = [[] for _ in drawn.places]
    for positions in {cycles[0], cycles[-1]}:
        network = Crossbar(
            conductances=conductances.T.double().numpy(),
            wires=settings.relative_wires,
            selected=np.isin(np.arange(len(conductances)), positions),
        )
        currents = column_currents(network, planes.T.double().numpy()).T * half_levels
        reference = currents[crossbar.columns :].mean(0)
        for position in positions:
            weight, part = divmod(position, len(drawn.places))
            if position < len(columns):
                found[part].append((currents[position] - reference, fast[part][weight], perfect[part][weight]))
    return [Sums(nodal=n, fast=f, ideal=i) for n, f, i in (map(np.stack, zip(*s, strict=True)) for s in found if s)]


def _sums(planes: torch.Tensor, cells: Cells) -> list[FloatArray]:
    """Partial sums of each slice of one array (columns, pixels)."""
    found = {s.slice_index: s.scaled.double().numpy() / s.scale for s in partial_sums(planes, cells, 1)}
    return [found[number] for number in range(len(cells.digits))]


def errors(network: CrossbarNetwork, inputs: list[torch.Tensor], layers: Sequence[int]) -> None:
    """Prints a line for each case."""
    technology = load_technology("cmos-32nm-lstp")
    print(f"{'device':10} {'layer':>5} {'ADC bits':>8} {'sharing':>8} {'kept':>6} {'error, steps':>13}   target 0.1")
    for name in DEVICES:
        settings = nonidealities_of(load_device(name), technology)
        for number in layers:
            layer = network.crossbar_layers[number]
            for column_sharing in SHARINGS:
                sums = compare(layer, inputs[number], column_sharing, settings)
                bits = layer.geometry.adc_precision
                error = max(s.error_steps(bits) for s in sums)
                kept = min(s.kept_ratio for s in sums)
                print(f"{name:10} {number + 1:5} {bits:8} {column_sharing:8} {kept:6.2f} {error:13.3f}", flush=True)


def times(network: CrossbarNetwork, images: torch.Tensor) -> None:
    """Prints the processor seconds of each kind of devices, and their ratio to ideal ones."""
    wired = nonidealities_of(load_device("rram-6k"), load_technology("cmos-32nm-lstp"))
    kinds: dict[str, NonIdealities | None] = {
        "ideal": None,
        "5 % variation": NonIdealities(variation_ratio=0.05),
        "rram-6k, wires": wired,
        "rram-6k, wires, 5 % variation": wired.model_copy(update={"variation_ratio": 0.05}),
    }
    products = {name: Emulator(nonidealities=settings) for name, settings in kinds.items()}
    least = dict.fromkeys(kinds, float("inf"))
    with torch.no_grad():
        for product in products.values():
            network(images[:N_CALIBRATION], product)
        for _ in range(N_ROUNDS):
            for name, product in products.items():
                start = time.process_time()
                network(images, product)
                least[name] = min(least[name], time.process_time() - start)
    print(f"\n{len(images)} images by the exact emulation, {torch.get_num_threads()} thread(s)   target 1.6")
    for name, seconds in least.items():
        print(f"{name:30} {seconds:7.2f} s  {seconds / least['ideal']:.2f} x")


def main() -> None:
    """Prints errors and times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True, help="Folder that holds CIFAR-10.")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="Trained network.")
    parser.add_argument("--images", type=int, default=48, help="Images to take the time of.")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    trained = load_network(arguments.weights)
    network = trained.network.eval()
    dataset = load_dataset("cifar10", arguments.data_dir)
    images = prepared(dataset.train, trained.protocol, torch.device("cpu"), max(N_CALIBRATION, arguments.images)).images
    last = len(network.crossbar_layers) - 1
    with torch.no_grad():
        errors(network, layer_inputs(network, images[:16]), (0, last // 2, last - 1, last))
    times(network, images[: arguments.images])


if __name__ == "__main__":
    main()
