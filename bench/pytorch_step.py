"""PyTorch's side of the step benchmark.

    pytorch_step.py choose CASE THREADS SAMPLES SECONDS
    pytorch_step.py rounds CASE THREADS SAMPLES SECONDS VARIANT

`choose` times the ways in which the step can be written in eager PyTorch and prints the fastest, a VARIANT. `rounds`
does a round of about SECONDS for every line `round` on stdin and answers each with one line of JSON; at `end` it
answers with its peak memory and leaves. CASE and VARIANT are JSON.
"""

import json
import platform
import resource
import sys
import time
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

Json = dict[str, Any]


def dcgan(recipe: Json, image: list[int]) -> tuple[nn.Module, nn.Module]:
    filters, slope, z_dim = recipe["filters"], recipe["slope"], recipe["zDim"]
    channels, size, _ = image
    blocks = {16: 2, 32: 3, 64: 4, 128: 5}[size]
    base = filters * 2 ** (blocks - 1)

    up: list[nn.Module] = [nn.Linear(z_dim, base * 16, bias=False), nn.Unflatten(1, (base, 4, 4))]
    up += [nn.BatchNorm2d(base), nn.LeakyReLU(slope, inplace=True)]
    for i in range(1, blocks):
        to = base // 2**i
        up += [nn.ConvTranspose2d(to * 2, to, 4, 2, 1, bias=False), nn.BatchNorm2d(to)]
        up += [nn.LeakyReLU(slope, inplace=True)]
    up += [nn.ConvTranspose2d(filters, channels, 4, 2, 1), nn.Tanh()]

    down: list[nn.Module] = [nn.Conv2d(channels, filters, 4, 2, 1), nn.LeakyReLU(slope, inplace=True)]
    for i in range(1, blocks):
        to = filters * 2**i
        down += [nn.Conv2d(to // 2, to, 4, 2, 1, bias=False), nn.BatchNorm2d(to)]
        down += [nn.LeakyReLU(slope, inplace=True)]
    down += [nn.Flatten(), nn.Linear(base * 16, 1), nn.Flatten(0)]
    return nn.Sequential(*up), nn.Sequential(*down)


def mlp(recipe: Json, image: list[int]) -> tuple[nn.Module, nn.Module]:
    hidden, slope, pixels = recipe["hidden"], recipe["slope"], torch.Size(image).numel()

    def layers(features: int) -> list[nn.Module]:
        result: list[nn.Module] = []
        for _ in range(recipe["layers"]):
            result += [nn.Linear(features, hidden), nn.LeakyReLU(slope, inplace=True)]
            features = hidden
        return result

    out = [nn.Linear(hidden, pixels), nn.Tanh(), nn.Unflatten(1, tuple(image))]
    g = nn.Sequential(*layers(recipe["zDim"]), *out)
    d = nn.Sequential(nn.Flatten(), *layers(pixels), nn.Linear(hidden, 1), nn.Flatten(0))
    return g, d


class Training:
    """The loop of PyTorch's DCGAN example on random images in memory."""

    def __init__(self, case: Json, samples: int, variant: Json) -> None:
        torch.manual_seed(1)
        recipe = case["recipe"]
        network = recipe["network"]
        self.batch, self.z_dim = recipe["batch"], network["zDim"]
        build = dcgan if network["kind"] == "dcgan" else mlp
        self.g, self.d = build(network, case["sample"]["shape"])
        self.split = variant["backward"] == "split"
        self.format = torch.channels_last if variant["format"] == "channels_last" else torch.contiguous_format
        self.g.to(memory_format=self.format)
        self.d.to(memory_format=self.format)
        self.g_optimizer, self.d_optimizer = (
            torch.optim.Adam(
                net.parameters(),
                lr=options["learningRate"],
                betas=(options["beta1"], options["beta2"]),
                eps=options["epsilon"],
                **({} if variant["adam"] == "plain" else {variant["adam"]: True}),
            )
            for net, options in (
                (self.g, recipe["optimizer"]["generator"]),
                (self.d, recipe["optimizer"]["discriminator"]),
            )
        )
        self.images = torch.randint(0, 256, (samples, *case["sample"]["shape"]), dtype=torch.uint8)
        self.ones, self.zeros = torch.ones(self.batch), torch.zeros(self.batch)
        self.losses: list[tuple[float, float]] = []

    def step(self, indices: Tensor) -> None:
        bce = functional.binary_cross_entropy_with_logits
        real = self.images[indices].float().div_(127.5).sub_(1)
        if real.ndim == 4:
            real = real.contiguous(memory_format=self.format)
        fake = self.g(torch.randn(self.batch, self.z_dim))

        self.d_optimizer.zero_grad(set_to_none=True)
        on_real = bce(self.d(real), self.ones)
        if self.split:
            on_real.backward()
            on_fake = bce(self.d(fake.detach()), self.zeros)
            on_fake.backward()
        else:
            on_fake = bce(self.d(fake.detach()), self.zeros)
            (on_real + on_fake).backward()
        self.d_optimizer.step()

        self.g_optimizer.zero_grad(set_to_none=True)
        g_loss = bce(self.d(fake), self.ones)
        g_loss.backward()
        self.g_optimizer.step()
        self.losses.append((on_real.item() + on_fake.item(), g_loss.item()))

    def run(self, steps: int) -> float:
        """Does steps; returns their milliseconds."""
        start = time.perf_counter()
        self.losses.clear()
        done = 0
        while done < steps:
            order = torch.randperm(len(self.images))
            for indices in order.split(self.batch)[: steps - done]:
                self.step(indices)
                done += 1
        return (time.perf_counter() - start) * 1e3

    def warm(self, seconds: float) -> int:
        """Warms up; returns how many steps take `seconds`."""
        steps, milliseconds = 2, self.run(2)
        for _ in range(3):
            steps = max(1, min(round(seconds * 1e3 * steps / milliseconds), steps * 8))
            milliseconds = self.run(steps)
        return steps


def choose(case: Json, samples: int, seconds: float) -> Json:
    """The fastest variant, one property after the other: rounds in turn, the shortest of each, as noise only adds."""
    choices = {"adam": ["foreach", "fused", "plain"], "backward": ["summed", "split"], "format": ["contiguous"]}
    if case["recipe"]["network"]["kind"] == "dcgan":
        choices["format"].append("channels_last")
    best: Json = {name: values[0] for name, values in choices.items()}
    for name, values in choices.items():
        if len(values) == 1:
            continue
        entries = []
        for value in values:
            training = Training(case, samples, {**best, name: value})
            entries.append((value, training, training.warm(seconds / 4), []))
        for _ in range(7):
            for _, training, steps, times in entries:
                times.append(training.run(steps) / steps)
        best[name] = min(entries, key=lambda entry: min(entry[3]))[0]
    return best


def peak_bytes() -> int:
    # Bytes on macOS, kilobytes elsewhere.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else peak * 1024


def say(answer: Json) -> None:
    print(json.dumps(answer), flush=True)


def main(mode: str, case_json: str, threads: str, samples: str, seconds: str, variant: str = "") -> None:
    torch.set_num_threads(int(threads))
    torch.set_flush_denormal(True)
    case = json.loads(case_json)
    if mode == "choose":
        say(choose(case, int(samples), float(seconds)))
        return
    training = Training(case, int(samples), json.loads(variant))
    steps = training.warm(float(seconds))
    say({"torch": torch.__version__})
    for line in sys.stdin:
        if line.strip() != "round":
            break
        cpu = time.process_time()
        milliseconds = training.run(steps)
        cpu_milliseconds = (time.process_time() - cpu) * 1e3
        say({"steps": steps, "milliseconds": milliseconds, "cpuMilliseconds": cpu_milliseconds})
    say({"peakBytes": peak_bytes()})


if __name__ == "__main__":
    main(*sys.argv[1:])
