"""Parses external data into pydantic models and reports a failure in one sentence."""

import json
from collections.abc import Iterable
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from hw_models.errors import closest
from xpert_evo.errors import XpertEvoError

Model = TypeVar("Model", bound=BaseModel)

_MAX_SHOWN = 80
_SIZES = {
    "too_short": "least {} entries",
    "too_long": "most {} entries",
    "string_too_short": "least {} characters",
    "string_too_long": "most {} characters",
}


class Frozen(BaseModel):
    """An immutable value that accepts no unknown names and no implicit type conversions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def nearest(name: str, known: Iterable[str]) -> str:
    """Returns a hint for a misspelt `name`: the closest of the `known` ones, otherwise all of them."""
    names = sorted(known)
    close = closest(name, names, cutoff=0.5)
    return f"did you mean '{close}'?" if close else f"known: {', '.join(names)}."


def parse(model: type[Model], data: object, *, where: str, error: type[XpertEvoError]) -> Model:
    """Parses `data` as a `model`.

    Args:
        model: The pydantic model to build.
        data: Nested dictionaries and lists as returned by JSON and TOML readers.
        where: Name of the data, for the message: a file's name, "settings".
        error: Class of the error to raise, with one sentence that starts with `where`.
    """
    # The JSON form stays strict (1.0 is not an integer) but accepts an enumeration by its name and a list as a tuple.
    return parse_text(model, json.dumps(data, default=_plain), where=where, error=error)


def _plain(value: object) -> object:
    """Returns numbers and arrays of NumPy as numbers and lists, and anything else as text."""
    plain = getattr(value, "tolist", None)
    return plain() if callable(plain) else str(value)


def parse_text(model: type[Model], text: str, *, where: str, error: type[XpertEvoError]) -> Model:
    """Parses JSON text as a `model`, in one pass; see `parse`."""
    try:
        return model.model_validate_json(text)
    except ValidationError as failure:
        raise error(f"{where}: {_sentence(model, failure.errors())}") from None


def _sentence(model: type[BaseModel], details: list[ErrorDetails]) -> str:
    # A misspelt name also leaves a required one missing; report the misspelling.
    detail = next((d for d in details if d["type"] == "extra_forbidden"), details[0])
    loc = detail["loc"]
    path = _path(loc)
    shown = _shown(detail["input"])
    if detail["type"] == "extra_forbidden":
        return f"unknown name '{path}'; {_hint(model, loc)}"
    if detail["type"] == "missing":
        return f"'{path}' is missing; add it."
    if detail["type"] in {"model_type", "dict_type"}:
        subject = f"'{path}'" if path else "the content"
        return f"{subject} must be a table of names and values, got {shown}."
    if detail["type"] in {"value_error", "assertion_error"}:
        return str(detail.get("ctx", {}).get("error", detail["msg"]))
    return f"'{path}' must {_demand(detail)}, got {shown}{_advice(detail)}"


def _demand(detail: ErrorDetails) -> str:
    """Returns what is required of a value."""
    kind, given = detail["type"], detail["input"]
    if kind in _SIZES:
        limit = next(value for name, value in detail["ctx"].items() if name in {"min_length", "max_length"})
        return f"have at {_SIZES[kind].format(limit)}"
    if kind == "string_pattern_mismatch":
        return f"match the pattern {detail['ctx']['pattern']}"
    if kind in {"tuple_type", "list_type"}:
        return f"be a list such as {_as_list(given)}" if isinstance(given, (int, float, str)) else "be a list"
    return f"be {detail['msg'].removeprefix('Input should be ').removeprefix('Value should be ')}"


def _advice(detail: ErrorDetails) -> str:
    """Returns the end of the sentence: what to write instead, if it can be guessed."""
    given = detail["input"]
    if not isinstance(given, str):
        return "."
    if detail["type"] == "enum":
        names = [word.strip("' ") for word in detail["ctx"]["expected"].replace(" or ", ",").split(",")]
        return f"; {nearest(given, names)}"
    return "; write none for no value." if given.lower() in {"none", "null"} else "."


def _hint(model: type[BaseModel], loc: tuple[int | str, ...]) -> str:
    """Returns the full intended name, from the same or another table; otherwise lists the known names."""
    name, before = str(loc[-1]), loc[:-1]
    names = _fields_at(model, before)
    close = closest(name, names, cutoff=0.5)
    elsewhere = [path for path in _leaves(model) if path.rpartition(".")[2] == name]
    if not close and elsewhere:
        return f"did you mean '{elsewhere[0]}'?"
    return f"did you mean '{_path((*before, close))}'?" if close else nearest(name, names)


def _leaves(model: type[BaseModel], prefix: str = "") -> list[str]:
    """Returns the dotted names of all settings of a model, without the tables themselves."""
    found: list[str] = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found += _leaves(inner, f"{prefix}{name}.")
        else:
            found.append(f"{prefix}{name}")
    return found


def _as_list(value: object) -> str:
    """Formats what was given instead of a list as a list: `a,b` as `["a", "b"]`, `4` as `[4]`."""
    if not isinstance(value, str):
        return f"[{_shown(value)}]"
    parts = [part.strip(" '\"") for part in value.strip("[] ").split(",")]
    return f"[{', '.join(part if part.isdecimal() else _shown(part) for part in parts if part)}]"


def _path(loc: tuple[int | str, ...]) -> str:
    """Formats `("layers", 3, "name")` for users: `layers[3].name`."""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _shown(value: object) -> str:
    if value is None:
        return "none"  # as users write it
    text = json.dumps(value, default=str)
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 3] + "..."


def _fields_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Returns the names of the fields of the model that `loc` leads to inside `model`."""
    current: type[BaseModel] | None = model
    for part in loc:
        if current is not None and part in current.model_fields:  # otherwise a position or a user-chosen name
            current = _model_in(current.model_fields[str(part)].annotation)
    return list(current.model_fields) if current is not None else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)
