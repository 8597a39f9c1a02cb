"""Sessions of onnxruntime."""

import re
from pathlib import Path
from typing import Any

import onnxruntime

from .errors import InputError


def providers_of(device: str) -> list[Any]:
    """Execution providers of `cpu`, `cuda` or `cuda:<index>`.

    Raises:
        InputError: for another device, or one that the installed onnxruntime lacks.
    """
    cuda = re.fullmatch(r"cuda(?::(\d{1,4}))?", device)
    if device != "cpu" and not cuda:
        raise InputError(f'device "{device}" must be cpu, cuda or cuda:<index>')
    if not cuda:
        return ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        raise InputError(f"device {device} cannot be used: install onnxruntime-gpu in place of onnxruntime")
    return [("CUDAExecutionProvider", {"device_id": int(cuda[1] or 0)})]


def create_session(
    path: Path, device: str = "cpu", options: onnxruntime.SessionOptions | None = None
) -> onnxruntime.InferenceSession:
    """Load a model into onnxruntime.

    Raises:
        InputError: where there is no such file, or onnxruntime refuses it.
    """
    providers = providers_of(device)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        # From bytes: a path may hold letters that onnxruntime cannot pass on.
        return onnxruntime.InferenceSession(path.read_bytes(), options or quiet_options(), providers=providers)
    except Exception as cause:
        # onnxruntime's own errors have no common class.
        reason = str(cause).split("\n", 1)[0]
        raise InputError(f"{path}: onnxruntime refuses the model ({reason})") from cause


def quiet_options(threads: int | None = None) -> onnxruntime.SessionOptions:
    """Session options with onnxruntime's log down to errors.

    Args:
        threads: 1 to 1024; default as many as there are cores.
    """
    if threads is not None and not 1 <= threads <= 1024:
        raise InputError(f"threads {threads} must be an integer from 1 to 1024")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.inter_op_num_threads = 1
    if threads is not None:
        options.intra_op_num_threads = threads
    return options


def metadata_of(session: onnxruntime.InferenceSession) -> dict[str, str]:
    """Metadata of the model of a session."""
    return dict(session.get_modelmeta().custom_metadata_map)
