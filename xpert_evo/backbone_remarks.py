"""Remarks on properties of a backbone that are allowed but unusual, in sentences for users."""

from xpert_evo.backbones import Backbone

_USUAL_KERNEL = 3


def remarks_on(backbone: Backbone) -> list[str]:
    """Returns a remark for each kernel that is larger than the map it reads, so that much of it covers only padding.

    Kernels of 3 x 3 on the last, small maps of a network are usual.
    """
    outputs, found = backbone.output_sizes(), []
    for layer, source in zip(backbone.layers, backbone.sources, strict=True):
        size = backbone.image_size if source is None else outputs[source]
        if source is not None and backbone.layers[source].pool and size > 1:
            size //= 2
        if layer.kernel_size > max(size, _USUAL_KERNEL):
            found.append(
                f"backbone {backbone.name}: layer {layer.name} has kernel_size = {layer.kernel_size} on a map of "
                f"{size} x {size} pixels, so much of the kernel reads only padding and still takes crossbars"
            )
    return found
