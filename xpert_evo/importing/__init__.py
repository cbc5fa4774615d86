"""Networks from PyTorch and ONNX: their layers, connections and trained weights.

A PyTorch module is traced by `torch.export`, which records every operation with the shapes of its results, whatever
the code of the module looks like. An ONNX model is first turned into such a module (`onnx_model`), so one converter
(`converter` and the `operators`) serves both. What it cannot convert is refused by the operator's name and place.
"""
