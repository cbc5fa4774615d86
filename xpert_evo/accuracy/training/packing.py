"""Stores trained networks in a quarter of the space, with only the code of each weight that its cells store.

The crossbar computes exactly the same outputs. Only the part of a weight below one code is lost, which matters only
for continued training.
"""

from collections.abc import Mapping, Sequence

import torch

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.coding import code_spacing, max_code
from xpert_evo.accuracy.crossbars.quantisers import largest_weights, weight_codes, weight_scale
from xpert_evo.errors import TrainingError

_WEIGHT = ".weight"
_LARGEST = ".weight_largest"


def packed(tensors: Mapping[str, torch.Tensor], crossbars: Sequence[CrossbarSpec]) -> dict[str, torch.Tensor]:
    """Packs the weights among a network's tensors into integers: the index of the code, 0 for the smallest one.

    Args:
        tensors: Tensors of a network, by name, layers in execution order.
        crossbars: Crossbar of each layer, which defines the coding of its weights.

    Returns:
        Weights as uint8, or int16 if there are more than 256 codes, each with the largest weight of its layer, or of
        each output; the other tensors unchanged.
    """
    result = dict(tensors)
    for name, crossbar in zip(_weight_names(tensors), crossbars, strict=True):
        top, spacing = max_code(crossbar), code_spacing(crossbar)
        kind = torch.uint8 if 2 * top // spacing < 256 else torch.int16
        codes, _ = weight_codes(tensors[name], crossbar)
        result[name] = ((codes + top) / spacing).round().to(kind)
        result[name.removesuffix(_WEIGHT) + _LARGEST] = largest_weights(tensors[name], crossbar)
    return result


def are_packed(tensors: Mapping[str, torch.Tensor]) -> bool:
    """Returns whether the weights among the tensors of a file are packed."""
    return not all(tensors[name].is_floating_point() for name in _weight_names(tensors))


def unpacked(
    tensors: Mapping[str, torch.Tensor], crossbars: Sequence[CrossbarSpec] | None, *, where: str
) -> dict[str, torch.Tensor]:
    """Returns the tensors of a file with packed weights converted to numbers of the same codes.

    Args:
        tensors: Tensors of a file.
        crossbars: Crossbar of each layer, which defines the coding of its weights; None if the file does not specify
            them.
        where: File name for error messages.

    Raises:
        TrainingError: The crossbar of packed weights is missing or does not match their codes.
    """
    names = _weight_names(tensors)
    if not are_packed(tensors):
        return dict(tensors)
    if crossbars is None:
        raise TrainingError(f"{where} contains packed weights but not the crossbar needed to unpack them.")
    if len(crossbars) != len(names):
        raise TrainingError(
            f"{where} contains the weights of {len(names)} layers, but its design has {len(crossbars)}; the file is "
            "damaged."
        )
    result = {name: tensor for name, tensor in tensors.items() if not name.endswith(_LARGEST)}
    for name, crossbar in zip(names, crossbars, strict=True):
        if not tensors[name].is_floating_point():
            result[name] = _unpacked(tensors, name, crossbar, where)
    return result


def _unpacked(tensors: Mapping[str, torch.Tensor], name: str, crossbar: CrossbarSpec, where: str) -> torch.Tensor:
    """Returns the weights of one layer; raises TrainingError."""
    largest = tensors.get(name.removesuffix(_WEIGHT) + _LARGEST)
    if largest is None:
        missing = repr(name.removesuffix(_WEIGHT) + _LARGEST)
        raise TrainingError(f"{where} contains packed weights but not {missing}, needed to unpack them.")
    top, spacing = max_code(crossbar), code_spacing(crossbar)
    least, most = int(tensors[name].min()), int(tensors[name].max())
    if least < 0 or most > 2 * top // spacing:
        raise TrainingError(
            f"{where} contains codes from {least} to {most}, but codes of {crossbar.weight_bits}-bit weights range "
            f"from 0 to {2 * top // spacing}; the file is damaged."
        )
    codes = tensors[name].float() * spacing - top
    # The largest code gives exactly the largest weight, which preserves the scale.
    return torch.where(codes.abs() == top, codes.sign() * largest, codes * weight_scale(largest, crossbar))


def _weight_names(tensors: Mapping[str, torch.Tensor]) -> list[str]:
    """Names of the layers' weights, in the order of `layers.0.weight`, `layers.1.weight`, ..."""
    return sorted((name for name in tensors if name.endswith(_WEIGHT)), key=lambda name: int(name.split(".")[1]))
