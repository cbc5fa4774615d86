"""Downloads that go on where they were cut off and count only with the right checksum."""

import hashlib
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path

from xpert_evo.errors import DataError

Progress = Callable[[int, int | None], None]
"""Told the bytes at hand and, where the server says so, their total."""

_TIMEOUT_S = 30
_BLOCK = 1 << 18


def download(url: str, target: Path, *, md5: str, on_progress: Progress | None = None) -> None:
    """Downloads `url` to `target`, by way of `target`.part, which a later call goes on with.

    Raises:
        DataError: The server cannot be reached, breaks off, or sends something of another checksum.
    """
    if not url.startswith(("http://", "https://")):
        raise DataError(f"{url} is no http or https address; nothing was downloaded.")
    part = target.with_name(target.name + ".part")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        _go_on(url, part, on_progress)
    except (urllib.error.URLError, HTTPException, OSError) as failure:
        raise DataError(
            f"{url} could not be downloaded ({failure}); try again, which goes on where it stopped, or get the file by "
            "other means and pass it to xpert-evo data import."
        ) from None
    found = checksum(part)
    if found != md5:
        part.unlink()
        raise DataError(f"{url} has the MD5 checksum {found}, expected {md5}: altered or cut off; it was removed.")
    part.replace(target)


def checksum(path: Path) -> str:
    """MD5 of a file in hexadecimal digits: what the data sets' publishers give; no protection against malice."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _go_on(url: str, part: Path, on_progress: Progress | None) -> None:
    done = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={done}-"} if done else {})
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as failure:
        failure.close()
        if failure.code == 416:  # nothing lies beyond what is here: complete already, as the checksum will tell
            return
        raise
    with response:
        resumed = response.status == 206
        done = done if resumed else 0
        length = response.headers.get("Content-Length")
        total = done + int(length) if length and length.isdigit() else None
        with part.open("ab" if resumed else "wb") as file:
            while block := response.read(_BLOCK):
                file.write(block)
                done += len(block)
                if on_progress is not None:
                    on_progress(done, total)
    if total is not None and done < total:
        raise OSError(f"the connection ended after {done:,} of {total:,} bytes")
