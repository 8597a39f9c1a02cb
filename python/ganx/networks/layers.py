"""Layers of ganx that PyTorch has under another form."""

import torch
from torch import Tensor, nn
from torch.nn import functional

_EPSILON = 1e-5
_MOMENTUM = 0.1


class BatchNorm(nn.Module):
    """Normalises each channel over the batch, [N, C] or [N, C, H, W]; PyTorch's own, less its counter of batches."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        """Scale and bias, and the running statistics for evaluation."""
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """In training by the batch's statistics, which the running ones follow; in evaluation by those."""
        statistics = (self.running_mean, self.running_var)
        return functional.batch_norm(x, *statistics, self.weight, self.bias, self.training, _MOMENTUM, _EPSILON)

    def extra_repr(self) -> str:
        """Shown when the module is printed."""
        return str(len(self.weight))


class InstanceNorm(nn.Module):
    """Normalises each channel of each sample over its pixels, [N, C, H, W]."""

    def __init__(self, channels: int) -> None:
        """Scale and bias."""
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """The same in training and evaluation."""
        return functional.instance_norm(x, weight=self.weight, bias=self.bias, eps=_EPSILON)

    def extra_repr(self) -> str:
        """Shown when the module is printed."""
        return str(len(self.weight))


def normalization(kind: str, channels: int) -> nn.Module:
    """Normalisation of a recipe: `batch`, `instance` or `none`."""
    return {"batch": BatchNorm, "instance": InstanceNorm}[kind](channels) if kind != "none" else nn.Identity()


class NearestConv2d(nn.Conv2d):
    """Doubles the pixels, then convolves."""

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, D, 2 H, 2 W]."""
        return super().forward(functional.interpolate(x, scale_factor=2))


class ShuffledConv2d(nn.Conv2d):
    """Convolves to four times the channels, then lays each four out as 2 x 2 pixels (Shi et al. 2016)."""

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, D, 2 H, 2 W]."""
        return functional.pixel_shuffle(super().forward(x), 2)


class PooledConv2d(nn.Conv2d):
    """Convolves, then averages 2 x 2 pixels."""

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, D, H / 2, W / 2]."""
        return functional.avg_pool2d(super().forward(x), 2)


def upsampling(kind: str, inputs: int, outputs: int, bias: bool) -> nn.Module:
    """Layer that doubles the resolution: `convTranspose`, `pixelShuffle` or `nearest`."""
    if kind == "convTranspose":
        return nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=bias)
    if kind == "pixelShuffle":
        return ShuffledConv2d(inputs, 4 * outputs, 3, padding=1, bias=bias)
    return NearestConv2d(inputs, outputs, 3, padding=1, bias=bias)


def downsampling(kind: str, inputs: int, outputs: int, bias: bool) -> nn.Module:
    """Layer that halves it: `stride` or `averagePool`."""
    if kind == "stride":
        return nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=bias)
    return PooledConv2d(inputs, outputs, 3, padding=1, bias=bias)


class MinibatchDiscrimination(nn.Module):
    """Tells each sample how close it is to others of its batch (Salimans et al. 2016, section 3.2)."""

    def __init__(self, features: int, kernels: int, dimensions: int, group: int, batch: int) -> None:
        """`kernels` further features, each from a space of `dimensions`, among groups of at least `group` samples.

        In evaluation mode all of a batch is compared, and what it sums is scaled to what a training batch would sum.
        """
        super().__init__()
        self.kernels, self.group, self.batch = kernels, group, batch
        self.weight = nn.Parameter(0.05 * torch.randn(features, kernels * dimensions))

    def forward(self, x: Tensor) -> Tensor:
        """[N, F] -> [N, F + kernels]."""
        among = self._compared(len(x)) if self.training else len(x)
        m = (x @ self.weight).reshape(-1, among, self.kernels, self.weight.shape[1] // self.kernels)
        apart = (m[:, :, None] - m[:, None]).abs().sum(4)  # [groups, among, among, kernels]
        # A sample's closeness to itself is 1.
        closeness = torch.exp(-apart).sum(2).reshape(-1, self.kernels) - 1
        if not self.training:
            closeness = closeness * ((self._compared(self.batch) - 1) / max(len(x) - 1, 1))
        return torch.cat([x, closeness], 1)

    def _compared(self, batch: int) -> int:
        return next(n for n in range(min(self.group, batch), batch + 1) if batch % n == 0)
