"""PyTorch's side of the inference benchmark.

It first says what the network makes of four latents of 0.5 without dropout, so that both sides are known to be the same
network; then it does a round of calls that take about `--seconds` for every line `round` on stdin.
"""

import json

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from pytorch_side import Json, answer_rounds, parser, prepare, warm
from pytorch_step import dcgan


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


def main() -> None:
    arguments = parser()
    arguments.add_argument("mode", choices=["eager", "compile"])
    arguments.add_argument("--case", type=json.loads, required=True)
    arguments.add_argument("--weights", required=True, help="safetensors of the generator, under ganx's names")
    arguments.add_argument("--batch", type=int, required=True)
    given = arguments.parse_args()
    prepare(given.threads, given.tf32)
    device = torch.device(given.device)
    network = Generator(given.case, load_file(given.weights)).to(device)
    z_dim = given.case["recipe"]["network"]["zDim"]
    with torch.inference_mode():
        proof = network(torch.full((4, z_dim), 0.5, device=device), drop=False)
        called = torch.compile(network) if given.mode == "compile" else network

        def draw(calls: int) -> None:
            for _ in range(calls):
                # On the host, as ganx hands its samples over.
                called(torch.randn(given.batch, z_dim, device=device)).cpu()

        answer_rounds({"proof": proof.flatten().tolist()}, draw, warm(draw, given.seconds, device), device)


if __name__ == "__main__":
    main()
