"""Arrays with a description on disk: safetensors and JSON, never half-written, and no pickle."""

import json
import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as arrays_from_bytes
from safetensors.numpy import save as bytes_from_arrays

from infra.errors import DataError


def write_arrays(
    folder: Path,
    name: str,
    arrays_name: str,
    arrays: Mapping[str, NDArray[Any]],
    description: Mapping[str, Any],
) -> None:
    """Write arrays and then, when they are on the disk, the JSON file that names their file and its digest.

    Parameters
    ----------
    folder : Path
        Folder of both files; made if it is not there.
    name : str
        Name of the JSON file.
    arrays_name : str
        Name of the safetensors file.
    arrays : mapping of str to ndarray
        Arrays by their names.
    description : mapping of str to object
        Further content of the JSON file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = bytes_from_arrays(dict(arrays))
    _replace(folder / arrays_name, content)
    described = {**description, "tensors": arrays_name, "sha256": sha256(content).hexdigest()}
    _replace(folder / name, (json.dumps(described, indent=2) + "\n").encode())


def read_arrays(folder: Path, name: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read arrays and their description, as `write_arrays` wrote them.

    Raises
    ------
    DataError
        If a file is missing or damaged.
    """
    try:
        description = json.loads((folder / name).read_text("utf-8"))
        # only the last part of the name is used, so that no name leads out of the folder
        content = (folder / Path(description["tensors"]).name).read_bytes()
        if sha256(content).hexdigest() != description["sha256"]:
            raise ValueError(f"the SHA-256 digest of {description['tensors']} is not the one in {name}")
        return arrays_from_bytes(content), description
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise DataError(f"'{folder}' cannot be read, delete it or give another folder: {error}") from None


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
