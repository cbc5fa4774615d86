"""Stores trained networks in a quarter of the space, with only the code of each weight that its cells store.

The crossbar computes exactly the same outputs. Only the part of a weight below one code is lost, which matters only
for continued training.
"""

from collections.abc import Mapping

import torch

from hw_models import CrossbarSpec
from xpert_evo.accuracy.crossbars.coding import code_spacing, max_code
from xpert_evo.accuracy.crossbars.quantisers import weight_codes
from xpert_evo.errors import TrainingError

_WEIGHT = ".weight"
_LARGEST = ".weight_largest"


def packed(tensors: Mapping[str, torch.Tensor], crossbar: CrossbarSpec) -> dict[str, torch.Tensor]:
    """Packs the weights among a network's tensors into integers: the index of the code, 0 for the smallest one.

    Args:
        tensors: Tensors of a network, by name.
        crossbar: Crossbar that defines the coding of the weights.

    Returns:
        Weights as uint8, or int16 if there are more than 256 codes, each with the largest absolute weight of its
        layer; the other tensors unchanged.
    """
    result = dict(tensors)
    top, spacing = max_code(crossbar), code_spacing(crossbar)
    kind = torch.uint8 if 2 * top // spacing < 256 else torch.int16
    for name in _weight_names(tensors):
        codes, _ = weight_codes(tensors[name], crossbar)
        result[name] = ((codes + top) / spacing).round().to(kind)
        result[name.removesuffix(_WEIGHT) + _LARGEST] = tensors[name].abs().amax()
    return result


def unpacked(
    tensors: Mapping[str, torch.Tensor], crossbar: CrossbarSpec | None, *, where: str
) -> dict[str, torch.Tensor]:
    """Returns the tensors of a file with packed weights converted to numbers of the same codes.

    Args:
        tensors: Tensors of a file.
        crossbar: Crossbar that defines the coding of the weights; None if the file does not specify it.
        where: File name for error messages.

    Raises:
        TrainingError: The crossbar of packed weights is missing or does not match their codes.
    """
    names = [name for name in _weight_names(tensors) if not tensors[name].is_floating_point()]
    if not names:
        return dict(tensors)
    if crossbar is None:
        raise TrainingError(f"{where} contains packed weights but not the crossbar needed to unpack them.")
    try:
        largest = {name: tensors[name.removesuffix(_WEIGHT) + _LARGEST] for name in names}
    except KeyError as missing:
        raise TrainingError(f"{where} contains packed weights but not {missing}, needed to unpack them.") from None
    top, spacing = max_code(crossbar), code_spacing(crossbar)
    least, most = min(int(tensors[name].min()) for name in names), max(int(tensors[name].max()) for name in names)
    if least < 0 or most > 2 * top // spacing:
        raise TrainingError(
            f"{where} contains codes from {least} to {most}, but codes of {crossbar.weight_bits}-bit weights range "
            f"from 0 to {2 * top // spacing}; the file is damaged."
        )
    result = {name: tensor for name, tensor in tensors.items() if not name.endswith(_LARGEST)}
    return result | {name: _numbers(tensors[name].float() * spacing - top, largest[name], top) for name in names}


def _numbers(codes: torch.Tensor, largest: torch.Tensor, top: int) -> torch.Tensor:
    """Returns the weights of codes; the largest code gives exactly the original weight, which preserves the scale."""
    numbers = codes * (largest.clamp_min(1e-12) / top)
    return torch.where(codes.abs() == top, codes.sign() * largest, numbers)


def _weight_names(tensors: Mapping[str, torch.Tensor]) -> list[str]:
    return [name for name in tensors if name.endswith(_WEIGHT)]
