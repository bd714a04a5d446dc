"""A small attention net for texts as tokens."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTH, HEADS, BLOCKS = 64, 4, 1
PADDING = 0  # the token, and the position of that token
SPREAD = 0.02  # deviation of embeddings at the start, as in BERT; from 1 a net learns far slower


class AttentionNet(nn.Module):
    """Tokens (n, length) to (n, outputs): blocks of attention, then the mean over tokens.

    The blocks normalise before attention and perceptron (Xiong et al. 2020). Padding is neither
    attended to nor averaged; a text without tokens is the bias of the last layer.

    Args:
        words: codes there are, 0 to words - 1, padding with them.
        length: of the longest text.
    """

    def __init__(self, words: int, length: int, outputs: int) -> None:
        super().__init__()
        self.words = _embedding(words)
        self.places = _embedding(length + 1)
        self.blocks = nn.ModuleList(AttentionBlock() for _ in range(BLOCKS))
        self.norm = nn.LayerNorm(WIDTH)
        self.score = nn.Linear(WIDTH, outputs)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (n, outputs) from (n, length) int64, 0 for padding."""
        present = tokens != PADDING
        # Positions of each sample's own, so that a layer's first dimension is the sample.
        places = torch.arange(1, tokens.shape[1] + 1, device=tokens.device) * present
        hidden = self.words(tokens) + self.places(places)
        for block in self.blocks:
            hidden = block(hidden, present)
        kept: Tensor = self.norm(hidden) * present[:, :, None]
        scores: Tensor = self.score(kept.sum(1) / present.sum(1, keepdim=True).clamp(min=1))
        return scores


class AttentionBlock(nn.Module):
    """Softmax attention (Vaswani et al. 2017) and a perceptron, each added to what came in.

    Queries, keys and values are Linear layers, whose gradients have a rule; those inside
    nn.MultiheadAttention have none.
    """

    def __init__(self) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(WIDTH)
        self.query, self.key, self.value, self.merge = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.norm = nn.LayerNorm(WIDTH)
        self.widen, self.narrow = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)

    def forward(self, hidden: Tensor, present: Tensor) -> Tensor:
        """Return (n, length, WIDTH); `present` is (n, length), False where padded."""
        hidden = hidden + self._attended(self.attention_norm(hidden), present)
        wide = functional.gelu(self.widen(self.norm(hidden)))
        narrow: Tensor = self.narrow(wide)
        return hidden + narrow

    def _attended(self, normal: Tensor, present: Tensor) -> Tensor:
        query, key, value = (
            _by_head(layer(normal)) for layer in (self.query, self.key, self.value)
        )
        weights = query @ key.transpose(2, 3) / math.sqrt(WIDTH // HEADS)
        # Not minus infinity: a text without tokens would have the softmax of nothing.
        weights = weights.masked_fill(~present[:, None, None], torch.finfo(weights.dtype).min)
        together = (weights.softmax(3) @ value).transpose(1, 2).flatten(2)
        merged: Tensor = self.merge(together)
        return merged


def _by_head(hidden: Tensor) -> Tensor:
    """Return (n, HEADS, length, WIDTH / HEADS)."""
    return hidden.reshape(*hidden.shape[:2], HEADS, -1).transpose(1, 2)


def _embedding(count: int) -> nn.Embedding:
    table = nn.Embedding(count, WIDTH, padding_idx=PADDING)
    with torch.no_grad():
        table.weight *= SPREAD
    return table
