"""What a user's own images cost before the first training: time and memory an image, from files to the mapped cache.

    python benchmarks/image_folders.py [--images 5000] [--classes 1000] [--side 224]

Writes JPEG files of waves and noise into a temporary folder, a sub-folder for each class, decodes them into a cache of
32 x 32 pixels, and opens it again; then decodes them at their own size, as larger backbones would need. Each way runs
in a process of its own, whose largest memory above that of the imports is told.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

_MEASURE = """
import json, resource, sys, time
from pathlib import Path
from xpert_evo.accuracy.datasets.own_images import own_images
from xpert_evo.image_sources import Resize
name, cache, side = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
before = resource.getrusage(resource.RUSAGE_SELF)
started = time.perf_counter()
found = own_images(name, cache, (side, side), Resize.CROP)
seconds = time.perf_counter() - started
after = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({
    "wall_s": seconds,
    "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    "memory_mib": (after.ru_maxrss - before.ru_maxrss) / 1024,
    "cache_bytes": sum(path.stat().st_size for path in (cache / found.digest).iterdir()),
}))
"""


def write_images(folder: Path, n_images: int, n_classes: int, side: int) -> int:
    """Writes JPEG files with something to compress; returns their bytes."""
    generator = np.random.default_rng(0)
    rows, columns = np.mgrid[:side, :side]
    n_bytes = 0
    for i in range(n_images):
        waves = np.sin(rows[..., None] / generator.uniform(3, 30, 3) + columns[..., None] / generator.uniform(3, 30, 3))
        noisy = 128 + 80 * waves + generator.normal(0, 12, (side, side, 3))
        path = folder / f"class{i % n_classes:04}" / f"{i:07}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path, quality=90)
        n_bytes += path.stat().st_size
    return n_bytes


def measured(images: Path, cache: Path, side: int) -> dict[str, float]:
    """Decodes or opens in a process of its own."""
    words = [sys.executable, "-c", _MEASURE, f"folder:{images}", str(cache), str(side)]
    answer = subprocess.run(words, capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(answer.stdout)
    return result


def main() -> None:
    """Prints a line for each way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=5_000)
    parser.add_argument("--classes", type=int, default=1_000)
    parser.add_argument("--side", type=int, default=224)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        images, cache = Path(place) / "images", Path(place) / "cache"
        n_bytes = write_images(images, options.images, options.classes, options.side)
        side = options.side
        print(f"{options.images:,} JPEG files of {side} x {side}, {n_bytes / options.images:,.0f} bytes each")
        ways = (("decoded to 32", 32), ("opened again", 32), (f"decoded to {options.side}", options.side))
        for what, side in ways:
            found = measured(images, cache, side)
            wall_ms, cpu_ms = (1e3 * found[name] / options.images for name in ("wall_s", "cpu_s"))
            print(
                f"{what}: {wall_ms:.3f} ms an image ({cpu_ms:.3f} ms of a core), {found['memory_mib']:.0f} MiB above "
                f"the imports, cache {found['cache_bytes'] / options.images:,.0f} bytes an image"
            )


if __name__ == "__main__":
    main()
