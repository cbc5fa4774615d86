"""The built-in backbones that are chains, for small images."""

from collections.abc import Callable, Mapping

from xpert_evo.chains import BackboneLayer, LayerKind
from xpert_evo.networks.nodes import INPUT


def _vgg(depths: tuple[int, ...], pooled: tuple[int, ...]) -> list[BackboneLayer]:
    """A plain chain of 3 x 3 convolutions; `pooled` counts from 1."""
    layers = [
        BackboneLayer(
            name=f"conv{i}",
            reference_depth=depth,
            pool=i in pooled,
            source=INPUT if i == 1 else f"conv{i - 1}",
        )
        for i, depth in enumerate(depths, 1)
    ]
    classifier = BackboneLayer(name="classifier", kind=LayerKind.LINEAR, kernel_size=1, source=f"conv{len(depths)}")
    return [*layers, classifier]


def _vgg16() -> list[BackboneLayer]:
    """VGG16 for small images: 13 convolutions and one classifier (Simonyan and Zisserman, ICLR 2015)."""
    return _vgg((64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512), (2, 4, 7, 10, 13))


def _vgg8() -> list[BackboneLayer]:
    """VGG8, the usual small network of IMC simulators: six convolutions and one classifier."""
    return _vgg((128, 128, 256, 256, 512, 512), (2, 4, 6))


def _resnet20() -> list[BackboneLayer]:
    """ResNet20 for small images (He et al., CVPR 2016) with 1 x 1 projections where the size changes.

    The channel depth is tied along each of the three residual stages.
    """
    layers = [BackboneLayer(name="conv1", reference_depth=16, source=INPUT, depth_group="stage1")]
    last = "conv1"
    for stage, depth in enumerate((16, 32, 64), 1):
        for block in range(1, 4):
            group, stride = f"stage{stage}", 2 if stage > 1 and block == 1 else 1
            first, second, shortcut = f"s{stage}b{block}a", f"s{stage}b{block}b", last
            layers.append(BackboneLayer(name=first, reference_depth=depth, stride=stride, source=last))
            if stride == 2:
                shortcut = f"s{stage}projection"
                layers.append(
                    BackboneLayer(
                        name=shortcut,
                        reference_depth=depth,
                        kernel_size=1,
                        stride=2,
                        source=last,
                        depth_group=group,
                    )
                )
            layers.append(
                BackboneLayer(name=second, reference_depth=depth, source=first, adds=shortcut, depth_group=group)
            )
            last = second
    layers.append(BackboneLayer(name="classifier", kind=LayerKind.LINEAR, kernel_size=1, source=last))
    return layers


BUNDLED_CHAINS: Mapping[str, Callable[[], list[BackboneLayer]]] = {
    "vgg16": _vgg16,
    "vgg8": _vgg8,
    "resnet20": _resnet20,
}
"""Chains by name."""
