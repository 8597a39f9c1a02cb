"""PyTorch's side of the round trip: PyTorch, ONNX, ganx, safetensors, PyTorch.

    finetune.py train FOLDER STEPS   trains a DCGAN on FOLDER/digits.safetensors and exports both networks
    finetune.py check FOLDER RUN     loads what the run in RUN has made of them, and compares it with its ONNX files; and the largest
                                singular value of D's layer with spectral norm

Prints one line of JSON.
"""

import json
import logging
import sys
import warnings
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

nz, nf = 32, 8


def networks() -> tuple[nn.Module, nn.Module]:
    """Those of PyTorch's DCGAN tutorial, for 16 x 16, with spectral norm on a layer of D."""

    class Network(nn.Module):
        def __init__(self, *layers: nn.Module) -> None:
            super().__init__()
            self.main = nn.Sequential(*layers)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.main(x)

    g = Network(
        nn.ConvTranspose2d(nz, nf * 4, 4, 1, 0, bias=False), nn.BatchNorm2d(nf * 4), nn.ReLU(True),
        nn.ConvTranspose2d(nf * 4, nf * 2, 4, 2, 1, bias=False), nn.BatchNorm2d(nf * 2), nn.ReLU(True),
        nn.ConvTranspose2d(nf * 2, 1, 4, 2, 1, bias=False), nn.Tanh(),
    )  # fmt: skip
    d = Network(
        nn.Conv2d(1, nf * 2, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True),
        spectral_norm(nn.Conv2d(nf * 2, nf * 4, 4, 2, 1, bias=False)),
        nn.BatchNorm2d(nf * 4), nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(nf * 4, 1, 4, 1, 0, bias=False), nn.Sigmoid(),
    )  # fmt: skip
    return g, d


def initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        parametrized = getattr(module, "parametrizations", None)
        nn.init.normal_(parametrized.weight.original if parametrized else module.weight, 0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1, 0.02)


def train(folder: Path, steps: int) -> dict[str, float]:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    digits = load_file(folder / "digits.safetensors")["images"].float() / 127.5 - 1
    g, d = networks()
    g.apply(initialize)
    d.apply(initialize)
    optimizers = [torch.optim.Adam(net.parameters(), 2e-4, (0.5, 0.999)) for net in (g, d)]
    losses = []
    for _ in range(steps):
        real = digits[torch.randint(len(digits), (64,))]
        fake = g(torch.randn(64, nz, 1, 1))
        d_loss = F.binary_cross_entropy(d(real), torch.ones(64, 1, 1, 1))
        d_loss = d_loss + F.binary_cross_entropy(d(fake.detach()), torch.zeros(64, 1, 1, 1))
        optimizers[1].zero_grad()
        d_loss.backward()
        optimizers[1].step()
        g_loss = F.binary_cross_entropy(d(fake), torch.ones(64, 1, 1, 1))
        optimizers[0].zero_grad()
        g_loss.backward()
        optimizers[0].step()
        losses.append((d_loss.item(), g_loss.item()))

    z, x = torch.randn(2, nz, 1, 1), torch.randn(2, 1, 16, 16)
    # One network by each exporter; both keep every layer and its name.
    torch.onnx.export(
        g.eval(), (z,), str(folder / "G.onnx"), dynamo=False, dynamic_axes={"z": {0: "N"}}, input_names=["z"],
        do_constant_folding=False, training=torch.onnx.TrainingMode.PRESERVE,
    )  # fmt: skip
    torch.onnx.export(
        d.eval(), (x,), str(folder / "D.onnx"), dynamo=True, optimize=False, verbose=False,
        dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
    )  # fmt: skip
    last = torch.tensor(losses[-20:]).mean(0)
    return {"dLoss": last[0].item(), "gLoss": last[1].item()}


def check(folder: Path, run: Path) -> dict[str, float]:
    import onnxruntime

    g, d = networks()
    # Strict: every tensor of the networks, and no other.
    g.load_state_dict(load_file(run / "generator.safetensors"))
    d.load_state_dict(load_file(run / "discriminator.safetensors"))
    torch.manual_seed(1)
    z = torch.randn(64, nz)
    with torch.no_grad():
        images = g.eval()(z[:, :, None, None])
        logits = torch.logit(d.eval()(images).flatten().double()).float()
    run_onnx = lambda name, x: torch.from_numpy(  # noqa: E731
        onnxruntime.InferenceSession(str(run / name)).run(None, x)[0]
    )
    ours = run_onnx("generator.onnx", {"z": z.numpy()})
    judged = run_onnx("discriminator.onnx", {"images": ours.numpy()})
    normed = d.main[2].weight.detach().flatten(1)
    return {
        "norm": torch.linalg.matrix_norm(normed, 2).item(),
        "images": (ours - images).abs().max().item(),
        "logits": (judged - logits).abs().max().item(),
        "size": images.abs().max().item(),
    }


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    command, at = sys.argv[1], Path(sys.argv[2])
    print(json.dumps(train(at, int(sys.argv[3])) if command == "train" else check(at, Path(sys.argv[3]))))
