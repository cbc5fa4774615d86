"""Imports ONNX models that nobody here wrote, and compares each with ONNX Runtime and with its exact emulation.

Without arguments: the light models that the package onnx brings for its own tests. Their weights are constants, so
only shapes and operators are tested. Give files of models with trained weights, such as those in packages for text
recognition, as FILE or FILE=CHANNELS,HEIGHT,WIDTH.

    python benchmarks/imported_networks.py
    python benchmarks/imported_networks.py classifier.onnx=3,48,192 --emulate
"""

import argparse
from pathlib import Path

import onnx
import onnxruntime
import torch

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.emulation import Emulator
from xpert_evo.accuracy.crossbars.input_ranges import set_input_ranges
from xpert_evo.accuracy.crossbars.network import CrossbarLayer, CrossbarNetwork, build_network
from xpert_evo.config import RunConfig
from xpert_evo.errors import XpertEvoError
from xpert_evo.hardware import Hardware
from xpert_evo.space import SearchSpace
from xpert_evo.workbench.importing import ImportedBackbone, backbone_from_source

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"


def compared(path: Path, shape: tuple[int, ...] | None, *, emulate: bool) -> str:
    """One line about a model: operators, agreement, cost, and what the crossbars make of it."""
    try:
        imported = backbone_from_source(str(path), input_shape=shape, name="net")
    except XpertEvoError as failure:
        return f"{path.name}: refused: {failure}"
    graph, backbone = imported.network.graph, imported.backbone
    images = torch.rand(1, *graph.input_shape, generator=torch.Generator().manual_seed(0))
    network = on_crossbars(imported)
    with torch.no_grad():
        found = network(images, CrossbarLayer.float_product)
    session = onnxruntime.InferenceSession(str(path))
    wanted = torch.from_numpy(session.run(None, {session.get_inputs()[0].name: images.numpy()})[0])
    if any("softmax" in note for note in imported.notes):
        wanted, found = (values.flatten(1) for values in (wanted, found.view(wanted.shape).softmax(_axis(wanted))))
    error = float((found - wanted.flatten(1)).abs().max() / wanted.abs().max())
    space = SearchSpace(backbone)
    costs = Hardware.of(RunConfig()).table(space).score(space.baseline())
    line = (
        f"{path.name}: {len(graph.layers)} layers, {len(graph.nodes) - len(graph.layers)} digital operations, "
        f"{sum(graph.signed)} in two passes, largest relative error {error:.1e}, baseline {costs.area_mm2[0]:.3g} mm2, "
        f"{costs.latency_us[0]:.4g} us, {costs.energy_uj[0]:.4g} uJ"
    )
    return f"{line}, {emulated(network, images)}" if emulate else line


def _axis(scores: torch.Tensor) -> int:
    return 1 if scores.ndim == 2 or scores.shape[-1] == 1 else -1


def on_crossbars(imported: ImportedBackbone) -> CrossbarNetwork:
    """The network with its weights and 8-bit converters."""
    size = imported.network.graph.input_shape[1:]
    network = build_network(imported.design, imported.backbone, crossbar=CrossbarSpec(), image_size=tuple(size))
    network.load_state_dict(imported.network.tensors, strict=False)
    return network.eval()


@torch.no_grad()
def emulated(network: CrossbarNetwork, images: torch.Tensor) -> str:
    """Relative error of quantisers and of the exact emulation with 8-bit ADCs on the same images."""
    set_input_ranges(network, images)
    whole = network(images, CrossbarLayer.float_product)
    quantised, exact = network(images, CrossbarLayer.product), network(images, Emulator())
    errors = [float((scores - whole).norm() / whole.norm()) for scores in (quantised, exact)]
    return f"relative error of scores {errors[0]:.1e} quantised, {errors[1]:.1e} emulated"


def main() -> None:
    """Prints a line for each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*")
    parser.add_argument("--emulate", action="store_true", help="also emulate the crossbars exactly")
    options = parser.parse_args()
    for model in options.models or [str(path) for path in sorted(LIGHT.glob("*.onnx"))]:
        path, _, shape = model.partition("=")
        sizes = tuple(int(n) for n in shape.split(",")) if shape else None
        print(compared(Path(path), sizes, emulate=options.emulate), flush=True)


if __name__ == "__main__":
    main()
