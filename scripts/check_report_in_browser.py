"""Opens a report in headless Chromium: no console message, hovering and clicking work; leaves screenshots to look at.

Usage: python scripts/check_report_in_browser.py runs/NAME/report.html [--screenshots FOLDER] [--chromium BINARY]

Chromium is steered through a copy of the page whose own script is followed by a few steps. Nothing else needs it.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

STEPS = """
const said = [];
const points = [...document.querySelectorAll(".point[data-id]")];
const panel = document.getElementById("design"), tip = document.getElementById("tip");
said.push(["points", points.length]);
said.push(["first design shown", panel.querySelector("h3") !== null]);
const last = points[points.length - 1];
last.dispatchEvent(new MouseEvent("mouseenter"));
said.push(["hovering shows figures", !tip.hidden && tip.textContent.includes("EDAP")]);
last.dispatchEvent(new MouseEvent("mouseleave"));
said.push(["leaving hides them", tip.hidden]);
let right = 0;
for (const point of points) {
  point.dispatchEvent(new MouseEvent("click", {bubbles: true}));
  const title = panel.querySelector("h3").textContent;
  const rows = panel.querySelectorAll("tbody tr").length;
  right += title === "Design " + point.dataset.id && rows > 1 && point.classList.contains("chosen");
}
said.push(["clicks that show their design", right]);
const link = document.querySelector("button.link");
if (link) { link.click(); said.push(["link shows its design", panel.textContent.includes(link.dataset.id)]); }
points[0].dispatchEvent(new KeyboardEvent("keydown", {key: "Enter"}));
said.push(["Enter shows its design", panel.textContent.includes(points[0].dataset.id)]);
const images = [...document.images];
const whole = images.filter((image) => image.complete && image.naturalWidth > 0).length;
said.push(["images", images.length], ["images that load", whole]);
said.push(["fits the window", document.documentElement.scrollWidth <= window.innerWidth]);
const verdict = document.createElement("pre");
verdict.id = "verdict";
verdict.textContent = JSON.stringify(said);
document.body.append(verdict);
"""


def main() -> int:
    """Runs the check; 0 where all is well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path)
    parser.add_argument("--screenshots", type=Path, help="folder for wide.png and narrow.png")
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome"))
    options = parser.parse_args()
    if options.chromium is None:
        parser.error("no chromium was found; install it or give --chromium BINARY.")
    said, console = steered(options.chromium, options.page)
    for name, value in said.items():
        print(f"{name}: {value}")
    for line in console:
        print(f"console: {line}")
    if options.screenshots is not None:
        options.screenshots.mkdir(parents=True, exist_ok=True)
        for name, size in (("wide", "1240,2400"), ("narrow", "600,2400")):
            shot = f"--screenshot={(options.screenshots / f'{name}.png').absolute()}"
            browser(options.chromium, options.page, shot, f"--window-size={size}", "--hide-scrollbars")
    good = (
        said["clicks that show their design"] == said["points"] > 0
        and said["images that load"] == said["images"] > 0
        and all(value is not False for value in said.values())
        and not console
    )
    print("all is well" if good else "something is wrong")
    return 0 if good else 1


def steered(chromium: str, page: Path) -> tuple[dict[str, int | bool], list[str]]:
    """What the steps said, and what the page wrote on the browser's console."""
    text = page.read_text(encoding="utf-8").replace(
        "</body>", f"<script>addEventListener('load', () => {{{STEPS}}});</script></body>"
    )
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "report.html"
        copy.write_text(text, encoding="utf-8")
        outcome = browser(chromium, copy, "--dump-dom", "--enable-logging=stderr", "--virtual-time-budget=5000")
    found = re.search(r'<pre id="verdict">(.*?)</pre>', outcome.stdout, re.DOTALL)
    if found is None:
        raise SystemExit(f"the page's script did not run to its end:\n{outcome.stderr[-2000:]}")
    console = [line for line in outcome.stderr.splitlines() if "CONSOLE" in line]
    return dict(json.loads(found.group(1).replace("&amp;", "&"))), console


def browser(chromium: str, page: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """One headless run of the browser on a page."""
    arguments = [chromium, "--headless", "--no-sandbox", "--disable-gpu", *flags, page.absolute().as_uri()]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=180, check=False)


if __name__ == "__main__":
    sys.exit(main())
