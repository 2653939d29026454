"""Networks of the kind that people bring: transformers, gates, embeddings, channels last."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Shape = tuple[int, ...]


class Patches(nn.Module):
    """Pictures as rows of patches, with a class token in front and learned places, then `blocks`."""

    def __init__(self, blocks: nn.Module, *, width: int = 8, token: bool = True) -> None:
        super().__init__()
        self.cut = nn.Conv2d(3, width, 3, stride=3)
        self.token = nn.Parameter(torch.randn(1, 1, width)) if token else None
        self.places = nn.Parameter(torch.randn(1, 6 + token, width))
        self.blocks, self.head = blocks, nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.cut(x).flatten(2).transpose(1, 2)
        if self.token is not None:
            x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1)
        x = self.blocks(x + self.places)
        return self.head(x[:, 0] if self.token is not None else x.mean(1))


class Attention(nn.Module):
    """Self-attention as timm writes it, by torch's function or by products."""

    def __init__(self, width: int = 8, heads: int = 2, *, fused: bool, causal: bool = False) -> None:
        super().__init__()
        self.heads, self.fused, self.causal = heads, fused, causal
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        rows, places, width = x.shape
        qkv = self.qkv(x).reshape(rows, places, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        if self.fused:
            x = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        else:
            x = (q * 0.5 @ k.transpose(-2, -1)).softmax(dim=-1) @ v
        return self.out(x.transpose(1, 2).reshape(rows, places, width))


class Block(nn.Module):
    """A block with norms in front; `attention` is a layer of ours or torch's."""

    def __init__(self, attention: nn.Module, width: int = 8) -> None:
        super().__init__()
        self.norm1, self.attention, self.norm2 = nn.LayerNorm(width), attention, nn.LayerNorm(width)
        self.feed = nn.Sequential(nn.Linear(width, 12), nn.GELU(), nn.Linear(12, width))
        self.scale = nn.Parameter(torch.randn(width))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        if isinstance(self.attention, nn.MultiheadAttention):
            y = self.attention(y, y, y, need_weights=False)[0]
        else:
            y = self.attention(y)
        x = x + y
        return x + self.scale * self.feed(self.norm2(x))


class ConvNext(nn.Module):
    """A block whose norm and products see channels last (Liu et al., 2022)."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.deep = nn.Conv2d(3, 6, 2), nn.Conv2d(6, 6, 3, padding=1, groups=6)
        self.norm, self.wide, self.narrow = nn.LayerNorm(6), nn.Linear(6, 10), nn.Linear(10, 6)
        self.gamma = nn.Parameter(torch.randn(6))
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        y = self.norm(self.deep(x).permute(0, 2, 3, 1))
        y = self.gamma * self.narrow(F.gelu(self.wide(y)))
        return self.head((x + y.permute(0, 3, 1, 2)).mean((-2, -1)))


class Gated(nn.Module):
    """Squeeze and excitation (Hu et al., 2018): channels weighed by their own averages; then a gated sum."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.shrink, self.grow = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 2, 1), nn.Conv2d(2, 6, 1)
        self.pool, self.head = nn.AdaptiveAvgPool2d(1), nn.Linear(3 * 7 * 5, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        x = x * torch.sigmoid(self.grow(F.relu(self.shrink(self.pool(x)))))
        one, two = x.chunk(2, dim=1)
        return self.head(torch.flatten(one * two - two / 3 + 0.5 * -one, 1))


class Tokens(nn.Module):
    """Columns as tokens (Gorishniy et al., 2021): numbers times vectors, categories looked up."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(3, 8)), nn.Parameter(torch.randn(3, 8))
        self.category = nn.Embedding(4, 8)
        self.block = Block(nn.MultiheadAttention(8, 2, batch_first=True))
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        numbers = x[:, :3].unsqueeze(-1) * self.weight + self.bias
        known = (x[:, 3:] * 0.25 + 1.0).long()
        tokens = torch.cat((numbers, self.category(known)), 1)
        return self.head(self.block(tokens).mean(dim=1))


class Squares(nn.Module):
    """A value times itself, and one that two operations of three inputs use."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(5, 6), nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        y = (x * x).view(-1, 2, 3)
        z = y[:, :1, ::2].expand(-1, 2, 2).reshape(x.size(0), 4)
        return self.last(torch.cat((torch.softmax(y, 1).flatten(1), z, x[:, 2:4]), dim=1))


class OverPlaces(nn.Sequential):
    """A norm over two axes at once."""

    def __init__(self) -> None:
        parts = (nn.Unflatten(1, (5, 1)), nn.Linear(1, 4), nn.LayerNorm((5, 4)))
        super().__init__(*parts, nn.Flatten(), nn.Linear(20, 3))


class FromFeatures(nn.Sequential):
    """Pictures made of features."""

    def __init__(self) -> None:
        parts = (nn.Linear(5, 24), nn.Unflatten(1, (2, 3, 4)), nn.Conv2d(2, 3, 2))
        super().__init__(*parts, nn.Flatten(), nn.Linear(18, 3))


def patches(blocks: nn.Module, *, token: bool = True) -> Callable[[], tuple[nn.Module, Shape]]:
    return lambda: (Patches(blocks, token=token), (3, 9, 7))


def torchs_layer(*, first: bool, activation: str) -> nn.TransformerEncoderLayer:
    return nn.TransformerEncoderLayer(
        8, 2, 12, dropout=0.0, activation=activation, batch_first=True, norm_first=first
    )


BROUGHT: dict[str, Callable[[], tuple[nn.Module, Shape]]] = {
    "attention by torch's function": patches(Block(Attention(fused=True))),
    "causal attention": patches(Block(Attention(fused=True, causal=True)), token=False),
    "attention by products": patches(Block(Attention(fused=False)), token=False),
    "multihead attention": patches(Block(nn.MultiheadAttention(8, 4, batch_first=True))),
    "encoder layer": patches(torchs_layer(first=False, activation="relu")),
    "encoder": patches(
        nn.TransformerEncoder(
            torchs_layer(first=True, activation="gelu"), 2, nn.LayerNorm(8), enable_nested_tensor=False
        )
    ),
    "convnext": lambda: (ConvNext(), (3, 9, 7)),
    "gated": lambda: (Gated(), (3, 9, 7)),
    "tokens of columns": lambda: (Tokens(), (5,)),
    "squares": lambda: (Squares(), (5,)),
    "layer norm over places": lambda: (OverPlaces(), (5,)),
    "images from features": lambda: (FromFeatures(), (5,)),
}
