"""The rule of every torch operator that can be imported, by its name without overload."""

from xpert_evo.importing import elementwise as e
from xpert_evo.importing import operators as o
from xpert_evo.importing import shape_operators as s
from xpert_evo.importing.operators import Rule
from xpert_evo.networks.nodes import Op

_SHAPES = (
    *("view", "reshape", "_unsafe_view", "flatten", "unflatten", "squeeze", "squeeze_", "unsqueeze", "unsqueeze_"),
    *("view_as", "reshape_as"),
)
_NOTHING = (
    *("dropout", "dropout_", "feature_dropout", "alpha_dropout", "native_dropout", "contiguous", "clone", "alias"),
    *("detach", "detach_", "lift_fresh_copy", "lift_fresh", "identity"),
)

RULES: dict[str, Rule] = {
    **dict.fromkeys(_SHAPES, s.change_of_shape),
    **dict.fromkeys(_NOTHING, e.same),
    **dict.fromkeys(("to", "_to_copy", "type_as", "float"), e.converted),
    **dict.fromkeys(("conv1d", "conv2d", "convolution"), o.convolution),
    "linear": o.linear,
    **dict.fromkeys(("matmul", "mm", "bmm"), o.matmul),
    "addmm": o.addmm,
    **dict.fromkeys(("batch_norm", "_native_batch_norm_legit_no_training"), o.batch_norm),
    "layer_norm": o.layer_norm,
    "group_norm": o.group_norm,
    "instance_norm": o.instance_norm,
    **dict.fromkeys(("max_pool1d", "max_pool2d"), o.max_pool),
    **dict.fromkeys(("avg_pool1d", "avg_pool2d"), o.average_pool),
    "avg_pool3d": o.channel_average,
    **dict.fromkeys(("adaptive_avg_pool1d", "adaptive_avg_pool2d"), o.adaptive_pool(Op.ADAPTIVE_AVERAGE_POOL, Op.MEAN)),
    **dict.fromkeys(
        ("adaptive_max_pool1d", "adaptive_max_pool2d"),
        o.with_positions(o.adaptive_pool(Op.ADAPTIVE_MAX_POOL, Op.LARGEST)),
    ),
    "mean": o.reduction(Op.MEAN),
    "sum": o.reduction(Op.SUM),
    "amax": o.reduction(Op.LARGEST),
    "max": e.maximum,
    **dict.fromkeys(("permute", "transpose", "swapaxes", "t", "movedim"), s.permute),
    "slice": s.slice_of,
    "narrow": s.slice_of,
    "select": s.select,
    **dict.fromkeys(("split", "split_with_sizes", "chunk", "unbind"), s.split),
    **dict.fromkeys(("cat", "concat", "concatenate"), s.concatenate),
    **dict.fromkeys(("expand", "expand_as", "repeat"), s.expand),
    **dict.fromkeys(("pad", "constant_pad_nd"), s.pad),
    **dict.fromkeys(("upsample_nearest1d", "upsample_nearest2d"), s.resize("nearest")),
    "upsample_bilinear2d": s.resize("bilinear"),
    "scaled_dot_product_attention": o.attention,
    **{
        name: e.function(op)
        for base, op in (
            ("relu", Op.RELU),
            ("sigmoid", Op.SIGMOID),
            ("silu", Op.SILU),
            ("tanh", Op.TANH),
            ("hardswish", Op.HARD_SWISH),
            ("exp", Op.EXP),
            ("log", Op.LOG),
            ("erf", Op.ERF),
            ("sqrt", Op.SQRT),
            ("abs", Op.ABSOLUTE),
            ("reciprocal", Op.RECIPROCAL),
        )
        for name in (base, f"{base}_")
    },
    **dict.fromkeys(("hardsigmoid", "hardsigmoid_"), e.function(Op.HARD_SIGMOID, factor=1 / 6, offset=0.5)),
    **dict.fromkeys(("relu6", "relu6_"), e.function(Op.CLIP, low=0.0, high=6.0)),
    "softplus": e.softplus,
    **dict.fromkeys(("gelu", "gelu_"), e.gelu),
    **dict.fromkeys(("leaky_relu", "leaky_relu_"), e.leaky_relu),
    **dict.fromkeys(("elu", "elu_"), e.elu),
    **dict.fromkeys(("hardtanh", "hardtanh_"), e.clip("min_val", "max_val")),
    **dict.fromkeys(("clamp", "clamp_", "clip", "clip_", "clamp_min", "clamp_min_", "clamp_max"), e.clip("min", "max")),
    "softmax": e.softmax,
    "_softmax": e.softmax,
    "log_softmax": e.log_softmax,
    **dict.fromkeys(("pow", "pow_"), e.power),
    "rsqrt": e.rsqrt,
    **dict.fromkeys(("mish", "mish_"), e.mish),
    **dict.fromkeys(("prelu", "_prelu_kernel"), e.prelu),
    "neg": e.negative,
    **dict.fromkeys(("add", "add_"), e.added),
    **dict.fromkeys(("sub", "sub_", "subtract"), e.subtracted),
    "rsub": e.reversed_difference,
    **dict.fromkeys(("mul", "mul_", "multiply"), e.binary(Op.MULTIPLY)),
    **dict.fromkeys(("div", "div_", "divide", "true_divide"), e.divided),
    "maximum": e.binary(Op.MAXIMUM),
    "minimum": e.binary(Op.MINIMUM),
}
