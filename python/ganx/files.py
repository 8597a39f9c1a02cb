"""Files of a run, read and written as ganx does: whole or not at all."""

import json
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from .errors import InputError

Json: TypeAlias = dict[str, Any]


def read_bytes(path: Path) -> bytes:
    """Content of a file.

    Raises:
        InputError: naming the file, where it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as cause:
        raise InputError(f"{path}: cannot read: {cause.strerror}") from cause


def read_json(path: Path) -> Json:
    """Object that a JSON file holds.

    Raises:
        InputError: naming the file, where it holds none.
    """
    return parse_json(read_bytes(path), path)


def parse_json(data: bytes, path: Path) -> Json:
    """Object that the content of a JSON file holds.

    Raises:
        InputError: naming the file, where it holds none.
    """
    try:
        value = json.loads(data)
    except ValueError as cause:
        raise InputError(f"{path}: not valid JSON ({cause})") from cause
    if not isinstance(value, dict):
        raise InputError(f"{path}: must hold a JSON object, not a {type(value).__name__}")
    return value


def read_records(path: Path) -> list[Json]:
    """Objects of a file of JSON lines; none where there is no file. A last line without its end is left out.

    Raises:
        InputError: naming the line that is no record.
    """
    if not path.exists():
        return []
    records: list[Json] = []
    for number, line in enumerate(read_bytes(path).decode().split("\n")[:-1], 1):
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict) or not isinstance(record.get("step"), int):
            raise InputError(f"{path}: line {number} is no log record ({json.dumps(line[:60])})")
        records.append(record)
    return records


def write_folder(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write a folder of files in the order given, replacing one of that name.

    It is built under another name and renamed when it is whole; the one that it replaces goes last.
    """
    unfinished, replaced = _temporary_beside(folder), _temporary_beside(folder)
    unfinished.mkdir(parents=True)
    try:
        for name, data in contents.items():
            with (unfinished / name).open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        is_replacing = folder.exists()
        if is_replacing:
            folder.rename(replaced)
        try:
            unfinished.rename(folder)
        except OSError:
            if is_replacing:
                replaced.rename(folder)
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    shutil.rmtree(replaced, ignore_errors=True)


def _temporary_beside(path: Path) -> Path:
    """Name for what is not finished, which `ganx train --resume` takes for a leftover."""
    return path.parent / f".{path.name}.{secrets.token_hex(8)}.tmp"
