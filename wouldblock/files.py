"""Writing files whole or not at all.

A file is written under a temporary name beside its place and then renamed, so that a reader never finds half of one
and an interrupted command leaves the old file as it was. Whether a file can be written is asked before the work
begins: nobody waits a minute for a report that cannot be kept. Devices and pipes (`/dev/null`, `/dev/stdout`) are
written straight, because a rename would put a file in their place.

``-`` means standard output.

Not here: what is written.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from wouldblock.front import Stop

STDOUT = "-"


def check_file(name: str | None, option: str) -> None:
    """Stop with one sentence if the file `name`, wanted by `option`, cannot be written. None and ``-`` always can."""
    if name is None or name == STDOUT:
        return
    if not name:
        raise Stop(f"{option}: the name of a file is missing.")
    path = Path(name)
    if path.is_dir():
        raise Stop(f"{option} {name}: this is a directory, and a file is wanted.")
    if not path.parent.is_dir():
        raise Stop(f"{option} {name}: there is no directory {path.parent}.")
    try:
        if _is_plain(path):
            _try_in(path.resolve().parent)
        else:
            with path.open("ab"):
                pass
    except OSError as error:
        raise Stop(f"{option} {name}: cannot be written ({_why(error)}).") from None


def make_folder(name: str | Path, option: str) -> Path:
    """Make the folder `name`, wanted by `option`, with its parents, and see that files can be made in it. Stop with
    one sentence if not.
    """
    path = Path(name)
    try:
        path.mkdir(parents=True, exist_ok=True)
        _try_in(path)
    except (FileExistsError, NotADirectoryError):
        raise Stop(f"{option} {name}: there is a file where a directory is wanted.") from None
    except OSError as error:
        raise Stop(f"{option} {name}: cannot be written ({_why(error)}).") from None
    return path


def write(name: str | Path, content: str | bytes) -> None:
    """Write `content` (text as UTF-8) to the file `name`, whole or not at all; Stop with one sentence if that fails."""
    data = content.encode() if isinstance(content, str) else content
    if str(name) == STDOUT:
        sys.stdout.write(data.decode())
        sys.stdout.flush()
        return
    path = Path(name)
    try:
        if not _is_plain(path):
            path.write_bytes(data)
            return
        path = path.resolve()
        beside = _beside(path.parent, path.name)
        try:
            beside.write_bytes(data)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise Stop(f"{name} cannot be written ({_why(error)}).") from None


def write_json(name: str | Path | None, value: Any) -> None:
    """Write `value` as JSON with sorted keys to the file `name`; None writes nothing."""
    if name is not None:
        write(name, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def _is_plain(path: Path) -> bool:
    return path.is_file() or not path.exists()


def _beside(folder: Path, name: str) -> Path:
    return folder / f".{name}.{os.getpid()}.tmp"


def _try_in(folder: Path) -> None:
    """Make an empty file in `folder` and remove it. Raises OSError."""
    trial = _beside(folder, "wouldblock")
    trial.touch()
    trial.unlink()


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
