"""Imports ONNX models that nobody here wrote, and compares each with ONNX Runtime and with its exact emulation.

Without arguments: the light models that the package onnx brings for its own tests. Their weights are constants, with
which every class gets the same score, so they get random ones instead (seed 0), and a softmax at their end is left out.
Give files of models with trained weights, such as those in packages for text recognition, as FILE or
FILE=CHANNELS,HEIGHT,WIDTH. Prints a table in Markdown.

    python benchmarks/imported_networks.py
    python benchmarks/imported_networks.py classifier.onnx=3,48,192 --emulate
"""

import argparse
import math
import tempfile
from pathlib import Path

import numpy as np
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
COLUMNS = ("model", "layers", "digital operations", "in two passes", "error in floats", "area", "latency", "energy")
EMULATED = ("error quantised", "error emulated")


def compared(path: Path, shape: tuple[int, ...] | None, *, randomise: bool, emulate: bool) -> str:
    """A row about a model: operators, agreement, cost, and what the crossbars make of it."""
    with tempfile.TemporaryDirectory() as folder:
        model = onnx.load(path)
        changed = Path(folder) / "model.onnx"
        onnx.save(randomised(model) if randomise else model, changed)
        try:
            imported = backbone_from_source(str(changed), input_shape=shape, name="net")
        except XpertEvoError as failure:
            return f"| {path.name} | refused: {str(failure).replace(str(changed), path.name)} |"
        images = torch.rand(1, *imported.network.graph.input_shape, generator=torch.Generator().manual_seed(0))
        wanted = scores(changed, images)
    network = on_crossbars(imported)
    with torch.no_grad():
        found = network(images, CrossbarLayer.float_product)
    if any("softmax" in note for note in imported.notes) and not randomise:
        found = found.view(wanted.shape).softmax(1 if wanted.ndim == 2 or wanted.shape[-1] == 1 else -1)
    error = float((found.flatten() - wanted.flatten()).abs().max() / wanted.abs().max())
    cells = [path.name, *figures(imported), f"{error:.1e}", *cost(imported)]
    return f"| {' | '.join(cells + emulated(network, images) * emulate)} |"


def randomised(model: onnx.ModelProto) -> onnx.ModelProto:
    """Replaces constants of floats by random numbers, as in a network before training, and removes a last softmax."""
    generator, graph = np.random.default_rng(0), model.graph
    shapes = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in [node for node in graph.node if node.op_type == "ConstantOfShape"]:
        shape = tuple(shapes[node.input[0]])
        if len(shape) > 1:
            values = generator.normal(size=shape) * math.sqrt(2 / math.prod(shape[1:]))
        else:
            values = generator.uniform(0.5, 1.5, size=shape)
        graph.initializer.append(onnx.numpy_helper.from_array(values.astype(np.float32), node.output[0]))
        graph.node.remove(node)
    if graph.node[-1].op_type == "Softmax":
        graph.output[0].name = graph.node[-1].input[0]
        graph.node.pop()
    return model


def scores(path: Path, images: torch.Tensor) -> torch.Tensor:
    """Class scores according to ONNX Runtime."""
    session = onnxruntime.InferenceSession(path)
    return torch.from_numpy(session.run(None, {session.get_inputs()[0].name: images.numpy()})[0])


def figures(imported: ImportedBackbone) -> list[str]:
    """Layers on crossbars, digital operations, and layers whose inputs have both signs."""
    graph = imported.network.graph
    return [str(n) for n in (len(graph.layers), len(graph.nodes) - len(graph.layers), sum(graph.signed))]


def cost(imported: ImportedBackbone) -> list[str]:
    """Cost of the homogeneous baseline with default settings."""
    space = SearchSpace(imported.backbone)
    costs = Hardware.of(RunConfig()).table(space).score(space.baseline())
    return [f"{costs.area_mm2[0]:.3g} mm2", f"{costs.latency_us[0]:.4g} us", f"{costs.energy_uj[0]:.4g} uJ"]


def on_crossbars(imported: ImportedBackbone) -> CrossbarNetwork:
    """The network with its weights and 8-bit converters."""
    size = imported.network.graph.input_shape[1:]
    network = build_network(imported.design, imported.backbone, crossbar=CrossbarSpec(), image_size=tuple(size))
    network.load_state_dict(imported.network.tensors, strict=False)
    return network.eval()


@torch.no_grad()
def emulated(network: CrossbarNetwork, images: torch.Tensor) -> list[str]:
    """Relative error of quantisers and of the exact emulation with 8-bit ADCs on the same images."""
    set_input_ranges(network, images)
    whole = network(images, CrossbarLayer.float_product)
    quantised, exact = network(images, CrossbarLayer.product), network(images, Emulator())
    return [f"{float((scores - whole).norm() / whole.norm()):.1e}" for scores in (quantised, exact)]


def main() -> None:
    """Prints a row for each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*")
    parser.add_argument("--emulate", action="store_true", help="also emulate the crossbars exactly")
    options = parser.parse_args()
    columns = COLUMNS + EMULATED * options.emulate
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}", flush=True)
    for model in options.models or [str(path) for path in sorted(LIGHT.glob("*.onnx"))]:
        path, _, shape = model.partition("=")
        sizes = tuple(int(n) for n in shape.split(",")) if shape else None
        print(compared(Path(path), sizes, randomise=not options.models, emulate=options.emulate), flush=True)


if __name__ == "__main__":
    main()
