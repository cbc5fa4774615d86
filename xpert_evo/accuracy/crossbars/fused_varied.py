"""What the fused kernel needs to compute cells and converters that vary."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from xpert_evo.accuracy.crossbars.arrays import Cells
from xpert_evo.accuracy.crossbars.coding import slice_weights
from xpert_evo.accuracy.crossbars.conversion_noise import normal_numbers
from xpert_evo.accuracy.crossbars.converter_draws import Disturbance
from xpert_evo.accuracy.crossbars.converters import AdcRange
from xpert_evo.accuracy.crossbars.fused_loading import no_wires
from xpert_evo.accuracy.crossbars.geometry import LayerGeometry
from xpert_evo.accuracy.crossbars.integer_products import ROUNDER


def digits_of(loops: Any, cells: Cells) -> Any:
    """The cells as the kernel's `Digits`."""
    wires = no_wires() if cells.rounded_drop is None else cells.rounded_drop.for_kernel
    first_rows = np.cumsum([0, *cells.array_rows])
    return loops.Digits(first_rows=first_rows, integers=cells.paired, wires=loops.Wires(**wires))


def codes_of(
    loops: Any,
    cells: Cells,
    ranges: tuple[AdcRange, ...],
    geometry: LayerGeometry,
    disturbance: Disturbance | None,
) -> Any:
    """The converters as the kernel's `Codes`."""
    slices, n_columns = len(cells.digits), len(cells.digits[0])
    n_all = slices * n_columns
    constants = np.zeros(
        (len(cells.array_rows), -(-n_all // loops.COLUMNS) * loops.COLUMNS, loops.CONSTANTS), np.float32
    )

    def of_slices(values: Sequence[float]) -> Any:
        return np.array(values).astype(np.float32).repeat(n_columns)

    own = constants[:, :n_all]
    own[:, :, 0] = of_slices([adc.gain / scale for adc, scale in zip(ranges, cells.scales, strict=True)])
    own[:, :, 2] = of_slices([ROUNDER + adc.lowest for adc in ranges])
    own[:, :, 3] = of_slices([ROUNDER + adc.highest for adc in ranges])
    own[:, :, 5] = of_slices(cells.square_factors)
    own[:, :, 6] = of_slices(cells.scales)
    own[:, :, 7] = of_slices(cells.bend_factors)
    has_noise = disturbance is not None and disturbance.noise_steps > 0
    if disturbance is not None:
        own[:, :, 1] = disturbance.offsets.reshape(len(own), n_all).cpu().numpy()
        own[:, :, 4] = disturbance.noise_steps
        if disturbance.gains is not None:
            own[:, :, 0] *= disturbance.gains.reshape(len(own), n_all).cpu().numpy()
    worths = np.array(slice_weights(geometry.crossbar), dtype=np.float32)
    steps = np.array([adc.step for adc in ranges], dtype=np.float32) * worths
    return loops.Codes(
        constants=constants,
        steps=steps.repeat(n_columns).reshape(slices, n_columns),
        has_reference=cells.digital_reference,
        counted_offset=np.float32(cells.counted_offset),
        numbers=normal_numbers() if has_noise else np.empty(0, np.float32),
        seed=np.uint64(0 if disturbance is None else disturbance.seed),
    )
