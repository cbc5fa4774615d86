"""A module of the user's own is run once before it is traced, so that a wrong input is reported in its own words."""

import io
import logging
import re
import traceback
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from xpert_evo.errors import XpertEvoError
from xpert_evo.importing.building import ImportFailedError
from xpert_evo.words import counted

_FOREIGN = (Path(torch.__file__).parent, Path(__file__).parents[1])
"""Folders of torch and of this program: other code is the user's own."""

_FRAME = re.compile(r'File "(.+)", line (\d+), in .*\n(.*)')
"""A frame of a stack trace in text: file, number and text of the line."""

_AXES = {1: "channels, length, such as --input 1,16000", 2: "channels, height, width, such as --input 1,32,32"}
"""Axes that convolutions of one and two dimensions read, in words."""


class _WrongInputError(ImportFailedError):
    """A layer does not take what it is given."""


def check_input(module: nn.Module, inputs: torch.Tensor, batches: Sequence[int]) -> None:
    """Runs a module in evaluation mode on batches of one input until one size works.

    Args:
        module: The module.
        inputs: One input, (1, ...).
        batches: Sizes of the batch, which a module may fix in its code.

    Raises:
        ImportFailedError: No size works; the message names the first layer that does not take its input. Or the module
            does what cannot be imported.
    """
    failures: list[Exception] = []
    for batch in sorted(batches):
        with torch.no_grad(), ExitStack() as hooks:
            for name, part in module.named_modules():
                if isinstance(part, nn.Conv1d | nn.Conv2d | nn.Linear):
                    hooks.callback(part.register_forward_pre_hook(partial(_check, name)).remove)
            try:
                module(inputs.expand(batch, *inputs.shape[1:]).clone())
            except ImportFailedError as failure:
                if not isinstance(failure, _WrongInputError):
                    raise
                failures.append(failure)
            except Exception as failure:  # any error of foreign code
                failures.append(failure)
            else:
                return
    raise ImportFailedError(
        f"the network does not take an input of {' x '.join(map(str, inputs.shape[1:]))}: {_told(failures[0])}"
    ) from None


def _told(failure: Exception) -> str:
    first = next((line for line in str(failure).splitlines() if line.strip()), type(failure).__name__).strip()
    place = None if isinstance(failure, XpertEvoError) else place_in_code(failure)
    return f"{place}: {first}" if place else first


def _check(name: str, layer: nn.Module, given: tuple[Any, ...]) -> None:
    """Raises _WrongInputError if a layer does not take what it is given."""
    if not given or not isinstance(given[0], torch.Tensor):
        return
    shape = given[0].shape
    if isinstance(layer, nn.Linear):
        if shape[-1] != layer.in_features:
            raise _WrongInputError(
                f"the linear layer {name} expects {counted(layer.in_features, 'value')}, got {shape[-1]}"
            )
        return
    assert isinstance(layer, nn.Conv1d | nn.Conv2d)
    n_axes = len(layer.kernel_size)
    if len(shape) != n_axes + 2:
        raise _WrongInputError(f"the convolution {name} expects {_AXES[n_axes]}")
    if shape[1] != layer.in_channels:
        raise _WrongInputError(
            f"the convolution {name} expects {counted(layer.in_channels, 'channel')}, got {shape[1]}"
        )


def place_in_code(failure: Exception) -> str | None:
    """Returns the line of the user's own code that failed, such as `line 65 of nets.py (if x.sum() > 0:)`."""
    frames = traceback.extract_tb(failure.__traceback__)
    return _users_line((frame.filename, frame.lineno, frame.line) for frame in frames)


def place_in_trace(stack: str | None) -> str | None:
    """Returns the same of an operator's stack trace, in the form of Python's messages; None without such a line."""
    found = _FRAME.findall(stack or "")
    return _users_line((file, int(number), line.strip()) for file, number, line in found)


def _users_line(frames: Iterable[tuple[str, int | None, str | None]]) -> str | None:
    """Returns the innermost line of the user's own code among frames (file, line number, line)."""
    for file, number, line in reversed(list(frames)):
        path = Path(file)
        if path.is_file() and not any(path.is_relative_to(folder) for folder in _FOREIGN):
            return f"line {number} of {path.name} ({line})"
    return None


@contextmanager
def in_silence() -> Iterator[None]:
    """Keeps back what torch prints and logs while it traces: its failures are reported in other words.

    What the module itself prints and warns of has been shown in its first run.
    """
    level = logging.root.manager.disable
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()), warnings.catch_warnings():
        # a module may keep tensors of its forward pass in attributes, as nn.LSTM does: the graph is whole without them
        warnings.filterwarnings("ignore", "The tensor attribute", UserWarning)
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(level)
