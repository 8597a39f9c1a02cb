"""GAN training steps in PyTorch, as its DCGAN example writes them, for comparison with ganx.

Each case is a safetensors file: the initial state under ganx's names, `real` [K, N, ...] and `z` [K, N, zDim]; its
metadata holds the recipe and the sample as JSON, and N counts the samples of all batches of an update. `noise`
[K, N, zDim] is what an encoder's posterior draws with, `shares` [K, batches, M] are those of the real sample in M points
between real and fake, and `augmentation` [K, batches, 3, 8, N / batches] what changes the images that D sees: real and
fake in D's turn, fake in G's. The state after K steps is written beside it, once computed in float32
(`NAME.float32.safetensors`) and once in float64 (`NAME.float64.safetensors`), with the losses as `telemetry` [K, 2].
"""

import json
import math
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

Json = dict[str, Any]
State = dict[str, Tensor]


def activation(slope: float) -> nn.Module:
    return nn.ReLU() if slope == 0 else nn.LeakyReLU(slope)


class Block(nn.Module):
    """A layer, its normalisation and its activation, under the names that ganx gives them."""

    def __init__(self, layers: dict[str, nn.Module], shape: tuple[int, ...] | None = None) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)
        self.shape = shape

    def forward(self, x: Tensor) -> Tensor:
        for name, layer in self.named_children():
            x = layer(x)
            if name == "dense" and self.shape is not None:
                x = x.reshape(-1, *self.shape)
        return x


def norm(kind: str, channels: int) -> dict[str, nn.Module]:
    if kind == "batch":
        return {"norm": nn.BatchNorm2d(channels)}
    if kind == "instance":
        return {"norm": nn.InstanceNorm2d(channels, affine=True)}
    return {}


def doublings(image: list[int]) -> int:
    return {16: 2, 32: 3, 64: 4, 128: 5}[image[1]]


def dcgan_generator(recipe: Json, image: list[int]) -> nn.Module:
    filters, kind, blocks = recipe["filters"], recipe["normalization"], doublings(image)
    base = filters * 2 ** (blocks - 1)
    plain = kind == "none"

    def double(channels: int, to: int, last: bool) -> dict[str, nn.Module]:
        bias = last or plain
        if recipe["upsampling"] == "convTranspose":
            return {"conv": nn.ConvTranspose2d(channels, to, 4, 2, 1, bias=bias)}
        if recipe["upsampling"] == "pixelShuffle":
            return {"conv": nn.Conv2d(channels, to * 4, 3, padding=1, bias=bias), "up": nn.PixelShuffle(2)}
        return {"up": nn.Upsample(scale_factor=2), "conv": nn.Conv2d(channels, to, 3, padding=1, bias=bias)}

    def active(channels: int) -> dict[str, nn.Module]:
        return {**norm(kind, channels), "active": activation(recipe["slope"])}

    net = nn.Sequential()
    dense = nn.Linear(recipe["zDim"], base * 16, bias=plain)
    net.add_module("project", Block({"dense": dense, **active(base)}, (base, 4, 4)))
    for i in range(1, blocks):
        channels = base // 2**i
        net.add_module(f"block{i}", Block({**double(channels * 2, channels, False), **active(channels)}))
    net.add_module("image", Block({**double(filters, image[0], True), "tanh": nn.Tanh()}))
    return net


def dcgan_discriminator(recipe: Json, image: list[int], head: str = "logit", units: int = 1) -> nn.Module:
    filters, kind, blocks = recipe["filters"], recipe["normalization"], doublings(image)
    net = nn.Sequential()
    channels = image[0]
    for i in range(blocks):
        to = filters * 2**i
        normalization = norm(kind, to) if i > 0 else {}
        bias = not normalization
        layers: dict[str, nn.Module]
        if recipe["downsampling"] == "stride":
            layers = {"conv": nn.Conv2d(channels, to, 4, 2, 1, bias=bias)}
        else:
            layers = {"conv": nn.Conv2d(channels, to, 3, padding=1, bias=bias), "down": nn.AvgPool2d(2)}
        net.add_module(f"block{i}", Block({**layers, **normalization, "active": activation(recipe["slope"])}))
        channels = to
    net.add_module("flat", nn.Flatten())
    net.add_module(head, nn.Linear(channels * 16, units))
    return net


def dcgan_encoder(recipe: Json, image: list[int]) -> nn.Module:
    return dcgan_discriminator(recipe, image, "posterior", 2 * recipe["zDim"])


def judged(d: nn.Module, x: Tensor, layer: int) -> tuple[Tensor, Tensor]:
    """The logits of a discriminator, and what its hidden layer has seen."""
    seen = x
    for name, module in d.named_children():
        x = module(x)
        if name == f"block{layer}":
            seen = x
    return x.flatten(), seen


def mlp_generator(recipe: Json, sample: Json) -> nn.Module:
    net = nn.Sequential()
    features, hidden = recipe["zDim"], recipe["hidden"]
    batch_norm = recipe["normalization"] == "batch"
    for i in range(recipe["layers"]):
        layers: dict[str, nn.Module] = {"dense": nn.Linear(features, hidden, bias=not batch_norm)}
        if batch_norm:
            layers["norm"] = nn.BatchNorm1d(hidden)
        net.add_module(f"layer{i}", Block({**layers, "active": activation(recipe["slope"])}))
        features = hidden
    shape = tuple(sample["shape"])
    out: dict[str, nn.Module] = {"dense": nn.Linear(features, torch.Size(shape).numel())}
    if sample["kind"] == "images":
        out["tanh"] = nn.Tanh()
    net.add_module("output", Block(out, shape))
    return net


def mlp_discriminator(recipe: Json, sample: Json) -> nn.Module:
    net = nn.Sequential(nn.Flatten())
    features = torch.Size(sample["shape"]).numel()
    for i in range(recipe["layers"]):
        layers = {"dense": nn.Linear(features, recipe["hidden"]), "active": activation(recipe["slope"])}
        net.add_module(f"layer{i}", Block(layers))
        features = recipe["hidden"]
    net.add_module("logit", nn.Linear(features, 1))
    return net


def networks(recipe: Json, sample: Json) -> tuple[nn.Module, nn.Module]:
    if recipe["kind"] == "mlp":
        return mlp_generator(recipe, sample), mlp_discriminator(recipe, sample)
    return dcgan_generator(recipe, sample["shape"]), dcgan_discriminator(recipe, sample["shape"])


def optimizer_of(recipe: Json, net: nn.Module) -> torch.optim.Optimizer:
    lr = recipe["learningRate"]
    if recipe["kind"] == "sgd":
        return torch.optim.SGD(net.parameters(), lr=lr, momentum=recipe["momentum"])
    betas = (recipe["beta1"], recipe["beta2"])
    return torch.optim.Adam(net.parameters(), lr=lr, betas=betas, eps=recipe["epsilon"])


def tensors_of(net: nn.Module, root: str) -> State:
    """Parameters and running statistics by ganx's names; not PyTorch's counter of batches."""
    return {
        f"{root}/{name.replace('.', '/')}": value
        for name, value in net.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }


def load(net: nn.Module, root: str, state: State) -> None:
    own = tensors_of(net, root)
    missing = {name for name in state if name.startswith(f"{root}/")} ^ own.keys()
    if missing:
        raise SystemExit(f"only one side has {sorted(missing)}")
    with torch.no_grad():
        for name, value in own.items():
            value.copy_(state[name])


def optimizer_state(optimizer: torch.optim.Optimizer, net: nn.Module, root: str) -> State:
    names = {
        "exp_avg": "first_moment",
        "exp_avg_sq": "second_moment",
        "momentum_buffer": "momentum",
    }
    state: State = {}
    for name, parameter in net.named_parameters():
        full = f"{root}/{name.replace('.', '/')}"
        for key, value in optimizer.state[parameter].items():
            if key == "step":
                state[f"optimizer/{root}/updates"] = value
            elif key in names and value is not None:
                state[f"optimizer/{root}/{names[key]}/{full}"] = value
    return state


def generator_loss(kind: str) -> Callable[[Tensor], Tensor]:
    bce = functional.binary_cross_entropy_with_logits
    if kind == "saturating":
        return lambda logits: -bce(logits, torch.zeros_like(logits))
    return lambda logits: bce(logits, torch.ones_like(logits))


Game = tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor, Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]]


def game(kind: str) -> Game:
    """D's loss on real samples and on fakes, and G's: each of the logits of its side and of those of the other."""
    bce = functional.binary_cross_entropy_with_logits
    if kind == "relativistic":
        half = lambda l, other: functional.softplus(other - l).mean() / 2
        return half, lambda l, other: functional.softplus(l - other).mean() / 2, lambda l, other: 2 * half(l, other)
    if kind == "wasserstein":
        return (lambda l, _: -l.mean()), (lambda l, _: l.mean()), lambda l, _: -l.mean()
    if kind == "hinge":
        return (lambda l, _: (1 - l).clamp(min=0).mean()), (lambda l, _: (1 + l).clamp(min=0).mean()), lambda l, _: -l.mean()
    if kind == "least-squares":
        to = lambda target: lambda l, _: functional.mse_loss(l, torch.full_like(l, target)) / 2
        return to(1.0), to(0.0), to(1.0)
    g_loss = generator_loss(kind)
    return (
        lambda l, _: bce(l, torch.ones_like(l)),
        lambda l, _: bce(l, torch.zeros_like(l)),
        lambda l, _: g_loss(l),
    )


def augmented(x: Tensor, options: Json, draws: Tensor) -> Tensor:
    """Images as DiffAugment shows them to D, one after the other; draws [8, N] in (0, 1)."""
    _, _, height, width = x.shape
    color, images = options["color"], []
    reach = [round(options["translation"] * side) for side in (height, width)]
    lengths = [round(options["cutout"] * side) for side in (height, width)]
    for image, (brightness, saturation, contrast, down, right, mirror, cut_down, cut_right) in zip(
        x, draws.T.tolist(), strict=True
    ):
        image = image + color * (brightness - 0.5)
        grey = image.mean(0, keepdim=True)
        image = grey + (image - grey) * (1 + color * (2 * saturation - 1))
        image = image.mean() + (image - image.mean()) * (1 + color * (contrast - 0.5))
        if mirror >= 1 - options["mirror"]:
            image = image.flip(-1)
        around = functional.pad(image, (reach[1], reach[1], reach[0], reach[0]))
        top, left = (int(u * (2 * most + 1)) for u, most in zip((down, right), reach, strict=True))
        image = around[:, top : top + height, left : left + width]
        if options["cutout"] > 0:
            kept = torch.ones_like(image)
            first = [
                int(u * (side + 1 - length % 2)) - length // 2
                for u, side, length in zip((cut_down, cut_right), (height, width), lengths, strict=True)
            ]
            rows, columns = (slice(max(at, 0), at + length) for at, length in zip(first, lengths, strict=True))
            kept[:, rows, columns] = 0
            image = image * kept
        images.append(image)
    return torch.stack(images)


def rate_at(recipe: Json, step: int) -> float:
    """Share of the learning rates that is left at a step."""
    options = recipe["techniques"]["rateDecay"]
    progress = min(step / options["steps"], 1)
    shares = {"none": 1.0, "linear": 1 - progress, "cosine": (1 + math.cos(math.pi * progress)) / 2}
    return shares[options["decay"]]


def train(recipe: Json, sample: Json, initial: State, dtype: torch.dtype) -> State:
    """K steps of both networks; the whole state after them."""
    g, d = networks(recipe["network"], sample)
    load(g, "generator", initial)
    load(d, "discriminator", initial)
    g.to(dtype)
    d.to(dtype)
    g_optimizer = optimizer_of(recipe["optimizer"]["generator"], g)
    d_optimizer = optimizer_of(recipe["optimizer"]["discriminator"], d)
    real_loss, fake_loss, g_loss_of = game(recipe["loss"])
    vae = recipe["techniques"]["vae"]
    encoder = dcgan_encoder(recipe["network"], sample["shape"]) if vae["reconstruction"] > 0 else None
    if encoder is not None:
        load(encoder, "encoder", initial)
        encoder.to(dtype)
        e_optimizer = optimizer_of(recipe["optimizer"]["generator"], encoder)
    average = {name: value.clone() for name, value in tensors_of(g, "generator").items()}

    # Gradients add up over the batches of an update, as PyTorch lets them.
    batches = recipe["accumulate"]
    reals = initial["real"].unflatten(1, (batches, -1))
    zs = initial["z"].unflatten(1, (batches, -1)).to(dtype)
    noises = initial["noise"].unflatten(1, (batches, -1)).to(dtype)
    augmentation = recipe["techniques"]["augmentation"]
    augments = any(augmentation.values())
    losses: list[Tensor] = []
    for step in range(len(reals)):
        for optimizer, player in ((g_optimizer, "generator"), (d_optimizer, "discriminator")):
            for group in optimizer.param_groups:
                group["lr"] = recipe["optimizer"][player]["learningRate"] * rate_at(recipe, step)

        d_optimizer.zero_grad()
        shown_to_d: list[tuple[Tensor, Tensor, tuple[Tensor, Tensor, Tensor] | None]] = []
        d_losses: list[Tensor] = []
        for real, z, noise, draws, share in zip(
            reals[step], zs[step], noises[step], initial["augmentation"][step], initial["shares"][step], strict=True
        ):
            real = real.to(dtype)
            if sample["kind"] == "images":
                real = real / 127.5 - 1
            fake = g(z)
            encoded = None
            if encoder is not None:
                mean, log_variance = encoder(real).chunk(2, 1)
                encoded = (mean, log_variance, g(mean + (log_variance / 2).exp() * noise))
            seen_by_d = [real, fake.detach()]
            if augments:
                seen_by_d = [augmented(x, augmentation, u) for x, u in zip(seen_by_d, draws, strict=False)]
            shown = {side: x.requires_grad_() for side, x in zip(("real", "fake"), seen_by_d, strict=True)}
            on_real, on_fake = d(shown["real"]).flatten(), d(shown["fake"]).flatten()
            d_loss_fake = fake_loss(on_fake, on_real)
            if encoded is not None:
                on_again = d(encoded[2].detach()).flatten()
                d_loss_fake = (d_loss_fake + fake_loss(on_again, on_real)) / 2
            d_loss = real_loss(on_real, on_fake) + d_loss_fake
            penalty = recipe["techniques"]["gradientPenalty"]
            for side, logits in (("real", on_real), ("fake", on_fake)):
                seen = shown[side]
                if penalty[side] > 0:
                    if penalty["shrink"] > 1:
                        seen = seen[: math.ceil(len(seen) / penalty["shrink"])].detach().requires_grad_()
                        logits = d(seen).flatten()
                    (slope,) = torch.autograd.grad(logits.sum(), seen, create_graph=True)
                    d_loss = d_loss + penalty[side] / 2 * slope.square().flatten(1).sum(1).mean()
            if penalty["between"] > 0:
                u = share.to(dtype).reshape(-1, *(1 for _ in sample["shape"]))
                ends = [shown[side][: len(u)].detach() for side in ("real", "fake")]
                point = (u * ends[0] + (1 - u) * ends[1]).requires_grad_()
                (slope,) = torch.autograd.grad(d(point).sum(), point, create_graph=True)
                norm = (slope.square().flatten(1).sum(1) + 1e-12).sqrt()
                d_loss = d_loss + penalty["between"] * (norm - 1).square().mean()
            (d_loss / batches).backward()
            d_losses.append(d_loss.detach())
            shown_to_d.append((real, fake, encoded))
        d_optimizer.step()

        g_optimizer.zero_grad()
        if encoder is not None:
            e_optimizer.zero_grad()
        g_losses: list[Tensor] = []
        for (real, fake, encoded), draws in zip(shown_to_d, initial["augmentation"][step], strict=True):
            on_fake = d(augmented(fake, augmentation, draws[2]) if augments else fake).flatten()
            # D's statistics see the real batch again only where a loss asks for it.
            on_real = d(real).flatten().detach() if recipe["loss"] == "relativistic" else on_fake
            g_loss = g_loss_of(on_fake, on_real)
            if encoder is not None and encoded is not None:
                # Algorithm 1 of the paper, with means over the layer for its sums.
                mean, log_variance, again = encoded
                on_again, ours = judged(d, again, vae["layer"])
                with torch.no_grad():
                    _, theirs = judged(d, real, vae["layer"])
                reconstruction = (ours - theirs).square().mean() / 2
                prior = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(1).mean()
                e_loss = vae["prior"] * prior / ours[0].numel() + reconstruction
                g_loss = g_loss + vae["reconstruction"] * reconstruction + g_loss_of(on_again, on_real)
                (e_loss / batches).backward(inputs=list(encoder.parameters()), retain_graph=True)
            (g_loss / batches).backward(inputs=list(g.parameters()))
            g_losses.append(g_loss.detach())
        g_optimizer.step()
        if encoder is not None:
            e_optimizer.step()

        decay = min(recipe["emaDecay"], (1 + step) / (10 + step))
        for name, value in tensors_of(g, "generator").items():
            average[name].mul_(decay).add_(value, alpha=1 - decay)
        losses.append(torch.stack([torch.stack(d_losses).mean(), torch.stack(g_losses).mean()]))

    state = {**tensors_of(g, "generator"), **tensors_of(d, "discriminator"), "telemetry": torch.stack(losses)}
    state |= optimizer_state(g_optimizer, g, "generator")
    state |= optimizer_state(d_optimizer, d, "discriminator")
    if encoder is not None:
        state |= tensors_of(encoder, "encoder") | optimizer_state(e_optimizer, encoder, "encoder")
    if recipe["emaDecay"] > 0:
        state |= {f"average/{name}": value for name, value in average.items()}
    return state


def answer_cases(folder: Path, answers: dict[str, Callable[[Json, Json, State], State]]) -> None:
    """Writes what each of the answers, by name, has to say of every case in a folder."""
    torch.set_num_threads(1)
    for path in sorted(folder.glob("*.case.safetensors")):
        with safe_open(path, "pt") as file:
            case = json.loads(file.metadata()["case"])
            initial = {name: file.get_tensor(name) for name in file.keys()}
        for name, answer in answers.items():
            state = answer(case["recipe"], case["sample"], initial)
            values = {key: value.contiguous() for key, value in state.items()}
            save_file(values, folder / path.name.replace(".case.", f".{name}."))


if __name__ == "__main__":
    answer_cases(
        Path(sys.argv[1]),
        {
            "float32": partial(train, dtype=torch.float32),
            "float64": partial(train, dtype=torch.float64),
        },
    )
