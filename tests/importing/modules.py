"""Networks in the style of torchvision, as users bring them."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn


def conv_norm(n_in: int, n_out: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(n_out)
    )


class BasicBlock(nn.Module):
    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = conv_norm(n_in, n_out, 3, stride), conv_norm(n_out, n_out)
        self.downsample = conv_norm(n_in, n_out, 1, stride) if stride > 1 or n_in != n_out else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(self.conv2(F.relu(self.conv1(x))) + shortcut)


def resnet18(width: int = 8, n_classes: int = 10, n_channels: int = 3) -> nn.Module:
    stages = [
        BasicBlock(width * 2 ** max(0, s - (b == 0)), width * 2**s, 2 if s and not b else 1)
        for s in range(4)
        for b in range(2)
    ]
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8 * width, n_classes))
    return nn.Sequential(conv_norm(n_channels, width), nn.ReLU(), *stages, *head)


class Squeeze(nn.Module):
    """Squeeze and excitation."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(n, n // 2, 1), nn.Conv2d(n // 2, n, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * F.hardsigmoid(self.up(F.relu(self.down(F.adaptive_avg_pool2d(x, 1)))))


class Inverted(nn.Module):
    """Inverted residual of MobileNet, with a gate for the third version."""

    def __init__(self, n_in: int, n_out: int, stride: int, *, activation: type[nn.Module], gated: bool) -> None:
        super().__init__()
        wide = 3 * n_in
        parts = [conv_norm(n_in, wide, 1), activation(), conv_norm(wide, wide, 3, stride, groups=wide), activation()]
        self.body = nn.Sequential(*parts, *([Squeeze(wide)] if gated else []), conv_norm(wide, n_out, 1))
        self.adds = stride == 1 and n_in == n_out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.body(x) if self.adds else self.body(x)


def mobilenet(activation: type[nn.Module] = nn.ReLU6, *, gated: bool = False, n_channels: int = 3) -> nn.Module:
    kind = {"activation": activation, "gated": gated}
    return nn.Sequential(
        conv_norm(n_channels, 8, 3, 2),
        activation(),
        Inverted(8, 8, 1, **kind),
        Inverted(8, 16, 2, **kind),
        Inverted(16, 16, 1, **kind),
        conv_norm(16, 32, 1),
        activation(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(32, 10),
    )


def ds_cnn(width: int = 16, n_classes: int = 12) -> nn.Module:
    """Keyword spotting (Y. Zhang et al., arXiv 1711.07128): 10 x 4 kernels on 49 x 10 inputs, then depthwise layers."""
    layers: list[nn.Module] = [
        nn.Conv2d(1, width, (10, 4), (2, 2), (5, 1), bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    ]
    for _ in range(2):
        layers += [conv_norm(width, width, 3, groups=width), nn.ReLU(), conv_norm(width, width, 1), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, n_classes))


def mlp(n_in: int = 784, n_classes: int = 10) -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(n_in, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, n_classes)
    )


class Dense(nn.Module):
    """Layers that read the outputs of all earlier ones, normalised first."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm2d(n) for n in (6, 10, 14))
        self.convs = nn.ModuleList(nn.Conv2d(n, 4, 3, padding=1) for n in (6, 10, 14))
        self.first, self.last = nn.Conv2d(3, 6, 3, padding=1), nn.Linear(18, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        for norm, conv in zip(self.norms, self.convs, strict=True):
            x = torch.cat([x, conv(F.relu(norm(x)))], 1)
        return self.last(x.mean((2, 3)))


class Shuffled(nn.Module):
    """Channel split, grouped convolutions and channel shuffle."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.grouped = nn.Conv2d(3, 8, 3, 2), nn.Conv2d(8, 8, 3, padding=1, groups=2)
        self.beside, self.last = nn.Conv2d(4, 4, 1), nn.Linear(8, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.silu(self.grouped(self.first(x)))
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        left, right = x.chunk(2, dim=1)
        x = torch.cat([left, self.beside(right)], 1)
        return self.last(F.max_pool2d(x, 3, 2, 1, ceil_mode=True).mean((2, 3)))


class Signal(nn.Module):
    """Convolutions in one dimension with strides, dilation and leaky ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv1d(2, 8, 11, 4, 5), nn.BatchNorm1d(8)
        self.second, self.last = nn.Conv1d(8, 16, 3, dilation=2, padding=2), nn.Linear(16 * 8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool1d(F.leaky_relu(self.norm(self.first(x)), 0.1), 2)
        return self.last(F.adaptive_avg_pool1d(torch.tanh(self.second(x)), 8).flatten(1))


class Attended(nn.Module):
    """A gate for each channel from its mean and maximum, then one for each pixel from a single channel (CBAM)."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 8, 3), nn.Linear(8, 10)
        self.mean, self.largest = nn.AdaptiveAvgPool2d(1), nn.AdaptiveMaxPool2d(1)
        self.channels = nn.Sequential(nn.Conv2d(8, 4, 1), nn.ReLU(), nn.Conv2d(4, 8, 1))
        self.pixels, self.saliency = nn.Conv2d(2, 1, 7, padding=3), nn.Conv2d(8, 1, 1)
        self.spread, self.second = nn.Parameter(torch.linspace(-1, 1, 6).view(6, 1, 1)), nn.Conv2d(6, 8, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        x = x * torch.sigmoid(self.channels(self.mean(x)) + self.channels(self.largest(x)))
        x = x * torch.sigmoid(self.pixels(torch.cat([x.mean(1, keepdim=True), x.max(1, keepdim=True)[0]], 1)))
        x = x + self.second(self.saliency(x) * self.spread)
        return self.last(F.adaptive_max_pool2d(x, (2, 1)).mean((2, 3)))


class Vit(nn.Module):
    """A small vision transformer with a class token."""

    def __init__(self, size: int = 16, patch: int = 4, dim: int = 16, depth: int = 2, n_classes: int = 10) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, dim, patch, patch)
        self.token = nn.Parameter(torch.randn(1, 1, dim))
        self.place = nn.Parameter(0.1 * torch.randn(1, (size // patch) ** 2 + 1, dim))
        layer = nn.TransformerEncoderLayer(
            dim, 2, 2 * dim, activation="gelu", batch_first=True, norm_first=True, dropout=0.0
        )
        self.blocks = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.norm, self.head = nn.LayerNorm(dim), nn.Linear(dim, n_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.embed(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.place
        return self.head(self.norm(self.blocks(x)[:, 0]))


def with_statistics(module: nn.Module, shape: tuple[int, ...]) -> nn.Module:
    """A module whose batch norms have seen some images, with gains other than 1."""
    generator = torch.Generator().manual_seed(1)
    for part in module.modules():
        if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.uniform_(part.weight, 0.5, 1.5, generator=generator)
            nn.init.uniform_(part.bias, -0.3, 0.3, generator=generator)
    module.train()
    with torch.no_grad():
        for _ in range(5):
            module(torch.rand(16, *shape, generator=generator))
    return module.eval()
