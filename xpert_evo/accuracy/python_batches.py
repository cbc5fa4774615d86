"""CIFAR's "python version": its serialised batches read as data, without running the program that they are.

Such a file is a list of instructions for a small stack machine that may call any function. Here the instructions are
walked by a machine that calls nothing: a call becomes an `Inert` note of what was asked for, from which the pixels'
bytes and the labels are picked. Instructions that CIFAR does not need are an error.
"""

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpert_evo.errors import DataError

_MARK = object()


@dataclass(slots=True)
class Inert:
    """A call that was not made: its function's name, its arguments, and the state it was to be given."""

    function: Any
    arguments: Any
    state: Any = None


def read_batch(path: Path) -> dict[str, Any]:
    """The dictionary of a batch: texts, numbers, lists, and `Inert` notes; raises DataError."""
    try:
        content = _run(path.read_bytes())
    except (OSError, ValueError, IndexError, KeyError, TypeError, AttributeError) as failure:
        raise DataError(f"{path} is no batch of CIFAR's python version ({failure}); get it again.") from None
    if not isinstance(content, dict):
        raise DataError(f"{path} is no batch of CIFAR's python version: it holds no dictionary; get it again.")
    return {_text(key): value for key, value in content.items()}


def pixels(batch: dict[str, Any], path: Path) -> NDArray[np.uint8]:
    """The images (n, 3072) of a batch; raises DataError."""
    note = batch.get("data")
    state = note.state if isinstance(note, Inert) else None
    if not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[1], tuple):
        raise DataError(f"{path} holds no array of images; get it again.")
    shape, values = state[1], state[4]
    raw = values.encode("latin-1", errors="replace") if isinstance(values, str) else values
    if len(shape) != 2 or shape[1] != 3072 or not isinstance(shape[0], int):
        raise DataError(f"{path} must hold images of 3072 bytes in an array of two axes; get it again.")
    if not isinstance(raw, bytes) or len(raw) != shape[0] * 3072:
        raise DataError(f"{path} must hold {shape[0]} images of 3072 bytes, but holds no such array; get it again.")
    return np.frombuffer(raw, np.uint8).reshape(shape)


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _run(program: bytes) -> Any:
    machine = _Machine()
    for opcode, argument, _ in pickletools.genops(program):
        if opcode.name == "STOP":
            return machine.stack.pop()
        machine.step(opcode.name, argument)
    raise ValueError("it ends too early")


class _Machine:
    """A stack and a memory; no instruction reaches outside them."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memory: dict[int, Any] = {}
        self._steps: dict[str, Callable[[Any], None]] = {
            "PROTO": lambda _: None,
            "FRAME": lambda _: None,
            "MARK": lambda _: self.stack.append(_MARK),
            "NONE": lambda _: self.stack.append(None),
            "NEWTRUE": lambda _: self.stack.append(True),
            "NEWFALSE": lambda _: self.stack.append(False),
            "EMPTY_DICT": lambda _: self.stack.append({}),
            "EMPTY_LIST": lambda _: self.stack.append([]),
            "EMPTY_TUPLE": lambda _: self.stack.append(()),
            "TUPLE": lambda _: self.stack.append(tuple(self._since_mark())),
            "APPEND": lambda _: self._extend([self.stack.pop()]),
            "APPENDS": lambda _: self._extend(self._since_mark()),
            "SETITEM": lambda _: self._set([self.stack.pop(-2), self.stack.pop()]),
            "SETITEMS": lambda _: self._set(self._since_mark()),
            "MEMOIZE": lambda _: self.memory.__setitem__(len(self.memory), self.stack[-1]),
            "REDUCE": lambda _: self._note(),
            "BUILD": lambda _: self._build(),
        }

    def step(self, name: str, argument: Any) -> None:
        """Carries out one instruction; raises ValueError for an unknown one."""
        if name in self._steps:
            self._steps[name](argument)
        elif name in {"GLOBAL", "STACK_GLOBAL"}:
            self.stack.append(argument if name == "GLOBAL" else (self.stack.pop(-2), self.stack.pop()))
        elif name.endswith("GET"):
            self.stack.append(self.memory[int(argument)])
        elif name.endswith("PUT"):
            self.memory[int(argument)] = self.stack[-1]
        elif name in {"TUPLE1", "TUPLE2", "TUPLE3"}:
            n = int(name[-1])
            self.stack[-n:] = [tuple(self.stack[-n:])]
        elif any(word in name for word in ("STRING", "UNICODE", "BYTES", "INT", "LONG")):
            self.stack.append(argument)
        else:
            raise ValueError(f"the instruction {name} has no place in it")

    def _since_mark(self) -> list[Any]:
        place = max(i for i, value in enumerate(self.stack) if value is _MARK)
        values = self.stack[place + 1 :]
        del self.stack[place:]
        return values

    def _extend(self, values: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise ValueError("it adds to something that is no list")
        self.stack[-1].extend(values)

    def _set(self, values: list[Any]) -> None:
        if not isinstance(self.stack[-1], dict):
            raise ValueError("it sets items of something that is no dictionary")
        if not all(isinstance(key, str | bytes) for key in values[::2]):
            raise ValueError("a name in it is no text")  # and hashing nested tuples may take for ever
        self.stack[-1].update(zip(values[::2], values[1::2], strict=True))

    def _note(self) -> None:
        arguments = self.stack.pop()
        # How Python 3 writes bytes in the old format: a text whose characters are the bytes.
        is_bytes = self.stack[-1] == "_codecs encode" and arguments[1] == "latin1"
        self.stack[-1] = arguments[0].encode("latin-1") if is_bytes else Inert(self.stack[-1], arguments)

    def _build(self) -> None:
        state = self.stack.pop()
        if isinstance(self.stack[-1], Inert):
            self.stack[-1].state = state
