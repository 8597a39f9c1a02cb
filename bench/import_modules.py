"""PyTorch's side of the import benchmark: modules, what autograd makes of them, and their exports.

    import_modules.py FOLDER [CASE ...]

Writes into FOLDER, for each case, `CASE.safetensors` with the inputs, a cotangent of the output, and the outputs and
gradients that autograd gives in double precision; and `CASE.EXPORTER.onnx` for the exporters `dynamo` and
`torchscript`, and `torchscript-OPSET` for older opsets where these have an operator in another form. `cases.json`
lists them, with the error where an exporter gives up.

Exports are made with a batch of 2 and an open batch; the figures are of a batch of 3.
"""

import contextlib
import functools
import json
import logging
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils import parametrizations, spectral_norm, weight_norm


class Apply(nn.Module):
    """A function as a module, with what it takes besides its input."""

    def __init__(self, function: Callable[..., Tensor], **parts: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.names = list(parts)
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(*inputs, *(getattr(self, name) for name in self.names))


def dcgan_generator(nz: int = 8, ngf: int = 4, nc: int = 1) -> nn.Module:
    """The generator of PyTorch's DCGAN tutorial, at 16 x 16."""
    return nn.Sequential(
        nn.ConvTranspose2d(nz, ngf * 2, 4, 1, 0, bias=False), nn.BatchNorm2d(ngf * 2), nn.ReLU(True),
        nn.ConvTranspose2d(ngf * 2, ngf, 4, 2, 1, bias=False), nn.BatchNorm2d(ngf), nn.ReLU(True),
        nn.ConvTranspose2d(ngf, nc, 4, 2, 1, bias=False), nn.Tanh(),
    )  # fmt: skip


def dcgan_discriminator(ndf: int = 4, nc: int = 1) -> nn.Module:
    """Its discriminator, at 16 x 16."""
    return nn.Sequential(
        nn.Conv2d(nc, ndf, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(ndf, ndf * 2, 4, 2, 1, bias=False), nn.BatchNorm2d(ndf * 2), nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(ndf * 2, 1, 4, 1, 0, bias=False), nn.Sigmoid(),
    )  # fmt: skip


class ExampleDiscriminator(nn.Module):
    """The discriminator of PyTorch's DCGAN example: TorchScript writes an If for its squeeze."""

    def __init__(self) -> None:
        super().__init__()
        self.main = dcgan_discriminator()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.main(x)
        return y.view(-1, 1).squeeze(1)


class ResidualUp(nn.Module):
    """A residual block of a generator: batch norms, nearest upsampling, 1 x 1 shortcut (SNGAN, BigGAN)."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.bn1, self.bn2 = nn.BatchNorm2d(cin), nn.BatchNorm2d(cout)
        self.conv1, self.conv2 = nn.Conv2d(cin, cout, 3, padding=1), nn.Conv2d(cout, cout, 3, padding=1)
        self.shortcut = nn.Conv2d(cin, cout, 1)

    def forward(self, x: Tensor) -> Tensor:
        up = lambda t: F.interpolate(t, scale_factor=2)  # noqa: E731
        y = self.conv1(up(F.relu(self.bn1(x))))
        return self.conv2(F.relu(self.bn2(y))) + self.shortcut(up(x))


class ResidualDown(nn.Module):
    """A residual block of a discriminator: average pooling, no norm."""

    def __init__(self, cin: int, cout: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(cin, cout, 3, padding=1), nn.Conv2d(cout, cout, 3, padding=1)
        self.shortcut = nn.Conv2d(cin, cout, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(F.leaky_relu(self.conv1(F.leaky_relu(x, 0.2)), 0.2))
        return F.avg_pool2d(y, 2) + F.avg_pool2d(self.shortcut(x), 2)


class ResnetGenerator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 4 * 4 * 4)
        self.block1, self.block2 = ResidualUp(4, 4), ResidualUp(4, 2)
        self.bn, self.out = nn.BatchNorm2d(2), nn.Conv2d(2, 3, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        x = self.block2(self.block1(self.fc(z).view(z.size(0), 4, 4, 4)))
        return torch.tanh(self.out(F.relu(self.bn(x))))


class ResnetDiscriminator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block1, self.block2 = ResidualDown(3, 4), ResidualDown(4, 4)
        self.fc = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(F.leaky_relu(self.block2(self.block1(x)), 0.2).sum((2, 3)))


class SelfAttention(nn.Module):
    """SAGAN's, with its learnt gain."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.q, self.k, self.v = nn.Conv2d(c, c // 2, 1), nn.Conv2d(c, c // 2, 1), nn.Conv2d(c, c, 1)
        self.gamma = nn.Parameter(torch.tensor([0.5]))

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.size()
        q, k, v = self.q(x).view(n, -1, h * w), self.k(x).view(n, -1, h * w), self.v(x).view(n, -1, h * w)
        attention = torch.softmax(torch.bmm(q.permute(0, 2, 1), k), dim=-1)
        return self.gamma * torch.bmm(v, attention.permute(0, 2, 1)).view(n, c, h, w) + x


class CausalAttention(nn.Module):
    """Heads as an axis of their own, and a mask."""

    def __init__(self, c: int, heads: int) -> None:
        super().__init__()
        self.heads, self.qkv, self.out = heads, nn.Linear(c, 3 * c), nn.Linear(c, c)

    def forward(self, x: Tensor) -> Tensor:
        n, length, c = x.shape
        q, k, v = self.qkv(x).reshape(n, length, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(n, length, c))


class ConditionalBatchNorm(nn.Module):
    """Gain and bias by class, from an embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.bn, self.embed = nn.BatchNorm2d(4, affine=False), nn.Embedding(5, 8)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        gain, bias = self.embed(label).chunk(2, 1)
        return self.bn(x) * (1 + gain[:, :, None, None]) + bias[:, :, None, None]


class ProjectionHead(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc, self.embed = nn.Linear(6, 1), nn.Embedding(5, 6)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        return self.fc(x) + (self.embed(label) * x).sum(1, keepdim=True)


def squeeze_excite(x: Tensor, down: nn.Module, up: nn.Module) -> Tensor:
    s = F.adaptive_avg_pool2d(x, 1)
    return x * torch.sigmoid(up(F.relu(down(s))))


def minibatch_deviation(x: Tensor) -> Tensor:
    """StyleGAN's extra channel: how different the samples of the batch are."""
    deviation = (x - x.mean(0, keepdim=True)).square().mean(0, keepdim=True).add(1e-8).sqrt().mean()
    return torch.cat([x, deviation.expand(x.size(0), 1, x.size(2), x.size(3))], 1)


def channel_shuffle(x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


def frame_by_frame(x: Tensor, conv: nn.Module, norm: nn.Module) -> Tensor:
    """[N, T, C, H, W] with samples and frames as one axis, as discriminators of video have them."""
    n, t = x.shape[:2]
    y = F.leaky_relu(norm(conv(x.reshape(n * t, *x.shape[2:]))), 0.2)
    return y.reshape(n, t, *y.shape[1:]).mean(1)


def with_coordinates(x: Tensor) -> Tensor:
    """CoordConv's extra channel: a constant, once a sample."""
    along = torch.linspace(-1, 1, 6).view(1, 1, 1, 6)
    return torch.cat([x, along.expand(x.size(0), 1, 6, 6)], 1)


def modulated(x: Tensor, style: Tensor, conv: nn.Module, affine: nn.Module) -> Tensor:
    """StyleGAN2's modulation, on activations."""
    s = affine(style) + 1
    y = conv(x * s[:, :, None, None])
    w = conv.weight[None] * s[:, None, :, None, None]
    return y * torch.rsqrt(w.square().sum((2, 3, 4)) + 1e-8)[:, :, None, None]


def minibatch_discrimination(x: Tensor, project: nn.Module) -> Tensor:
    m = project(x).view(-1, 3, 2)
    closeness = torch.exp(-(m.unsqueeze(0) - m.unsqueeze(1)).abs().sum(3)).sum(1)
    return torch.cat([x, closeness - 1], 1)


def mlp(*sizes: int, end: nn.Module | None = None) -> nn.Module:
    layers: list[nn.Module] = []
    for i, (a, b) in enumerate(zip(sizes, sizes[1:], strict=False)):
        layers += [nn.Linear(a, b)] + ([nn.LeakyReLU(0.2)] if i < len(sizes) - 2 else [])
    return nn.Sequential(*layers, *([end] if end else []))


Shape = tuple[int, ...]
image: Shape = (4, 6, 6)
vector: Shape = (6,)
label = "label"


class Case:
    def __init__(
        self,
        make: Callable[[], nn.Module],
        *inputs: Shape | str,
        train: bool = False,
        twice: bool = True,
    ) -> None:
        """@param train in training mode  @param twice whether PyTorch can differentiate the first input's gradient"""
        self.make, self.inputs, self.train, self.twice = make, inputs or (image,), train, twice


def fn(function: Callable[..., Tensor], *inputs: Shape | str, twice: bool = True, **parts: nn.Module) -> Case:
    return Case(lambda: Apply(function, **parts), *inputs, twice=twice)


cases: dict[str, Case] = {
    # Layers with weights
    "linear": Case(lambda: nn.Linear(6, 5), vector),
    "linear-3d": Case(lambda: nn.Linear(6, 5, bias=False), (4, 6)),
    "bilinear": Case(lambda: nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 2)), vector),
    "conv": Case(lambda: nn.Conv2d(4, 3, 3, padding=1)),
    "conv-strided": Case(lambda: nn.Conv2d(4, 3, 4, 2, 1, bias=False)),
    "conv-dilated": Case(lambda: nn.Conv2d(4, 2, 3, dilation=2, padding=(2, 1))),
    "conv-depthwise": Case(lambda: nn.Conv2d(4, 8, 3, groups=4, padding=1)),
    "conv-same": Case(lambda: nn.Conv2d(4, 3, 4, padding="same")),
    "conv-reflect": Case(lambda: nn.Conv2d(4, 3, 3, padding=1, padding_mode="reflect")),
    "conv-1d": Case(lambda: nn.Conv1d(4, 3, 3, 2, 1), (4, 9)),
    "conv-transposed": Case(lambda: nn.ConvTranspose2d(4, 3, 4, 2, 1)),
    "conv-transposed-output-padding": Case(lambda: nn.ConvTranspose2d(4, 3, 3, 2, 1, output_padding=1)),
    "conv-transposed-groups": Case(lambda: nn.ConvTranspose2d(4, 6, 3, 2, groups=2, dilation=2)),
    "spectral-norm": Case(lambda: parametrizations.spectral_norm(nn.Conv2d(4, 3, 3))),
    "spectral-norm-linear": Case(lambda: parametrizations.spectral_norm(nn.Linear(6, 3)), vector),
    "spectral-norm-training": Case(
        lambda: nn.Sequential(
            parametrizations.spectral_norm(nn.Conv2d(4, 3, 3)),
            nn.LeakyReLU(0.2),
            parametrizations.spectral_norm(nn.ConvTranspose2d(3, 2, 4, 2, 1)),
        ),
        train=True,
    ),
    "spectral-norm-classic": Case(lambda: spectral_norm(nn.Conv2d(4, 3, 3))),
    "spectral-norm-classic-training": Case(
        lambda: nn.Sequential(spectral_norm(nn.ConvTranspose2d(4, 3, 3)), spectral_norm(nn.Conv2d(3, 2, 3))),
        train=True,
    ),
    "weight-norm": Case(lambda: parametrizations.weight_norm(nn.Linear(6, 3)), vector),
    "weight-norm-classic": Case(lambda: weight_norm(nn.Conv2d(4, 3, 3))),
    "embedding": Case(lambda: nn.Embedding(5, 3), label, twice=False),
    # Norms
    "batch-norm": Case(lambda: nn.BatchNorm2d(4)),
    "batch-norm-training": Case(lambda: nn.BatchNorm2d(4, momentum=0.3), train=True),
    "batch-norm-1d-training": Case(lambda: nn.BatchNorm1d(6), vector, train=True),
    "batch-norm-conditional": Case(ConditionalBatchNorm, image, label),
    "instance-norm": Case(lambda: nn.InstanceNorm2d(4)),
    "instance-norm-affine": Case(lambda: nn.InstanceNorm2d(4, affine=True)),
    "group-norm": Case(lambda: nn.GroupNorm(2, 4)),
    "layer-norm": Case(lambda: nn.LayerNorm(6), vector),
    "layer-norm-image": Case(lambda: nn.LayerNorm([4, 6, 6])),
    "rms-norm": Case(lambda: nn.RMSNorm(6), vector),
    "pixel-norm": fn(lambda x: x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)),
    "normalize": fn(lambda x: F.normalize(x, dim=1)),
    # Activations
    "relu": Case(nn.ReLU),
    "leaky-relu": Case(lambda: nn.LeakyReLU(0.2)),
    "prelu": Case(lambda: nn.PReLU(4)),
    "elu": Case(nn.ELU),
    "selu": Case(nn.SELU),
    "celu": Case(lambda: nn.CELU(1.3)),
    "gelu": Case(nn.GELU),
    "gelu-tanh": Case(lambda: nn.GELU("tanh")),
    "silu": Case(nn.SiLU),
    "mish": Case(nn.Mish),
    "softplus": Case(nn.Softplus),
    "softsign": Case(nn.Softsign),
    "tanh": Case(nn.Tanh),
    "sigmoid": Case(nn.Sigmoid),
    "log-sigmoid": Case(nn.LogSigmoid),
    "hard-swish": Case(nn.Hardswish),
    "hard-sigmoid": Case(nn.Hardsigmoid, twice=False),  # no formula in PyTorch
    "hard-tanh": Case(nn.Hardtanh),
    "relu6": Case(nn.ReLU6),
    "relu6-function": fn(lambda x: F.relu6(x * 8)),
    "glu": Case(lambda: nn.GLU(1)),
    "softmax": Case(lambda: nn.Softmax(1)),
    "log-softmax": Case(lambda: nn.LogSoftmax(-1)),
    # Resolution
    "average-pool": Case(lambda: nn.AvgPool2d(2)),
    "average-pool-padded": Case(lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False)),
    "adaptive-average-pool": Case(lambda: nn.AdaptiveAvgPool2d(1)),
    "max-pool": Case(lambda: nn.MaxPool2d(2)),
    "max-pool-padded": Case(lambda: nn.MaxPool2d(3, 2, 1)),
    "adaptive-max-pool": Case(lambda: nn.AdaptiveMaxPool2d(1)),
    "upsample-nearest": Case(lambda: nn.Upsample(scale_factor=2)),
    "upsample-nearest-size": Case(lambda: nn.Upsample(size=(9, 10))),
    "upsample-bilinear": Case(lambda: nn.Upsample(scale_factor=2, mode="bilinear")),
    "upsample-bilinear-corners": Case(lambda: nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)),
    "upsample-bicubic": Case(lambda: nn.Upsample(scale_factor=2, mode="bicubic")),
    "pixel-shuffle": Case(lambda: nn.PixelShuffle(2)),
    "pixel-unshuffle": Case(lambda: nn.PixelUnshuffle(2)),
    "pad-reflect": Case(lambda: nn.ReflectionPad2d(2)),
    "pad-replicate": Case(lambda: nn.ReplicationPad2d((1, 2, 0, 1))),
    "pad-zero": Case(lambda: nn.ZeroPad2d((1, 0, 2, -1))),
    # Movement and arithmetic
    "flatten": Case(lambda: nn.Sequential(nn.Flatten(), nn.Linear(144, 2), nn.Unflatten(1, (2, 1, 1)))),
    "chunk-cat": fn(lambda x: torch.cat([c * (i + 1) for i, c in enumerate(x.chunk(2, 1))], 1)),
    "slices": fn(lambda x: x[:, 1:, ::2, 1:-1] * x[:, :3, 1::2, 2:]),
    "channel-shuffle": fn(channel_shuffle),
    "stack-mean": fn(lambda x: torch.stack([x, x.square(), x.abs().add(1).sqrt()], 1).mean(1)),
    "reductions": fn(lambda x: x.std((2, 3)) + x.amax((2, 3)) + x.logsumexp((2, 3)) + x.norm(dim=(2, 3))),
    "zero-vectors": fn(lambda x: F.normalize(F.relu(x), dim=1) + F.relu(x - 1).norm(dim=1, keepdim=True)),
    "zero-cosines": fn(lambda x: F.cosine_similarity(F.relu(x), F.relu(x.flip(1)), dim=1)),
    "zero-factors": fn(lambda x: F.relu(x).prod(1, keepdim=True) + F.relu(x + 1).prod(2, keepdim=True)),
    "zero-roots": fn(lambda x: (r := F.relu(x - 2)).std((2, 3)) + F.lp_pool2d(r, 2, 6).flatten(1) + r.sqrt().sum((2, 3))),
    "powers": fn(lambda x: (x.abs() + 0.5) ** 1.7 + x**3 + (x.abs() + 1).log() + torch.exp(-x)),
    "where-clamp": fn(lambda x: torch.where(x > 0.2, x * 2, x.clamp(-0.5, 0.1))),
    "sin-cos": fn(lambda x: torch.cat([x.sin(), x.cos()], 1)),
    "einsum": fn(lambda x: torch.einsum("nchw,ncij->nhi", x, x)),
    "dropout": Case(lambda: nn.Sequential(nn.Dropout(0.5), nn.Linear(6, 3), nn.Dropout2d(0.2)), vector),
    # Blocks
    "self-attention": Case(lambda: SelfAttention(4)),
    "multihead-attention": fn(lambda x, a: a(x, x, x, need_weights=False)[0], (5, 4), a=nn.MultiheadAttention(4, 2, batch_first=True)),
    "transformer-layer": Case(lambda: nn.TransformerEncoderLayer(4, 2, 8, 0.0, batch_first=True, norm_first=True), (5, 4)),
    "transformer-decoder": fn(lambda x, d: d(x, x.flip(1)), (5, 4), d=nn.TransformerDecoderLayer(4, 2, 8, 0.0, batch_first=True)),
    "causal-attention": Case(lambda: CausalAttention(8, 2), (5, 8)),
    "frame-by-frame": fn(frame_by_frame, (3, 2, 4, 4), conv=nn.Conv2d(2, 3, 3, padding=1), norm=nn.BatchNorm2d(3)),
    "coordinates": fn(with_coordinates),
    "residual-up": Case(lambda: ResidualUp(4, 3)),
    "residual-up-training": Case(lambda: ResidualUp(4, 3), train=True),
    "residual-down": Case(lambda: ResidualDown(4, 3)),
    "squeeze-excite": fn(squeeze_excite, down=nn.Conv2d(4, 2, 1), up=nn.Conv2d(2, 4, 1)),
    "minibatch-deviation": fn(minibatch_deviation),
    "minibatch-discrimination": fn(minibatch_discrimination, vector, project=nn.Linear(6, 6, bias=False)),
    "modulation": fn(modulated, image, vector, conv=nn.Conv2d(4, 3, 3, padding=1, bias=False), affine=nn.Linear(6, 4)),
    "projection-head": Case(ProjectionHead, vector, label),
    # Networks
    "mlp-generator": Case(lambda: mlp(6, 8, 16, end=nn.Tanh()), vector),
    "mlp-discriminator": Case(lambda: mlp(16, 8, 1), (16,)),
    "dcgan-generator": Case(dcgan_generator, (8, 1, 1)),
    "dcgan-generator-training": Case(dcgan_generator, (8, 1, 1), train=True),
    "dcgan-discriminator": Case(dcgan_discriminator, (1, 16, 16)),
    "dcgan-discriminator-training": Case(dcgan_discriminator, (1, 16, 16), train=True),
    "dcgan-example-discriminator": Case(ExampleDiscriminator, (1, 16, 16)),
    "resnet-generator": Case(ResnetGenerator, (8,)),
    "resnet-generator-training": Case(ResnetGenerator, (8,), train=True),
    "resnet-discriminator": Case(ResnetDiscriminator, (3, 16, 16)),
    # What ganx refuses
    "lstm": fn(lambda x, r: r(x)[0], (5, 4), r=nn.LSTM(4, 3, batch_first=True)),
    "grid-sample": fn(lambda x: F.grid_sample(x, x[:, :2].permute(0, 2, 3, 1), align_corners=False), twice=False),
    "random-noise": fn(lambda x: x + torch.randn_like(x)),
}  # fmt: skip

# Those with operators that had another form once: attributes for inputs, Upsample for Resize.
older_forms = [
    "batch-norm-training", "layer-norm", "normalize", "prelu", "relu6", "glu", "softmax", "log-softmax",
    "average-pool-padded", "max-pool-padded", "upsample-nearest", "upsample-nearest-size", "pad-reflect", "pad-zero",
    "flatten", "chunk-cat", "slices", "stack-mean", "reductions", "where-clamp", "dropout", "self-attention",
    "squeeze-excite", "minibatch-deviation", "resnet-generator-training", "resnet-discriminator",
    "dcgan-generator-training", "dcgan-discriminator",
]  # fmt: skip


def example(spec: Shape | str, batch: int) -> Tensor:
    if spec == label:
        return torch.arange(batch) * 2 % 5
    assert not isinstance(spec, str)
    # Away from the kinks of activations and poolings, where a gradient is a matter of taste.
    x = torch.randn(batch, *spec)
    return x + 0.02 * x.sign()


def prepare(module: nn.Module) -> None:
    """Different numbers in every tensor: exporters store equal ones once."""
    with torch.no_grad():
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
            if not tensor.is_floating_point() or "parametrizations" in name:
                continue
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 1.5)
            elif name.endswith("running_mean"):
                tensor.normal_(0, 0.3)
            elif tensor.dim() == 1:
                tensor.add_(torch.randn_like(tensor) * 0.2)


def figures(case: Case, module: nn.Module, inputs: list[Tensor]) -> dict[str, Tensor]:
    """What autograd gives, in double precision."""
    state = {k: v.clone() for k, v in module.state_dict().items()}
    module = module.double()
    xs = [x.double().requires_grad_() if x.is_floating_point() else x for x in inputs]
    # The kernels that attention would take have no second derivative.
    with sdpa_kernel(SDPBackend.MATH):
        y = module(*xs)
    cotangent = torch.randn_like(y)
    leaves = {f"input/{i}": x for i, x in enumerate(xs) if x.is_floating_point()}
    leaves |= dict(module.named_parameters())
    result = {"output": y, "cotangent": cotangent}
    result |= {f"given/{i}": x for i, x in enumerate(inputs)}
    first = torch.autograd.grad(y, list(leaves.values()), cotangent, create_graph=case.twice, allow_unused=True)
    result |= {f"first/{k}": g for k, g in zip(leaves, first, strict=True) if g is not None}
    if case.twice:
        penalty = first[0].square().sum()
        # A linear module's gradient depends on no input: its second order is zeros, here as there.
        second = (
            torch.autograd.grad(penalty, list(leaves.values()), materialize_grads=True)
            if penalty.requires_grad
            else [torch.zeros_like(leaf) for leaf in leaves.values()]
        )
        result |= {f"second/{k}": g for k, g in zip(leaves, second, strict=True)}
    if case.train:
        after = {k: v for k, v in module.state_dict().items() if "running" in k or k.endswith(("_u", "_v"))}
        result |= {f"statistic/{k}": v for k, v in after.items()}
    module.float().load_state_dict(state)
    return {k: (v.float() if v.is_floating_point() else v).detach().contiguous() for k, v in result.items()}


def exporters(name: str) -> list[str]:
    older = [f"torchscript-{opset}" for opset in (9, 10, 11, 13)]
    return ["dynamo", "torchscript", *(older if name in older_forms else [])]


def read_library_once() -> None:
    """The newer exporter reads its library of operators, and PyTorch's, anew for each export: most of its time."""
    with contextlib.suppress(ImportError, AttributeError):  # not a part of PyTorch that is promised
        from torch.onnx._internal.exporter._registration import ONNXRegistry

        ONNXRegistry.from_torchlib = staticmethod(functools.cache(ONNXRegistry.from_torchlib))  # type: ignore[method-assign]
    with contextlib.suppress(ImportError, AttributeError):
        from torch.export import decomp_utils, exported_program

        operators = functools.cache(exported_program._collect_all_valid_cia_ops)
        for module in (exported_program, decomp_utils):
            module._collect_all_valid_cia_ops = operators  # type: ignore[attr-defined]


def export(case: Case, module: nn.Module, path: Path, exporter: str) -> None:
    inputs = tuple(example(spec, 2) for spec in case.inputs)
    names = [f"x{i}" for i in range(len(inputs))]
    module.eval()
    if exporter == "dynamo":
        batch = torch.export.Dim("batch", min=1, max=4096)
        shapes = tuple({0: batch} for _ in inputs)
        # An Apply takes a list of inputs.
        dynamic = (shapes,) if isinstance(module, Apply) else shapes
        torch.onnx.export(
            module, inputs, str(path), dynamo=True, dynamic_shapes=dynamic, optimize=False, verbose=False,
            input_names=names, output_names=["y"],
        )  # fmt: skip
    else:
        _, _, opset = exporter.partition("-")
        torch.onnx.export(
            module, inputs, str(path), dynamo=False, opset_version=int(opset) if opset else None, dynamic_axes={name: {0: "N"} for name in names},
            do_constant_folding=False, training=torch.onnx.TrainingMode.PRESERVE,
            input_names=names, output_names=["y"],
        )  # fmt: skip


def main(folder: Path, chosen: list[str]) -> None:
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    read_library_once()
    summary = {}
    for name, case in cases.items():
        if chosen and name not in chosen:
            continue
        torch.manual_seed(0)
        module = case.make().train(case.train)
        prepare(module)
        tensors = figures(case, module, [example(spec, 3) for spec in case.inputs])
        save_file(tensors, folder / f"{name}.safetensors")
        exports: dict[str, str | None] = {}
        for exporter in exporters(name):
            try:
                export(case, module, folder / f"{name}.{exporter}.onnx", exporter)
                exports[exporter] = None
            except Exception as error:  # whatever an exporter throws is its answer
                exports[exporter] = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        summary[name] = {"train": case.train, "exports": exports}
        print(name, {k: v or "ok" for k, v in exports.items()}, file=sys.stderr)
    (folder / "cases.json").write_text(json.dumps(summary, indent=2))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
