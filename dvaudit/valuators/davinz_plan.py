"""What a valuation of contributors by DAVINZ costs; free of torch, so that it is quick to ask."""

from __future__ import annotations

from dvaudit.core.machine import Cost, Machine
from dvaudit.core.words import count
from dvaudit.valuators.davinz_settings import DavinzSettings

BLOCK_ROWS = 1000  # samples a block of the tangent kernel where blocks are chosen automatically
START_SECONDS = 5.0  # reading, features, and retraining the probe for the curves
PROCESS_BYTES = 400 << 20  # resident in a process that has imported torch and this method, measured
KERNEL_COPIES = 2  # a block and its factor
WORKSPACES = 4  # of a block, while coalitions are factored
STRIPS_BYTES = 48 << 20  # of distances to the trusted set, for each core


def blocks_of(settings: DavinzSettings, samples: int) -> int:
    """Return the parts that the tangent kernel of so many samples is split into."""
    return settings.blocks or max(1, -(-samples // BLOCK_ROWS))


def every_coalition(game: str, players: int, most: int) -> bool:
    """Return whether a game takes all 2^K coalitions once, being no dearer than sampling them."""
    # An order costs about as much as two coalitions of half its size.
    limits = {"shapley": 2 * most, "banzhaf": most}
    return bool(2**players <= limits.get(game, 0))


def davinz_cost(
    settings: DavinzSettings,
    contributors: int | None,
    samples: int,
    dimensions: int,
    machine: Machine,
) -> Cost:
    """Return the cost among so many contributors; of None, the most that it may be."""
    block = min(samples, BLOCK_ROWS)
    if settings.blocks:
        block = -(-samples // min(settings.blocks, samples))
    weights = 100_000 if settings.net in ("auto", "mlp", "cnn") else 1_000_000
    systems = settings.initialisations * settings.permutations
    ntk = 2.0 * samples * block * weights * systems
    orders, words = _rounds(settings, contributors)
    game = orders * systems * samples * block**2 / 3
    distances = samples**2 * (dimensions + 40)
    kernels = 8 * block * systems * (KERNEL_COPIES * samples + WORKSPACES * block)
    held = PROCESS_BYTES + STRIPS_BYTES * machine.cores + kernels + 8 * samples * 4096
    # Products of gradients run at full speed; small solves and distances at about a tenth.
    seconds = (ntk + (game + distances) / 0.1) / machine.flops + START_SECONDS
    plan = (
        f"tangent kernel in blocks of {block:,}, "
        f"{count(settings.initialisations, 'initialisation')}, {settings.game} {words}"
    )
    return Cost(seconds, held, plan)


def _rounds(settings: DavinzSettings, contributors: int | None) -> tuple[float, str]:
    """Return how many orders of joining the game costs as much as, and what it goes over."""
    game, most = settings.game, settings.most
    if game not in ("shapley", "banzhaf"):
        return 2, "in closed form"
    if contributors is not None and every_coalition(game, contributors, most):
        return 2**contributors / 2, f"over all {2**contributors:,} coalitions"
    orders, unit = (most, "orders") if game == "shapley" else (most / 2, "coalitions")
    fewer = "" if contributors is not None else ": less time where the contributors are few"
    return orders, f"over at most {most:,} {unit}{fewer}"
