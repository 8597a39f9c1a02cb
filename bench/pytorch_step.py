"""PyTorch's side of the step benchmark.

`pytorch_step.py choose` times the ways in which the step can be written in eager PyTorch and prints the fastest, a
variant. `pytorch_step.py rounds --variant VARIANT` does a round of about `--seconds` for every line `round` on stdin
and answers each with one line of JSON; at `end` it answers with its peak memory and leaves. CASE and VARIANT are JSON.
"""

import json
import os
import shutil

import torch
from torch import Tensor, nn
from torch.nn import functional

from pytorch_side import Json, answer_rounds, parser, prepare, say, timed, warm


def dcgan(recipe: Json, image: list[int]) -> tuple[nn.Sequential, nn.Sequential]:
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


def mlp(recipe: Json, image: list[int]) -> tuple[nn.Sequential, nn.Sequential]:
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
    """The loop of PyTorch's DCGAN example on random images that lie on the device.

    The losses of each step are kept and read at the end of a round, so that a GPU need not wait for the host.
    """

    def __init__(self, case: Json, samples: int, variant: Json, device: torch.device) -> None:
        torch.manual_seed(1)
        recipe = case["recipe"]
        network = recipe["network"]
        self.batch, self.z_dim, self.device = recipe["batch"], network["zDim"], device
        build = dcgan if network["kind"] == "dcgan" else mlp
        self.split = variant["backward"] == "split"
        self.format = torch.channels_last if variant["format"] == "channels_last" else torch.contiguous_format
        g, d = build(network, case["sample"]["shape"])
        for net in (g, d):
            # Missing from PyTorch's own overloads.
            net.to(device).to(memory_format=self.format)  # type: ignore[call-overload]
        self.g_optimizer, self.d_optimizer = (
            torch.optim.Adam(
                net.parameters(),
                lr=options["learningRate"],
                betas=(options["beta1"], options["beta2"]),
                eps=options["epsilon"],
                **({} if variant["adam"] == "plain" else {variant["adam"]: True}),
            )
            for net, options in ((g, recipe["optimizer"]["generator"]), (d, recipe["optimizer"]["discriminator"]))
        )
        compiled = variant["networks"] == "compiled"
        self.g, self.d = (torch.compile(net) if compiled else net for net in (g, d))
        self.images = torch.randint(0, 256, (samples, *case["sample"]["shape"]), dtype=torch.uint8, device=device)
        self.ones, self.zeros = torch.ones(self.batch, device=device), torch.zeros(self.batch, device=device)
        self.losses: list[Tensor] = []
        self.mixed = recipe["precision"] == "mixed"
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.mixed)

    def half(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=torch.float16, enabled=self.mixed)

    def step(self, indices: Tensor) -> None:
        bce = functional.binary_cross_entropy_with_logits
        real = self.images[indices].float().div_(127.5).sub_(1)
        if real.ndim == 4:
            real = real.contiguous(memory_format=self.format)
        with self.half():
            fake = self.g(torch.randn(self.batch, self.z_dim, device=self.device))

        def loss(x: Tensor, targets: Tensor) -> Tensor:
            with self.half():
                return bce(self.d(x), targets)

        self.d_optimizer.zero_grad(set_to_none=True)
        on_real = loss(real, self.ones)
        if self.split:
            self.scaler.scale(on_real).backward()
            on_fake = loss(fake.detach(), self.zeros)
            self.scaler.scale(on_fake).backward()
        else:
            on_fake = loss(fake.detach(), self.zeros)
            self.scaler.scale(on_real + on_fake).backward()
        self.scaler.step(self.d_optimizer)

        self.g_optimizer.zero_grad(set_to_none=True)
        g_loss = loss(fake, self.ones)
        self.scaler.scale(g_loss).backward()
        self.scaler.step(self.g_optimizer)
        self.scaler.update()
        self.losses += [on_real.detach() + on_fake.detach(), g_loss.detach()]

    def run(self, steps: int) -> None:
        self.losses.clear()
        done = 0
        while done < steps:
            order = torch.randperm(len(self.images), device=self.device)
            for indices in order.split(self.batch)[: steps - done]:
                self.step(indices)
                done += 1
        if not torch.stack(self.losses).isfinite().all():
            raise RuntimeError("training has diverged")


def choose(case: Json, samples: int, seconds: float, trials: int, device: torch.device) -> Json:
    """The fastest variant, one property after the other: trials in turn, the shortest of each, as noise only adds."""
    choices = {
        "networks": ["eager"],
        "adam": ["foreach", "fused", "plain"],
        "backward": ["summed", "split"],
        "format": ["contiguous"],
    }
    if case["recipe"]["network"]["kind"] == "dcgan":
        choices["format"].append("channels_last")
    best: Json = {name: values[0] for name, values in choices.items()}
    for name, values in choices.items():
        if len(values) == 1:
            continue
        entries: list[tuple[str, Training, int, list[float]]] = []
        for value in values:
            training = Training(case, samples, {**best, name: value}, device)
            entries.append((value, training, warm(training.run, seconds / 4, device), []))
        for _ in range(trials):
            for _, training, steps, times in entries:
                times.append(timed(training.run, steps, device) / steps)
        best[name] = min(entries, key=lambda entry: min(entry[3]))[0]
    return best


def lack_of_compiler(device: torch.device) -> str | None:
    """Why torch.compile cannot work on CPU: it writes C++."""
    compiler = os.environ.get("CXX", "g++")
    return f"no C++ compiler ({compiler})" if device.type == "cpu" and shutil.which(compiler) is None else None


def main() -> None:
    arguments = parser()
    arguments.add_argument("mode", choices=["choose", "rounds"])
    arguments.add_argument("--case", type=json.loads, required=True)
    arguments.add_argument("--samples", type=int, required=True, help="images in memory")
    arguments.add_argument("--trials", type=int, default=7, help="rounds of each variant to choose from")
    arguments.add_argument("--variant", type=json.loads)
    given = arguments.parse_args()
    prepare(given.threads, given.tf32)
    device = torch.device(given.device)
    if given.mode == "choose":
        say(choose(given.case, given.samples, given.seconds, given.trials, device))
        return
    lack = lack_of_compiler(device) if given.variant["networks"] == "compiled" else None
    if lack:
        say({"unable": lack})
        return
    training = Training(given.case, given.samples, given.variant, device)
    answer_rounds({}, training.run, warm(training.run, given.seconds, device), device)


if __name__ == "__main__":
    main()
