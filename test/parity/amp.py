"""One step of PyTorch's mixed precision, for comparison with ganx's: `amp.py FOLDER` and `amp.py scaler FLAGS`.

A case is a safetensors file as in dcgan_steps.py. The gradients of D, and of G against the updated D, are written
beside it: in float64 (`NAME.float64.safetensors`), and by autocast in float16 with a scaled loss
(`NAME.float16.safetensors`).

With `scaler`, the factors of a GradScaler are printed that was told, update after update, whether gradients were finite
(`1`) or not (`0`).
"""

import json
import sys
from functools import partial
from pathlib import Path

import torch
from dcgan_steps import Json, State, answer_cases, generator_loss, load, networks, optimizer_of
from torch import Tensor, nn
from torch.nn import functional


def gradients(net: nn.Module, root: str) -> State:
    named = net.named_parameters()
    return {f"{root}/{name.replace('.', '/')}": p.grad.float() for name, p in named if p.grad is not None}


def step(recipe: Json, sample: Json, initial: State, *, half: bool) -> State:
    g, d = networks(recipe["network"], sample)
    load(g, "generator", initial)
    load(d, "discriminator", initial)
    dtype = torch.float32 if half else torch.float64
    g.to(dtype)
    d.to(dtype)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, enabled=half)
    optimizers = {
        "discriminator": optimizer_of(recipe["optimizer"]["discriminator"], d),
        "generator": optimizer_of(recipe["optimizer"]["generator"], g),
    }
    bce = functional.binary_cross_entropy_with_logits
    real, z = initial["real"][0].to(dtype) / 127.5 - 1, initial["z"][0].to(dtype)
    found: State = {}

    def learn(root: str, net: nn.Module, loss: Tensor) -> None:
        optimizer = optimizers[root]
        optimizer.zero_grad()
        scaler.scale(loss).backward(inputs=list(net.parameters()))
        scaler.unscale_(optimizer)
        found.update(gradients(net, root))
        scaler.step(optimizer)

    with torch.autocast("cpu", dtype=torch.float16, enabled=half):
        fake = g(z)
        on_real, on_fake = d(real).flatten().to(dtype), d(fake.detach()).flatten().to(dtype)
        d_loss = bce(on_real, torch.ones_like(on_real)) + bce(on_fake, torch.zeros_like(on_fake))
    learn("discriminator", d, d_loss)
    with torch.autocast("cpu", dtype=torch.float16, enabled=half):
        g_loss = generator_loss(recipe["loss"])(d(fake).flatten().to(dtype))
    learn("generator", g, g_loss)
    return found


def scales(flags: str) -> list[float]:
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    scaler = torch.amp.GradScaler("cpu")
    factors = []
    for flag in flags:
        weight.grad = torch.tensor([1.0 if flag == "1" else float("inf")])
        scaler.scale(torch.ones(()))
        scaler.step(optimizer)
        scaler.update()
        factors.append(scaler.get_scale())
    return factors


if __name__ == "__main__":
    if sys.argv[1] == "scaler":
        print(json.dumps(scales(sys.argv[2])))
    else:
        answer_cases(
            Path(sys.argv[1]),
            {
                "float64": partial(step, half=False),
                "float16": partial(step, half=True),
            },
        )
