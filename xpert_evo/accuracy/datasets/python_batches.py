"""CIFAR's "python version": its serialised batches read as data, without running the program that they are.

Such a file is a list of instructions for a small stack machine that may call any function. Here the instructions are
walked by a machine that calls nothing: a call becomes an `Inert` note of what was asked for, from which the pixels'
bytes and the labels are picked. Instructions that CIFAR does not need are an error.
"""

import pickletools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from xpert_evo.errors import DataError

_MARK = object()
_INTEGERS = re.compile(r"[iu][1248]")
_BYTES_OF_AN_IMAGE = 3072


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
    """The images (n, 3072) of a batch, whatever the order in memory of the array that was saved; raises DataError."""
    stored = _stored(batch.get("data"))
    if stored is None:
        raise DataError(f"{path} holds no array of images; get it again.")
    if stored.kind != "u1":
        raise DataError(
            f"{path} must hold its images as unsigned bytes (numpy.uint8, 0 to 255), got an array of NumPy's type "
            f"'{stored.kind}'; convert the images and save the batch again."
        )
    if len(stored.shape) != 2 or stored.shape[1] != _BYTES_OF_AN_IMAGE:
        raise DataError(
            f"{path} must hold images of {_BYTES_OF_AN_IMAGE} bytes in an array of two axes, got the shape "
            f"{stored.shape}; get it again."
        )
    images = stored.array()
    if images is None:
        raise DataError(
            f"{path} must hold {stored.shape[0]} images of {_BYTES_OF_AN_IMAGE} bytes, but holds "
            f"{len(stored.content)} bytes; get it again."
        )
    return images.astype(np.uint8, order="C", copy=False)


def integers(value: object) -> list[int] | None:
    """A list of whole numbers, which may have been saved as an array of one axis; None for anything else."""
    if isinstance(value, list):
        return value if all(type(number) is int for number in value) else None
    stored = _stored(value)
    if stored is None or len(stored.shape) != 1 or not _INTEGERS.fullmatch(stored.kind):
        return None
    array = stored.array()
    return None if array is None else [int(number) for number in array]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """An array as a batch holds it.

    Attributes:
        kind: NumPy's code of the type without its byte order, such as `u1`.
        byte_order: NumPy's code: `<`, `>`, or `|` and `=` for this machine's.
        shape: Sizes of its axes.
        order: Whether the last axis (C) or the first one (F) changes fastest.
        content: All its values.
    """

    kind: str
    byte_order: str
    shape: tuple[int, ...]
    order: Literal["C", "F"]
    content: bytes

    def array(self) -> NDArray[Any] | None:
        """The array; None where the content does not fill its shape."""
        type_ = np.dtype(f"{self.byte_order}{self.kind}")
        values = np.frombuffer(self.content[: len(self.content) // type_.itemsize * type_.itemsize], type_)
        if values.nbytes != len(self.content) or values.size != int(np.prod(self.shape, dtype=object)):
            return None
        return values.reshape(self.shape, order=self.order)


def _stored(note: object) -> _Stored | None:
    """What a note of an array says; None for anything else.

    NumPy saves an array up to protocol 4 as a call of `_reconstruct` with the state (version, shape, type, whether in
    Fortran's order, values), and from protocol 5 on as a call of `_frombuffer` with (values, type, shape, order).
    """
    match note:
        case Inert(
            state=(_, tuple() as shape, Inert() as type_, bool() | int() as is_fortran, str() | bytes() as values)
        ):
            order: object = "F" if is_fortran else "C"
        case Inert(arguments=(str() | bytes() as values, Inert() as type_, tuple() as shape, str() as order)):
            pass
        case _:
            return None
    content = values.encode("latin-1", errors="replace") if isinstance(values, str) else values
    match type_:
        case Inert(arguments=(str() as kind, *_), state=(_, str() as byte_order, *_)):
            pass
        case _:
            return None
    sizes_are_known = all(type(size) is int and size >= 0 for size in shape)
    if order not in {"C", "F"} or byte_order not in set("<>|=") or not sizes_are_known:
        return None
    return _Stored(kind=kind, byte_order=byte_order, shape=shape, order="F" if order == "F" else "C", content=content)


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
            "LIST": lambda _: self.stack.append(self._since_mark()),
            "DICT": lambda _: self._dictionary(self._since_mark()),
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
        elif name == "BYTEARRAY8":
            self.stack.append(bytes(argument))
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

    def _dictionary(self, values: list[Any]) -> None:
        self.stack.append({})
        self._set(values)

    def _note(self) -> None:
        arguments = self.stack.pop()
        # How Python 3 writes bytes in the old format: a text whose characters are the bytes.
        is_bytes = self.stack[-1] == "_codecs encode" and arguments[1] == "latin1"
        self.stack[-1] = arguments[0].encode("latin-1") if is_bytes else Inert(self.stack[-1], arguments)

    def _build(self) -> None:
        state = self.stack.pop()
        if isinstance(self.stack[-1], Inert):
            self.stack[-1].state = state
