"""The network: embeddings, a weighted bag of tokens, and a multilayer perceptron with a linear path beside it."""

import torch
from torch import nn


class Net(nn.Module):
    """Input as of `Inputs.batch`; output batch x outputs."""

    def __init__(self, numbers: int, sizes: list[int], tokens: int, outputs: int, config: dict) -> None:
        super().__init__()
        wide, drop = int(config["hidden"]), float(config["dropout"])
        self.embeddings = nn.ModuleList(nn.Embedding(size, min(16, 2 + size // 2)) for size in sizes)
        self.bag = nn.EmbeddingBag(tokens, int(config["token_size"]), mode="sum", sparse=True) if tokens else None
        self.importance = nn.Embedding(tokens, 1, sparse=True) if tokens else None
        width = numbers + sum(layer.embedding_dim for layer in self.embeddings)
        if self.bag is not None:
            nn.init.normal_(self.bag.weight, 0, 0.1)
            nn.init.zeros_(self.importance.weight)
            self.norm = nn.LayerNorm(self.bag.embedding_dim)
            width += self.bag.embedding_dim
        layers: list[nn.Module] = [nn.Dropout(drop if tokens else drop / 4)]
        for depth in range(int(config["layers"])):
            layers += [nn.Linear(width if depth == 0 else wide, wide), nn.GELU(), nn.Dropout(drop)]
        self.deep = nn.Sequential(*layers, nn.Linear(wide if config["layers"] else width, outputs))
        self.straight = nn.Linear(width, outputs)

    def forward(
        self,
        numbers: torch.Tensor,
        codes: torch.Tensor,
        tokens: torch.Tensor,
        starts: torch.Tensor,
        weights: torch.Tensor,
    ) -> torch.Tensor:
        parts = [numbers, *(layer(codes[:, place]) for place, layer in enumerate(self.embeddings))]
        if self.bag is not None:
            weights = weights * torch.exp(self.importance(tokens).squeeze(1))
            parts.append(self.norm(self.bag(tokens, starts, per_sample_weights=weights)))
        joined = torch.cat(parts, dim=1)
        return self.deep(joined) + self.straight(joined)

    def split_parameters(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """Those of token tables, of which a batch touches few rows, and all others."""
        sparse = [layer.weight for layer in (self.bag, self.importance) if layer is not None]
        ids = {id(weight) for weight in sparse}
        return sparse, [weight for weight in self.parameters() if id(weight) not in ids]
