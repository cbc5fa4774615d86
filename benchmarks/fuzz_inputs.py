"""Feeds broken settings, designs, constants and archives to their readers; every one must end in one sentence.

    python benchmarks/fuzz_inputs.py --cases 5000

Each case takes a good file, breaks it at random (bytes, values, names, structure) and hands it to the reader that a
command would use. A case passes where the reader returns or raises the project's own error in one line; anything else
is printed and makes the script exit with 1.
"""

import argparse
import copy
import json
import random
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

from hw_models import AdcType, HardwareModelError, load_device, load_technology
from xpert_evo.accuracy.data_transfer import import_dataset
from xpert_evo.backbones import load_backbone
from xpert_evo.config import RunConfig, load_config, parse_assignments
from xpert_evo.design import load_designs
from xpert_evo.errors import XpertEvoError
from xpert_evo.space import SearchSpace

ODD_VALUES: list[Any] = [
    None, True, -1, 0, 1.5, float("nan"), float("inf"), 10**40, "", "x" * 5000, "\x00", "é", [], {}, [[]], {"a": 1},
]  # fmt: skip


def break_value(value: Any, rng: random.Random) -> Any:
    """A copy of nested tables in which one thing is wrong."""
    value = copy.deepcopy(value)
    at = value
    while True:
        if isinstance(at, dict) and at:
            key = rng.choice(list(at))
            action = rng.random()
            if action < 0.15:
                del at[key]
                return value
            if action < 0.3:
                at[f"{key}{rng.choice('xyz_.')}"] = at.pop(key)
                return value
            if not isinstance(at[key], dict | list) or action < 0.5:
                at[key] = rng.choice(ODD_VALUES)
                return value
            at = at[key]
        elif isinstance(at, list) and at:
            i = rng.randrange(len(at))
            if not isinstance(at[i], dict | list) or rng.random() < 0.3:
                at[i] = rng.choice(ODD_VALUES)
                return value
            at = at[i]
        else:
            return rng.choice(ODD_VALUES)


def break_bytes(content: bytes, rng: random.Random) -> bytes:
    """A copy of bytes that are cut, flipped, doubled or sprinkled with strange ones."""
    broken = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        if not broken:
            break
        i = rng.randrange(len(broken))
        match rng.randrange(4):
            case 0:
                del broken[i:]
            case 1:
                broken[i] = rng.randrange(256)
            case 2:
                broken[i:i] = rng.choice([b"\xff\xfe", b"{", b"]", b"\n\n", b'"', b"=", b"\x00", b"9" * 400])
            case 3:
                del broken[i : i + rng.randint(1, 40)]
    return bytes(broken)


def as_toml(value: Any, prefix: str = "") -> str:
    """Nested tables as TOML, as far as TOML has the values."""
    if not isinstance(value, dict):
        return f"value = {json.dumps(value)}\n"
    lines, tables = [], []
    for key, item in value.items():
        name = json.dumps(str(key))
        if isinstance(item, dict):
            tables.append(f"[{prefix}{name}]\n{as_toml(item, f'{prefix}{name}.')}")
        else:
            lines.append(f"{name} = {json.dumps(item)}\n")
    return "".join(lines + tables)


def readers(folder: Path) -> dict[str, Callable[[random.Random], object]]:
    """By name a function that makes one broken input and reads it."""
    settings = RunConfig().to_plain()
    space = SearchSpace(load_backbone("vgg8"))
    genome = space.homogeneous(column_sharing=8, adc_type=AdcType.SAR, adc_precision=6, input_precision=8)
    design = space.decode(genome)[0]
    constants = {
        kind: (resources.files("hw_models") / kind / name).read_bytes()
        for kind, name in (("devices", "rram-6k.toml"), ("technologies", "cmos-32nm-lstp.toml"))
    }

    def settings_file(rng: random.Random) -> object:
        path = folder / "settings.toml"
        text = as_toml(settings).encode()
        path.write_bytes(break_bytes(text, rng) if rng.random() < 0.5 else as_toml(break_value(settings, rng)).encode())
        return load_config(path)

    def assignment(rng: random.Random) -> object:
        name = rng.choice(["seed", "search.generations", "space.adc_precision", "dataset", "hardware.crossbar.rows"])
        text = f"{name}={rng.choice(ODD_VALUES)}"
        return load_config(None, parse_assignments([break_bytes(text.encode(), rng).decode(errors="replace")]))

    def design_file(rng: random.Random) -> object:
        path = folder / "design.json"
        plain = break_value(design.to_plain(), rng)
        path.write_bytes(
            break_bytes(design.to_json().encode(), rng) if rng.random() < 0.5 else json.dumps(plain).encode()
        )
        for one in load_designs(path):
            one.check(space.backbone)
        return None

    def constant_file(rng: random.Random) -> object:
        kind = rng.choice(sorted(constants))
        path = folder / f"{kind}.toml"
        if rng.random() < 0.5:
            path.write_bytes(break_bytes(constants[kind], rng))
        else:
            path.write_text(as_toml(break_value(tomllib.loads(constants[kind].decode()), rng)))
        return (load_device if kind == "devices" else load_technology)(str(path))

    def archive(rng: random.Random) -> object:
        path = folder / "cifar.tar.gz"
        path.write_bytes(break_bytes(b"\x1f\x8b\x08" + rng.randbytes(200), rng))
        return import_dataset(rng.choice(["cifar10", "cifar100", "tiny-imagenet", "cifar"]), path, folder / "data")

    return {
        "settings file": settings_file,
        "--set": assignment,
        "design file": design_file,
        "constants file": constant_file,
        "data archive": archive,
    }


def main() -> int:
    """Runs the cases; 0 where every one ended as it should."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    outcomes: Counter[str] = Counter()
    bad = 0
    with tempfile.TemporaryDirectory() as scratch:
        made = readers(Path(scratch))
        for case in range(options.cases):
            name = list(made)[case % len(made)]
            rng = random.Random(options.seed * 1_000_003 + case)
            try:
                made[name](rng)
                outcomes[f"{name}: still legal"] += 1
            except (XpertEvoError, HardwareModelError) as failure:
                outcomes[f"{name}: refused"] += 1
                if "\n" in str(failure) or not str(failure).strip() or len(str(failure)) > 2000:
                    bad += 1
                    print(f"case {case} ({name}): not one sentence: {str(failure)[:300]!r}")
            except Exception as failure:
                bad += 1
                print(f"case {case} ({name}): {type(failure).__name__}: {str(failure)[:200]}")
    for name, n in sorted(outcomes.items()):
        print(f"{name:30} {n:6}")
    print(f"{options.cases} cases, {bad} without a proper ending")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
