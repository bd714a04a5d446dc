"""What a valuation of contributors by DAVINZ can be told."""

from __future__ import annotations

from dataclasses import dataclass

from dvaudit.core.settings import setting

NETS = ("auto", "mlp", "cnn", "vgg", "resnet", "vgg13", "resnet18")


@dataclass(frozen=True)
class DavinzSettings:
    """What `davinz` can be told."""

    game: str = setting(
        "shapley",
        "shapley: mean gain over all orders of joining. banzhaf: mean gain over all "
        "coalitions. loo: loss when only this contributor leaves. marginal: gain over having "
        "no data.",
        choices=("shapley", "banzhaf", "loo", "marginal"),
    )
    net: str = setting(
        "auto",
        "Network whose initialisation is looked at; auto: a small CNN for images, an MLP "
        "otherwise.",
        choices=NETS,
        label="Network",
    )
    initialisations: int = setting(
        3, "Random initialisations that are averaged over.", low=1, high=100
    )
    blocks: int | None = setting(
        None,
        "Random parts that the tangent kernel is split into. 1 is exact. Empty: parts of at "
        "most 1,000 samples.",
        low=1,
        high=100_000,
        label="Parts of the kernel",
    )
    permutations: int = setting(
        1,
        "Random ways to split into parts that are averaged over.",
        low=1,
        high=100,
        label="Random splits into parts",
    )
    bandwidth: int = setting(
        0,
        "Neighbouring parts that the inverse kernel links; 0 treats them apart.",
        low=0,
        high=1000,
        label="Neighbouring parts linked",
    )
    kernel: str = setting(
        "ladder",
        "Distance of inputs. ladder: several bandwidths around the median distance. code: "
        "the single bandwidth 5 of the authors' code.",
        choices=("ladder", "code"),
        label="Distance of inputs",
    )
    kappa: float | None = setting(
        None,
        "Weight of the in-domain term. Empty: equation (4) of the paper.",
        low=0.0,
        high=1e12,
        label="Weight kappa",
    )
    kappa_over: str = setting(
        "singles",
        "Sets that equation (4) averages over: single contributors, or the evaluated ones "
        "(leave-one-out and full), as in the authors' code, which agrees better with "
        "retraining where contributors differ much and leave one at a time.",
        choices=("singles", "evaluated"),
        label="Kappa averages over",
    )
    empty_score: float | None = setting(
        None,
        "Score of having no data. Empty: the lowest score of a single contributor. Moves all "
        "values alike.",
        low=-1e12,
        high=1e12,
        label="Score of having no data",
    )
    jitter: float = setting(
        1e-4,
        "Added to the tangent kernel's diagonal.",
        low=1e-12,
        high=1e6,
        label="Added to the diagonal",
    )
    tolerance: float = setting(
        0.05,
        "Sampling stops when every standard error is below this share of the spread of the values.",
        low=0.0,
        high=10.0,
        label="Standard errors below",
    )
    most: int = setting(
        1000,
        "Orders (shapley) or coalitions (banzhaf) at most.",
        low=32,
        high=1_000_000,
        label="Orders or coalitions at most",
    )
    holdout: float = setting(
        0.2,
        "Share of the data held out at random as a trusted set where none is given.",
        low=0.01,
        high=0.9,
        label="Share held out as trusted",
    )
    per_sample: bool = setting(
        False,
        "Also leave out every single sample, in closed form. No detector of wrong labels.",
        label="Leave out single samples too",
    )
