"""What PyTorch's sides of the benchmarks have in common: arguments, the device, and the rounds they answer with."""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import torch

Json = dict[str, Any]


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser()
    result.add_argument("--threads", type=int, required=True)
    result.add_argument("--seconds", type=float, required=True, help="length of a round")
    result.add_argument("--device", default="cpu", help="cpu, cuda or cuda:INDEX")
    result.add_argument(
        "--tf32", action="store_true", help="multiply matrices in TF32 on CUDA; default: as PyTorch does"
    )
    return result


def prepare(threads: int, tf32: bool) -> None:
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    # As PyTorch's DCGAN example has it; onnxruntime searches for the fastest convolutions too.
    torch.backends.cudnn.benchmark = True
    if tf32:
        torch.set_float32_matmul_precision("high")


def timed(work: Callable[[int], object], steps: int, device: torch.device) -> float:
    """Milliseconds of `work(steps)`, until the device has done it all."""
    start = time.perf_counter()
    work(steps)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return (time.perf_counter() - start) * 1e3


def warm(work: Callable[[int], object], seconds: float, device: torch.device) -> int:
    """Warms up; returns how many steps take `seconds`."""
    timed(work, 1, device)
    steps, milliseconds = 1, timed(work, 1, device)
    for _ in range(4):
        fitting = max(1, min(round(seconds * 1e3 * steps / milliseconds), steps * 8))
        # One step fills a round: what more would tell.
        if fitting == steps == 1:
            break
        steps, milliseconds = fitting, timed(work, fitting, device)
    return steps


def answer_rounds(word: Json, work: Callable[[int], object], steps: int, device: torch.device) -> None:
    """Says `word`, then answers every line `round` on stdin with a round of `steps`, and `end` with the peak memory."""
    say(word)
    for line in sys.stdin:
        if line.strip() != "round":
            break
        cpu = time.process_time()
        milliseconds = timed(work, steps, device)
        cpu_milliseconds = (time.process_time() - cpu) * 1e3
        say({"steps": steps, "milliseconds": milliseconds, "cpuMilliseconds": cpu_milliseconds})
    say({"peakBytes": peak_bytes(), **({"deviceBytes": device_bytes()} if device.type == "cuda" else {})})


def device_bytes() -> int | None:
    """What the driver says that this process holds on GPUs, as ganx's side asks it."""
    query = ["nvidia-smi", "--query-compute-apps=pid,used_gpu_memory", "--format=csv,noheader,nounits"]
    try:
        table = subprocess.run(query, capture_output=True, text=True, check=False).stdout
    except OSError:
        return None
    rows = [[cell.strip() for cell in line.split(",")] for line in table.splitlines()]
    held = [int(row[1]) * 2**20 for row in rows if row[0] == str(os.getpid()) and row[1:2] and row[1].isdigit()]
    return sum(held) if held else None


def peak_bytes() -> int:
    # Bytes on macOS, kilobytes elsewhere.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else peak * 1024


def say(answer: Json) -> None:
    print(json.dumps(answer), flush=True)
