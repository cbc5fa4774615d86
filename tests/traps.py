"""What an attacker would send: objects that act when they are unpickled."""

from pathlib import Path


class Trap:
    """Unpickled the usual way, it would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        """What the serialisation asks its reader to call."""
        return Path.touch, (self.path,)
