"""Trained networks in a quarter of the space: of each weight only the code that its cells hold.

What the crossbar computes is the same, bit for bit. What is lost is the part of a weight below one code, which only a
training that goes on would use.
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
    """A network's tensors with weights as whole numbers: the step of the code, 0 for the smallest one.

    Args:
        tensors: Of a network, by name.
        crossbar: Whose coding the weights take.

    Returns:
        Weights as uint8, or int16 where there are more than 256 codes, and beside each the largest absolute weight of
        its layer; the other tensors as they are.
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
    """The tensors of a file, whose weights may be packed: then as numbers that have the same codes.

    Args:
        tensors: Of a file.
        crossbar: Whose coding the weights have; None where the file does not say.
        where: Named in errors.

    Raises:
        TrainingError: Packed weights come without their crossbar, or with one whose codes they are not.
    """
    names = [name for name in _weight_names(tensors) if not tensors[name].is_floating_point()]
    if not names:
        return dict(tensors)
    if crossbar is None:
        raise TrainingError(f"{where} holds packed weights without their crossbar, which unpacking needs.")
    try:
        largest = {name: tensors[name.removesuffix(_WEIGHT) + _LARGEST] for name in names}
    except KeyError as missing:
        raise TrainingError(f"{where} holds packed weights without {missing}, which unpacking needs.") from None
    top, spacing = max_code(crossbar), code_spacing(crossbar)
    least, most = min(int(tensors[name].min()) for name in names), max(int(tensors[name].max()) for name in names)
    if least < 0 or most > 2 * top // spacing:
        raise TrainingError(
            f"{where} has codes from {least} to {most}, but those of weights of {crossbar.weight_bits} bits are from 0 "
            f"to {2 * top // spacing}; the file is damaged."
        )
    result = {name: tensor for name, tensor in tensors.items() if not name.endswith(_LARGEST)}
    return result | {name: _numbers(tensors[name].float() * spacing - top, largest[name], top) for name in names}


def _numbers(codes: torch.Tensor, largest: torch.Tensor, top: int) -> torch.Tensor:
    """Weights of these codes; those of the largest code are exactly as large as before, so that the scale is, too."""
    numbers = codes * (largest.clamp_min(1e-12) / top)
    return torch.where(codes.abs() == top, codes.sign() * largest, numbers)


def _weight_names(tensors: Mapping[str, torch.Tensor]) -> list[str]:
    return [name for name in tensors if name.endswith(_WEIGHT)]
