"""An annotated TOML file of all settings, generated from their defaults and docstrings."""

import inspect
import json
import textwrap
from collections.abc import Iterable

from pydantic import BaseModel

import hw_models
from hw_models import WeightCoding, adc_names, device_names, model_names, technology_names
from xpert_evo.accuracy.surrogate.kinds import AUTO, SurrogateKind
from xpert_evo.accuracy.training.protocols import names_from_scratch
from xpert_evo.accuracy.training.recipes import entries as recipes
from xpert_evo.accuracy.training.recipes import load_recipe
from xpert_evo.config import CostRule, RunConfig, Schedule, SearchMode
from xpert_evo.executor_kinds import ExecutorKind
from xpert_evo.objectives import OBJECTIVES
from xpert_evo.space import PAPER_CHOICES

_HEAD = """\
# Settings of xpert-evo. Each commented line shows a default; remove the "#" to change it.
# "none" stands for no value: no limit, or an automatic choice (for genes, the choices of the XPert paper).
# `xpert-evo run --config THIS_FILE --dry-run` checks the file and shows the resulting task.
"""


def annotated_settings() -> str:
    """A settings file with the default, the meaning and the allowed names of every setting.

    Everything but the table headers is commented out.
    """
    return "\n".join([_HEAD, *_lines(RunConfig(), "")]) + "\n"


def _lines(model: BaseModel, prefix: str) -> list[str]:
    meanings, known = meanings_of(type(model)), known_names()
    values, tables = [], []
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            head = (inspect.getdoc(type(value)) or "").splitlines()[0]
            tables += ["", f"# {head}", f"[{prefix}{name}]", *_lines(value, f"{prefix}{name}.")]
        else:
            choices = known.get(f"{prefix}{name}", "")
            values += [*_comment(meanings.get(name, "")), *_comment(choices), f"#{name} = {_shown(value)}"]
    return values + tables


def known_names() -> dict[str, str]:
    """Setting -> sentence that lists its allowed names, or the paper's choices of a gene."""
    names: dict[str, Iterable[str]] = {
        "hardware.model": model_names(),
        "hardware.schedule": hw_models.Schedule,
        "hardware.adc": adc_names(),
        "hardware.device": device_names(),
        "hardware.technology": technology_names(),
        "hardware.crossbar.coding": WeightCoding,
        "search.mode": SearchMode,
        "search.objectives": OBJECTIVES,
        "search.costs": CostRule,
        "search.cost_models": model_names(),
        "search.surrogate": (AUTO, *SurrogateKind),
        "training.protocol": names_from_scratch(),
        "training.finalist_protocol": names_from_scratch(),
        "training.schedule": Schedule,
        "native.recipe": [name for name in recipes() if not load_recipe(name).needs_weights],
        "executor.kind": ExecutorKind,
    }
    genes = {f"space.{kind}": f"The paper's: {_shown(choices)}" for kind, choices in PAPER_CHOICES.items()}
    return {**{setting: f"Names: {', '.join(known)}." for setting, known in names.items()}, **genes}


def meanings_of(model: type[BaseModel]) -> dict[str, str]:
    """Setting -> its meaning, from the `Attributes:` sections of a model and its bases."""
    meanings: dict[str, str] = {}
    for base in reversed(model.__mro__):
        section = (inspect.getdoc(base) or "").partition("Attributes:\n")[2]
        entries = textwrap.dedent(section).split("\n")
        name = ""
        for entry in entries:
            if entry.startswith(" "):
                meanings[name] += " " + entry.strip()
            elif ": " in entry:
                name, _, text = entry.partition(": ")
                meanings[name] = text
    return meanings


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, 100)]


def _shown(value: object) -> str:
    if value is None:
        return '"none"'
    if isinstance(value, dict):
        return "{}"
    return json.dumps(value)
