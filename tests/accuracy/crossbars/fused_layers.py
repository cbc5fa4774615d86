"""Layers that the tests of the fused kernel draw, and how they see whether it computed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from hypothesis import strategies as st

from hw_models import CrossbarSpec, WeightCoding
from xpert_evo.accuracy.crossbars import emulation
from xpert_evo.accuracy.crossbars.fused import fused_outputs
from xpert_evo.accuracy.crossbars.geometry import LayerGeometry, array_rows


def geometry_of(
    crossbar: CrossbarSpec,
    *,
    n_in: int,
    n_out: int,
    kernel: int,
    stride: int,
    size: int,
    n_bits: int,
    evenly: bool,
    adc_precision: int = 4,
) -> LayerGeometry:
    return LayerGeometry(
        in_channels=n_in,
        out_channels=n_out,
        kernel_size=kernel,
        stride=stride,
        output_size=size,
        adc_precision=adc_precision,
        input_precision=n_bits,
        column_sharing=8,
        reads_image=False,
        depth_ratio=0.5,
        array_rows=array_rows(n_in * kernel**2, crossbar, evenly=evenly),
        crossbar=crossbar,
    )


@st.composite
def geometries(
    draw: st.DrawFn, *, rows: list[int], most_outputs: int, most_bits: int, most_adc_bits: int
) -> LayerGeometry:
    """Layers of all codings and cells, with full, uneven and partial arrays."""
    crossbar = CrossbarSpec(
        coding=draw(st.sampled_from(WeightCoding)),
        cell_bits=draw(st.integers(1, 5)),
        weight_bits=draw(st.integers(2, 9)),
        rows=draw(st.sampled_from(rows)),
        reference_columns=draw(st.sampled_from([0, 2])),
    )
    kernel, stride, size = draw(
        st.sampled_from([(1, 1, 1), (3, 1, 1), (3, 1, 6), (3, 2, 4), (1, 2, 5), (5, 1, 9), (1, 1, 5)])
    )
    return geometry_of(
        crossbar,
        n_in=draw(st.integers(1, 40)),
        n_out=draw(st.integers(1, most_outputs)),
        kernel=kernel,
        stride=stride,
        size=size,
        n_bits=draw(st.integers(1, most_bits)),
        evenly=draw(st.booleans()),
        adc_precision=draw(st.integers(1, most_adc_bits)),
    )


def images_for(geometry: LayerGeometry) -> st.SearchStrategy[int]:
    """Numbers of images: few of large maps, more than a block of pixels of small ones."""
    return st.sampled_from([1, 3, 5] if geometry.output_size > 1 else [1, 9, 70])


@contextmanager
def watched_calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """Whether the kernel computed, for every call of a layer."""
    calls: list[bool] = []

    def watched(*arguments: Any) -> torch.Tensor | None:
        outputs = fused_outputs(*arguments)
        calls.append(outputs is not None)
        return outputs

    monkeypatch.setattr(emulation, "fused_outputs", watched)
    yield calls
    assert calls, "the layer was not called, or never asked for the kernel"
