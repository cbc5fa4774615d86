"""What survives every cost model: ratios of designs, preferred ADC types, and Kendall's tau between models.

Designs are `design.json` files; the yardstick is the homogeneous VGG16 with SAR ADCs of 6 bits, 8 columns an ADC and
8-bit inputs. "Best sharing" takes, for each type and precision, the column sharing of least EDAP for two convolutions
of VGG16 (64 to 64 channels on 32 x 32, 256 to 256 on 8 x 8).

Usage: python benchmarks/cost_models.py [DESIGN.json]...
"""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.stats import kendalltau

from hw_models import (
    AdcType,
    CrossbarSpec,
    HardwareModelError,
    HardwareReport,
    LayerShapes,
    Peripherals,
    evaluate,
    load_device,
    load_model,
    load_technology,
    model_names,
)
from scripts.networks import VGG16_SIZES

STUDIED = [
    Path(__file__).resolve().parents[1] / "studies" / "cifar10" / "designs" / f"{name}.json"
    for name in ("4013684d", "d27adb7d")
]
CHANNELS = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
SHARING = np.array([2, 4, 8, 16, 32])
PRECISIONS = range(3, 9)
N_RANDOM = 1000
CLASSES = 10


def costs(shapes: LayerShapes, peripherals: Peripherals, model: str, device: str) -> HardwareReport:
    """The report of designs on the paper's crossbars."""
    return evaluate(
        shapes,
        peripherals,
        crossbar=CrossbarSpec(),
        device=load_device(device),
        technology=load_technology("cmos-32nm-lstp"),
        model=load_model(model),
    )


def network(channels: npt.ArrayLike) -> LayerShapes:
    """VGG16 with output channels (13,) or (designs, 13)."""
    outputs = np.atleast_2d(np.asarray(channels))
    ones = np.ones((len(outputs), 1), dtype=np.int64)
    return LayerShapes(
        output_size=np.array([*VGG16_SIZES, 1]),
        in_channels=np.concatenate([3 * ones, outputs], axis=1),
        kernel_size=np.array([3] * 13 + [1]),
        out_channels=np.concatenate([outputs, CLASSES * ones], axis=1),
    )


def homogeneous(kind: AdcType, precision: int, sharing: int, bits: int) -> Peripherals:
    """The same peripherals in every layer."""
    return Peripherals(column_sharing=sharing, adc_type=kind.code, adc_precision=precision, input_precision=bits)


def from_file(path: Path) -> tuple[LayerShapes, Peripherals]:
    """A design's arrays."""
    layers = json.loads(path.read_text(encoding="utf-8"))["layers"]
    peripherals = Peripherals(
        column_sharing=[layer["column_sharing"] for layer in layers],
        adc_type=[AdcType(layer["adc_type"]).code for layer in layers],
        adc_precision=[layer["adc_precision"] for layer in layers],
        input_precision=[layer["input_precision"] for layer in layers],
    )
    return network([layer["channel_depth"] for layer in layers[:-1]]), peripherals


def designs(paths: list[Path]) -> dict[str, tuple[LayerShapes, Peripherals]]:
    """Designs by name: files, and homogeneous ones at full width and at half of it, at least 64 channels."""
    half = [max(64, channels // 2) for channels in CHANNELS]
    return {path.stem: from_file(path) for path in paths} | {
        "half width, Flash 4, IP 4, CS 8": (network(half), homogeneous(AdcType.FLASH, 4, 8, 4)),
        "half width, SAR 4, IP 4, CS 8": (network(half), homogeneous(AdcType.SAR, 4, 8, 4)),
        "full width, SAR 6, IP 4, CS 8": (network(CHANNELS), homogeneous(AdcType.SAR, 6, 8, 4)),
    }


def preference(model: str, device: str) -> list[tuple[int, float]]:
    """EDAP of SAR over that of Flash at each precision, each type at its best sharing; above 1 Flash is preferred."""
    shapes = LayerShapes(output_size=[32, 8], in_channels=[64, 256], kernel_size=3, out_channels=[64, 256])
    found = []
    for precision in PRECISIONS:
        best = {
            kind: float(
                costs(
                    shapes,
                    Peripherals(
                        column_sharing=SHARING[:, np.newaxis],
                        adc_type=kind.code,
                        adc_precision=precision,
                        input_precision=8,
                    ),
                    model,
                    device,
                ).edap.min()
            )
            for kind in AdcType
        }
        found.append((precision, best[AdcType.SAR] / best[AdcType.FLASH]))
    return found


def random_edap(model: str, device: str) -> npt.NDArray[np.float64]:
    """EDAP of random designs of the paper's space, the same ones for every model."""
    generator = np.random.default_rng(0)
    shape = (N_RANDOM, 14)
    peripherals = Peripherals(
        column_sharing=generator.choice(SHARING, shape),
        adc_type=generator.integers(0, 2, shape),
        adc_precision=generator.integers(3, 9, shape),
        input_precision=generator.integers(1, 9, shape),
    )
    return np.asarray(
        costs(network(generator.choice([64, 128, 256, 512], (N_RANDOM, 13))), peripherals, model, device).edap
    )


def main() -> None:
    """Print ratios, preferences and tau."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("designs", type=Path, nargs="*", default=STUDIED, help="Design files; the study's two if none.")
    parser.add_argument("--device", default="rram-6k", help="Name of a device, or the path of its file.")
    arguments = parser.parse_args()
    warnings.simplefilter("error")
    try:
        load_device(arguments.device)
        chosen = designs(list(arguments.designs))
    except (OSError, KeyError, ValueError, HardwareModelError) as error:
        parser.error(f"{error}")
    names = model_names()
    baseline = (network(CHANNELS), homogeneous(AdcType.SAR, 6, 8, 8))
    print(f"EDAP below the homogeneous VGG16 with SAR 6 bits, CS 8, IP 8 ({arguments.device})")
    print(f"{'':34s}" + "".join(f"{name:>15s}" for name in names))
    for label, arrays in chosen.items():
        ratios = [
            float(costs(*baseline, name, arguments.device).edap[0] / costs(*arrays, name, arguments.device).edap[0])
            for name in names
        ]
        print(f"{label:34s}" + "".join(f"{ratio:13.1f} x" for ratio in ratios))
    print("preferred ADC type, each at its best sharing")
    table = {name: preference(name, arguments.device) for name in names}
    for i, precision in enumerate(PRECISIONS):
        cells = [table[name][i][1] for name in names]
        words = [f"Flash {r:.1f} x" if r > 1 else f"SAR {1 / r:.1f} x" for r in cells]
        print(f"{precision} bits{'':28s}" + "".join(f"{word:>15s}" for word in words))
    edap = {name: random_edap(name, arguments.device) for name in names}
    print(f"Kendall's tau of EDAP over {N_RANDOM} random designs")
    for name in names:
        taus = [float(kendalltau(edap[name], edap[other]).statistic) for other in names]
        print(f"{name:34s}" + "".join(f"{tau:15.2f}" for tau in taus))


if __name__ == "__main__":
    main()
