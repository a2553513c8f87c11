"""The network of `fast` in PyTorch, trained on noise: python -m benchmarks.peers.torch_training.

Prints the pictures a second of each epoch as JSON, each of a few steps, after one that warms up: bfloat16 under
autocast, channels last, SGD with Nesterov's momentum, label smoothing, random flips and shifts.
"""

from __future__ import annotations

import json
import time

import torch
from torch import nn
from torch.nn import functional

_BATCH, _STEPS, _EPOCHS = 1024, 4, 4
_WIDTHS = (64, 256, 256)


class _Block(nn.Sequential):  # type: ignore[misc]
    def __init__(self, inside: int, outside: int) -> None:
        def norm() -> nn.Module:
            return nn.BatchNorm2d(outside, eps=1e-6, momentum=0.4)

        super().__init__(
            nn.Conv2d(inside, outside, 3, padding=1, bias=False),
            nn.MaxPool2d(2),
            norm(),
            nn.GELU(),
            nn.Conv2d(outside, outside, 3, padding=1, bias=False),
            norm(),
            nn.GELU(),
        )


def _build() -> nn.Module:
    """Return the network: a 2x2 convolution, three blocks, the largest of each feature, a linear layer."""
    inside = (24, *_WIDTHS[:-1])
    blocks = [_Block(one, other) for one, other in zip(inside, _WIDTHS, strict=True)]
    head = [nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(_WIDTHS[-1], 10, bias=False)]
    network = nn.Sequential(nn.Conv2d(3, 24, 2), nn.GELU(), *blocks, *head)
    return network.to(memory_format=torch.channels_last)


def _augment(images: torch.Tensor) -> torch.Tensor:
    """Flip half of the images, and shift all by up to two pixels, each its own way."""
    flips = torch.rand(len(images), 1, 1, 1) < 0.5
    images = torch.where(flips, images.flip(3), images)
    padded = functional.pad(images, (2, 2, 2, 2), mode="reflect")
    rows = torch.randint(0, 5, (len(images), 1, 1, 1)) + torch.arange(32).view(1, 1, 32, 1)
    columns = torch.randint(0, 5, (len(images), 1, 1, 1)) + torch.arange(32).view(1, 1, 1, 32)
    tall = padded.gather(2, rows.expand(-1, 3, -1, padded.shape[3]))
    return tall.gather(3, columns.expand(-1, 3, 32, -1))


def main() -> None:
    """Print the rates."""
    torch.manual_seed(0)
    network = _build()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.85, nesterov=True, weight_decay=0.0089)
    images, labels = torch.rand(_BATCH * _STEPS, 3, 32, 32), torch.randint(0, 10, (_BATCH * _STEPS,))
    rates = []
    for epoch in range(_EPOCHS + 1):
        start = time.perf_counter()
        order = torch.randperm(len(images))
        augmented = _augment(images)[order].to(memory_format=torch.channels_last)
        for step in range(_STEPS):
            some = slice(step * _BATCH, (step + 1) * _BATCH)
            with torch.autocast("cpu", torch.bfloat16):
                scores = network(augmented[some])
            loss = functional.cross_entropy(scores.float(), labels[order][some], label_smoothing=0.2)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        if epoch:
            rates.append(len(images) / (time.perf_counter() - start))
    print(
        json.dumps({"rates": rates, "with": f"torch {torch.__version__}, bfloat16, {torch.get_num_threads()} threads"})
    )


if __name__ == "__main__":
    main()
