"""PyTorch's side of the inference benchmark.

    pytorch_inference.py MODE CASE WEIGHTS BATCH THREADS SECONDS

MODE is eager or compile, CASE is JSON, WEIGHTS a safetensors file with the generator's tensors under ganx's names. It
first says what the network makes of four latents of 0.5 without dropout, so that both sides are known to be the same
network; then it does a round of calls that take about SECONDS for every line `round` on stdin.
"""

import json
import sys
import time

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from pytorch_step import Json, dcgan, peak_bytes, say


class Generator(nn.Module):
    """A DCGAN generator with dropout that stays on, after the activation of its first layers."""

    def __init__(self, case: Json, weights: dict[str, Tensor]) -> None:
        super().__init__()
        recipe = case["recipe"]
        self.layers, _ = dcgan(recipe["network"], case["sample"]["shape"])
        self.rate, self.dropped = recipe["techniques"]["dropout"]["rate"], recipe["techniques"]["dropout"]["layers"]
        self.eval()
        blocks = sum(isinstance(layer, nn.ConvTranspose2d) for layer in self.layers)
        place = "project"
        block = 0
        for layer in self.layers:
            if isinstance(layer, nn.ConvTranspose2d):
                block += 1
                place = "image" if block == blocks else f"block{block}"
            kind = {nn.Linear: "dense", nn.ConvTranspose2d: "conv", nn.BatchNorm2d: "norm"}.get(type(layer))
            if kind is None:
                continue
            tensors = {
                name: weights[f"generator/{place}/{kind}/{name}"]
                for name in layer.state_dict()
                if name != "num_batches_tracked"
            }
            layer.load_state_dict(tensors, strict=False)

    def forward(self, x: Tensor, drop: bool = True) -> Tensor:
        done = 0
        for layer in self.layers:
            x = layer(x)
            if isinstance(layer, nn.LeakyReLU):
                if drop and done < self.dropped and self.rate > 0:
                    x = functional.dropout(x, self.rate, training=True)
                done += 1
        return x


def main(mode: str, case_json: str, weights: str, batch: str, threads: str, seconds: str) -> None:
    torch.set_num_threads(int(threads))
    torch.set_flush_denormal(True)
    case = json.loads(case_json)
    network = Generator(case, load_file(weights))
    z_dim = case["recipe"]["network"]["zDim"]
    with torch.inference_mode():
        proof = network(torch.full((4, z_dim), 0.5), drop=False)
        called = torch.compile(network) if mode == "compile" else network

        def run(steps: int) -> float:
            start = time.perf_counter()
            for _ in range(steps):
                called(torch.randn(int(batch), z_dim))
            return (time.perf_counter() - start) * 1e3

        run(2)
        steps, milliseconds = 2, run(2)
        for _ in range(3):
            steps = max(1, min(round(float(seconds) * 1e3 * steps / milliseconds), steps * 20))
            milliseconds = run(steps)
        say({"proof": proof.flatten().tolist()})
        for line in sys.stdin:
            if line.strip() != "round":
                break
            cpu = time.process_time()
            milliseconds = run(steps)
            say(
                {
                    "steps": steps,
                    "milliseconds": milliseconds,
                    "cpuMilliseconds": (time.process_time() - cpu) * 1e3,
                }
            )
    say({"peakBytes": peak_bytes()})


if __name__ == "__main__":
    main(*sys.argv[1:])
