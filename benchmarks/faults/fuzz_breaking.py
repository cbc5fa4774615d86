"""How good inputs are broken, for `fuzz_inputs.py`: values, structure, bytes, archives. Alone it does nothing."""

import copy
import io
import json
import pickle
import random
import struct
import tarfile
import zipfile
from typing import Any

import numpy as np

ODD_VALUES: list[Any] = [
    None, True, -1, 0, 1.5, float("nan"), float("inf"), -float("inf"), 10**40, 2**63, 1e308, "", "x" * 5000, "\x00",
    "é", "none", "../../etc/passwd", [], {}, [[]], {"a": 1},
]  # fmt: skip
ODD_BYTES = [b"\xff\xfe", b"{", b"]", b"\n\n", b'"', b"=", b"\x00", b"9" * 400, b"[" * 3000, b"\xef\xbb\xbf", b"nan"]
ODD_NAMES = ["../evil", "/tmp/evil", "a/../../evil", "data_batch_1.bin", "a" * 300, "con\x00trol", ".", "é/ü", "x\ny"]


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
    """A copy of bytes that are cut, changed, lengthened, or in another encoding."""
    if rng.random() < 0.1:
        return content.decode(errors="replace").encode(rng.choice(["utf-16", "utf-32", "utf-8-sig"]))
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
                broken[i:i] = rng.choice(ODD_BYTES)
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
        elif isinstance(item, list) and item and all(isinstance(entry, dict) for entry in item):
            tables += [f"[[{prefix}{name}]]\n{as_toml(entry, f'{prefix}{name}.')}" for entry in item]
        else:
            lines.append(f"{name} = {_toml_value(item)}\n")
    return "".join(lines + tables)


def _toml_value(value: Any) -> str:
    """JSON's words for nothing and for odd numbers are not TOML's."""
    text = json.dumps("none" if value is None else value)
    return text.replace("NaN", "nan").replace("Infinity", "inf")


def cifar_members(rng: random.Random) -> dict[str, bytes]:
    """The files of CIFAR-10 in its binary or python layout, with a few records instead of ten thousand."""
    files = {}
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        images = np.frombuffer(rng.randbytes(2 * 3072), np.uint8).reshape(2, 3072)
        labels = [rng.randrange(12), rng.randrange(10)]
        if rng.random() < 0.5:
            files[f"cifar/{name}.bin"] = np.concatenate([np.array(labels, np.uint8)[:, None], images], axis=1).tobytes()
        else:
            batch = break_value({"data": images, "labels": labels}, rng) if rng.random() < 0.5 else {"data": images}
            files[f"cifar/{name}"] = pickle.dumps(batch, protocol=rng.choice([0, 2, 4]))
    return files


def broken_archive(rng: random.Random) -> bytes:
    """An archive of a data set that is truncated, changed, a bomb, or points elsewhere."""
    members = cifar_members(rng)
    if rng.random() < 0.4:
        members[rng.choice(ODD_NAMES)] = b"evil"
    content = _zip(members, rng) if rng.random() < 0.4 else _tar(members, rng)
    return break_bytes(content, rng) if rng.random() < 0.4 else content


def _zip(members: dict[str, bytes], rng: random.Random) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, content in members.items():
            pack.writestr(name.replace("\x00", ""), content)
        bomb = rng.random() < 0.3
        if bomb:
            pack.writestr("bomb", bytes(1 << 20))
    content = stream.getvalue()
    declared = rng.choice([0, 100, 0x7FFFFFFF, 0xFFFFFFFE])  # what it claims to become, from nothing to four gigabytes
    return content.replace(struct.pack("<I", 1 << 20), struct.pack("<I", declared)) if bomb else content


def _tar(members: dict[str, bytes], rng: random.Random) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=rng.choice(["w:gz", "w", "w:xz", "w:bz2"])) as tape:
        for name, content in members.items():
            info = tarfile.TarInfo(name.replace("\x00", ""))
            info.size = len(content)
            tape.addfile(info, io.BytesIO(content))
        if rng.random() < 0.4:
            info = tarfile.TarInfo("odd")
            kinds = [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE, b"?"]
            info.type = rng.choice([*kinds, tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
            info.linkname = rng.choice(["/etc/passwd", "../../x", "odd", ""])
            info.size = rng.choice([0, 512, 1 << 40])
            if info.type not in kinds[:4]:
                stream_of_header = info.tobuf(tarfile.GNU_FORMAT)
                tape.fileobj.write(stream_of_header)
            else:
                info.size = 0
                tape.addfile(info)
    return stream.getvalue()
