"""Networks as graphs: crossbar layers, and the digital operations between them.

Every backbone is such a graph, whether it is built in, described layer by layer in a TOML file (`backbones.chain`),
or imported from PyTorch or ONNX (`xpert_evo.importing`). A graph (`graph.Graph`) is a list of nodes in execution
order (`nodes.NodeEntry`), and all that the program needs to know about a network follows from it:

- Shapes (`shapes`): of every node for any image size and any channel depths. Shapes leave the batch axis out.
- Crossbar layers: convolutions (any kernel, stride, padding, dilation, groups; those in one dimension are
  convolutions of height 1) and linear layers, which work on the last axis, position by position.
- Channel depths (`channels`): each axis of channels is traced back to the layers that produce it. Residual additions,
  gates and depthwise convolutions tie depths together. Concatenation and flattening make the inputs of a layer a
  weighted sum of depths. Where an operation depends on the number of channels (heads of attention, channel shuffles,
  grouped convolutions), depths are fixed, with a note, because another depth would give another network.
- Signs (`signs`): a crossbar applies codes that are not negative. Where the input of a layer can be negative, its
  positive and its negative part are applied one after the other and the results subtracted: exact, but the layer then
  takes two passes, which costs, emulation and training all account for.
- Digital work (`work`): additions and multiplications of all other nodes, among them the products of activations with
  activations in attention. The cost model charges them to a digital unit (`hw_models.digital_unit`).

The torch form of the digital operations is in `xpert_evo.accuracy.crossbars.digital`, the network of crossbar layers
and digital operations in `xpert_evo.accuracy.crossbars.network`. Both run the same graph, so costs, training, exact
emulation and exports cannot disagree about the network.
"""
