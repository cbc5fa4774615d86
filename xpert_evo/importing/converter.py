"""Conversion of a torch module into a graph: traced by `torch.export`, then operator by operator."""

import copy
import operator
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode

from xpert_evo.errors import XpertEvoError
from xpert_evo.importing.attention import with_plain_attention
from xpert_evo.importing.building import Builder, Converted, ImportFailedError, Value
from xpert_evo.importing.changes import check_changes
from xpert_evo.importing.first_run import check_input, in_silence, place_in_code, place_in_trace
from xpert_evo.importing.outputs import chosen_output, names_in, note_on_outputs
from xpert_evo.importing.table import RULES
from xpert_evo.networks.nodes import INPUT

_BATCHES = (3, 1)
"""Sizes of the traced batch: with 3 images the batch axis cannot be mistaken for another; a module with a batch of one
image in its code is traced with one."""


_RECURRENT = frozenset({"lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell"})
"""Operators that are refused by their own names instead of those of the many steps that they consist of."""


def convert_module(module: nn.Module, example: torch.Tensor) -> Converted:
    """Converts a module in evaluation mode.

    Args:
        module: The module; it is not changed.
        example: One or more inputs, of which the first axis is the batch.

    Raises:
        ImportFailedError: The module does not take the example, cannot be traced, or has an operator that is not
            supported; named with its place.
    """
    copied = with_plain_attention(copy.deepcopy(module).eval().float().cpu())
    inputs = example[:1].detach().float().cpu()
    check_input(copied, inputs, _BATCHES)
    failures: list[ImportFailedError] = []
    for batch in _BATCHES:
        try:
            program = _traced(copied, inputs.expand(batch, *inputs.shape[1:]).clone())
            return _Conversion.of(program, batch, tuple(inputs.shape[1:])).run()
        except ImportFailedError as failure:
            failures.append(failure)
    raise failures[0]


def _traced(module: nn.Module, inputs: torch.Tensor) -> Any:
    try:
        with torch.no_grad(), in_silence():
            return torch.export.export(module, (inputs,), strict=False)
    except XpertEvoError as failure:
        raise ImportFailedError(str(failure)) from None
    except Exception as failure:  # any error of foreign code, or of its tracing
        place = place_in_code(failure)
        if isinstance(failure, GuardOnDataDependentSymNode):
            raise ImportFailedError(
                f"{place or 'the network'} branches on a value of the input, which cannot be imported. Replace the "
                "branch by arithmetic, or remove it."
            ) from None
        first = next((line for line in str(failure).splitlines() if line.strip()), type(failure).__name__)
        raise ImportFailedError(
            f"the network cannot be traced: {f'{place}: ' if place else ''}{first.strip()}"
        ) from failure


@dataclass(slots=True)
class _Conversion:
    """One traced program while it is converted."""

    program: Any
    builder: Builder
    values: dict[str, Any]

    @classmethod
    def of(cls, program: Any, batch: int, input_shape: tuple[int, ...]) -> "_Conversion":
        return cls(program, Builder(input_shape=input_shape, batch=batch), {})

    def run(self) -> Converted:
        self._decompose_unknown()
        check_changes(self.program.graph.nodes, _told)
        constants = _constants(self.program)
        for node in self.program.graph.nodes:
            if node.op == "placeholder":
                shape = self.builder.input_shape
                self.values[node.name] = constants.get(node.name, Value(INPUT, shape))
            elif node.op == "call_function":
                self.values[node.name] = self._called(node)
            elif node.op == "get_attr":
                self.values[node.name] = getattr(self.program.graph_module, node.target)
            elif node.op == "output":
                return self._finished(node)
        raise ImportFailedError("the network has no output")

    def _decompose_unknown(self) -> None:
        """Replaces operators without a rule by those that torch composes them of."""
        known = RULES.keys() | _RECURRENT
        unknown = {
            n.target for n in self.program.graph.nodes if n.op == "call_function" and _name(n.target) not in known
        }
        table: Any = torch.export.default_decompositions()
        composed = {op: rule for op, rule in table.items() if op in unknown}
        if composed:
            with torch.no_grad(), warnings.catch_warnings():
                # torch copies its own tree of inputs, of a class that it deprecates; no argument avoids the copy
                warnings.filterwarnings("ignore", "`isinstance.treespec, LeafSpec.` is deprecated", FutureWarning)
                self.program = self.program.run_decompositions(composed)

    def _called(self, node: Any) -> Any:
        args, kwargs = self._known(node.args), self._known(node.kwargs)
        if node.target is operator.getitem:
            return self._part(node, *args)
        if _name(node.target).startswith("_assert"):
            return None
        if not any(isinstance(given, Value) for given in _flat((*args, *kwargs.values()))):
            with torch.no_grad():
                return node.target(*args, **kwargs)
        self.builder.place = _place(node)
        rule = RULES.get(_name(node.target))
        if rule is None:
            raise ImportFailedError(f"{_told(node)}: this operator is not supported")
        try:
            result = rule(self.builder, _arguments(node.target, args, kwargs), _shape_of(node))
        except XpertEvoError as failure:
            raise ImportFailedError(f"{_told(node)} {failure}") from None
        self._check(node, result)
        return result

    def _part(self, node: Any, parts: Any, index: int) -> Any:
        if index < len(parts):
            return parts[index]
        if node.users:
            raise ImportFailedError(f"{_told(node.args[0])}: the positions of largest values cannot be imported")
        return None

    def _check(self, node: Any, result: Any) -> None:
        """Compares the shapes of a result with those that torch recorded."""
        wanted = _shape_of(node)
        pairs = zip(result, wanted, strict=False) if isinstance(result, tuple) else [(result, wanted)]
        for value, shape in pairs:
            full = (*value.shape[: value.batch], self.builder.batch, *value.shape[value.batch :])
            if tuple(full) != tuple(shape):
                raise ImportFailedError(f"{_told(node)}: it gives the shape {tuple(shape)}, but {full} was expected")

    def _known(self, given: Any) -> Any:
        """Replaces the program's nodes in arguments by their values."""
        if isinstance(given, torch.fx.Node):
            return self.values[given.name]
        if isinstance(given, (list, tuple)):
            return type(given)(self._known(part) for part in given)
        if isinstance(given, Mapping):
            return {name: self._known(part) for name, part in given.items()}
        return given

    def _finished(self, node: Any) -> Converted:
        found = self._outputs(node)
        if not found:
            raise ImportFailedError("the output of the network does not depend on its input")
        names = [name for name, _ in found]
        chosen = chosen_output(names)
        output = found[chosen][1]
        if output.batch != 0 or output.node == INPUT:
            raise ImportFailedError("the output of the network does not have the batch as its first axis")
        nodes = _needed(self.builder, output.node)
        kept = {entry.name for entry in nodes}
        tensors = {name: own for name, own in self.builder.tensors.items() if name in kept}
        return Converted(tuple(nodes), tensors, self.builder.input_shape, note_on_outputs(names, chosen))

    def _outputs(self, node: Any) -> list[tuple[str, Value]]:
        """Names and values of the module's outputs that depend on its input."""
        own = set(self.program.graph_signature.user_outputs)
        flat = [part for part in _flat(node.args) if not isinstance(part, torch.fx.Node) or part.name in own]
        structure = self.program.call_spec.out_spec.unflatten(range(len(flat)))
        values = zip(names_in(structure), self._known(flat), strict=True)
        return [(name, value) for name, value in values if isinstance(value, Value)]


def _constants(program: Any) -> dict[str, Any]:
    signature, found = program.graph_signature, {}
    for names in (signature.inputs_to_parameters, signature.inputs_to_buffers):
        for name, path in names.items():
            found[name] = program.state_dict[path] if path in program.state_dict else program.constants[path]
    for name, path in signature.inputs_to_lifted_tensor_constants.items():
        found[name] = program.constants[path]
    return found


def _needed(builder: Builder, output: str) -> list[Any]:
    """Returns the nodes on which the output depends, in order."""
    needed = {output}
    for node in reversed(builder.nodes):
        if node.name in needed:
            needed.update(node.inputs)
    return [node for node in builder.nodes if node.name in needed]


def _name(target: Any) -> str:
    """Name of an operator without its namespace and overload."""
    name = getattr(getattr(target, "_schema", None), "name", getattr(target, "__name__", str(target)))
    return str(name).rpartition("::")[2]


def _arguments(target: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments of an operator by name, defaults included."""
    found = {}
    for position, argument in enumerate(target._schema.arguments):
        if position < len(args):
            found[argument.name] = args[position]
        elif argument.name in kwargs:
            found[argument.name] = kwargs[argument.name]
        elif argument.has_default_value():
            found[argument.name] = argument.default_value
    return found


def _shape_of(node: Any) -> Any:
    given = node.meta.get("val")
    if isinstance(given, (list, tuple)):
        return [tuple(int(n) for n in part.shape) for part in given]
    return tuple(int(n) for n in given.shape)


def _flat(given: Any) -> Iterable[Any]:
    if isinstance(given, (list, tuple)):
        for part in given:
            yield from _flat(part)
    elif isinstance(given, Mapping):
        for part in given.values():
            yield from _flat(part)
    else:
        yield given


def _place(node: Any) -> str:
    """Path of the module in which an operation is, such as layer1.0.conv1."""
    stack = node.meta.get("nn_module_stack") or {}
    paths = [path for path, _ in stack.values()] if stack else []
    return str(paths[-1]).removeprefix("L['self'].").removeprefix("steps.") if paths and paths[-1] else ""


def _told(node: Any) -> str:
    """Operator with its place in the network and the line of the user's code that calls it."""
    place, line = _place(node), place_in_trace(node.meta.get("stack_trace"))
    return f"{f'{line}: ' if line else ''}{_name(node.target)}{f' in {place}' if place else ''}"
