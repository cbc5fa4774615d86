"""Single operators of torch: imported, they compute what torch computes, or are refused."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from hw_models import CrossbarSpec
from tests.importing.test_modules import on_crossbars
from xpert_evo.accuracy.crossbars.network import CrossbarLayer
from xpert_evo.importing.building import ImportFailedError
from xpert_evo.importing.imported import import_module

Function = Callable[[torch.Tensor], torch.Tensor]
SHAPE = (3, 6, 5)


class _Around(nn.Module):
    """A function between a convolution and a mean."""

    def __init__(self, function: Function) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.function = nn.Conv2d(3, 8, 3, padding=1), function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(self.first(x)).mean((2, 3))


def _first_half_changed(x: torch.Tensor) -> torch.Tensor:
    first, second = x.chunk(2, 1)
    F.relu_(first).mul_(0.5)
    return torch.cat([first, second], 1)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.softplus(x, beta=3.0),
        lambda x: F.relu(x, inplace=True) + x,
        lambda x: F.relu_(x.flatten(1)).view(x.shape),
        lambda x: x.half().type_as(x).to(torch.float64).float(),
        lambda x: x * x.max(1, keepdim=True)[0],
        lambda x: torch.max(x, 0.5 * x),
        lambda x: F.adaptive_max_pool2d(x, (3, 1)),
        _first_half_changed,
    ],
)
def test_an_operator_computes_what_torch_computes(function: Function) -> None:
    module, images = _Around(function).eval(), torch.rand(4, *SHAPE, generator=torch.Generator().manual_seed(1))
    built = on_crossbars(import_module(module, images), CrossbarSpec())
    with torch.no_grad():
        wanted, found = module(images), built(images, CrossbarLayer.float_product)
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4)


class _Crossed(nn.Module):
    """A sum of concatenations whose parts differ in width."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.parts = nn.ModuleList(nn.Conv2d(3, n, 1) for n in (4, 8, 8, 4))
        self.scores = nn.Linear(12, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a, b, c, d = (part(x) for part in self.parts)
        return torch.as_tensor(self.scores((torch.cat([a, b], 1) + torch.cat([c, d], 1)).mean((2, 3))))


def test_depths_are_tied_only_where_the_parts_that_are_added_are_equally_wide() -> None:
    module, images = _Crossed().eval(), torch.rand(4, *SHAPE, generator=torch.Generator().manual_seed(1))
    built = on_crossbars(import_module(module, images), CrossbarSpec())
    assert built.backbone.depth_owners == (None,) * 5
    with torch.no_grad():
        torch.testing.assert_close(built(images, CrossbarLayer.float_product), module(images), rtol=1e-3, atol=1e-4)


def _part_doubled(x: torch.Tensor) -> torch.Tensor:
    x[:, :3].mul_(2)
    return x


def _view_raised(x: torch.Tensor) -> torch.Tensor:
    x.flatten(1).add_(1)
    return x


def _half_and_all(x: torch.Tensor) -> torch.Tensor:
    F.relu_(x.chunk(2, 1)[0])
    return x


class _Masked(nn.Module):
    def __init__(self, layer: nn.Module, **masks: torch.Tensor) -> None:
        super().__init__()
        self.layer, self.masks = layer, masks
        self.n_given = 3 if isinstance(layer, nn.MultiheadAttention) else 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = self.layer(*(x,) * self.n_given, **self.masks)
        return found[0] if isinstance(found, tuple) else torch.as_tensor(found)


_MASK = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)
_ATTENTION = nn.MultiheadAttention(8, 2, batch_first=True)


@pytest.mark.parametrize(
    ("module", "shape", "words"),
    [
        (_Around(_part_doubled), SHAPE, "mul_ changes a part or a view of a tensor in place"),
        (_Around(_view_raised), SHAPE, "add_ changes a part or a view"),
        (_Around(_half_and_all), SHAPE, "relu_ changes a part or a view"),
        (_Around(lambda x: F.relu_(F.dropout(x, training=False)) + x), SHAPE, "relu_ changes a part or a view"),
        (_Around(lambda x: (10 * x).int().float()), SHAPE, "to converts activations to integers"),
        (_Around(lambda x: F.softplus(x, threshold=1.0)), SHAPE, "softplus has beta=1 and threshold=1"),
        (_Around(lambda x: x * x.max(1, keepdim=True)[1]), SHAPE, "max: the positions of largest values cannot be"),
        (_Around(lambda x: x * x.max()), SHAPE, "max reduces all images of a batch"),
        (_Masked(_ATTENTION, attn_mask=_MASK), (5, 8), "^the attention layer is given a mask"),
        (_Masked(_ATTENTION, key_padding_mask=_MASK[:3]), (5, 8), "^the attention layer is given a mask"),
        (
            _Masked(nn.TransformerEncoderLayer(8, 2, 8, batch_first=True), src_mask=_MASK),
            (5, 8),
            r"^the attention layer\.self_attn is given a mask; only attention without a mask is supported$",
        ),
    ],
)
def test_what_would_compute_something_else_is_refused(module: nn.Module, shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(ImportFailedError, match=words):
        import_module(module, torch.rand(2, *shape))
