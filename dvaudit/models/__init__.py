"""Small networks built the same way every time. Names load on first use, and torch with them."""

from typing import TYPE_CHECKING

from dvaudit.core.lazy import exports

if TYPE_CHECKING:
    from dvaudit.models.initial import NETS as NETS
    from dvaudit.models.initial import initial_net as initial_net
    from dvaudit.models.neutral import neutralise as neutralise
    from dvaudit.models.proxy import ProxyRun as ProxyRun
    from dvaudit.models.proxy import train_proxy as train_proxy
    from dvaudit.models.trainable import TRAINABLE as TRAINABLE
    from dvaudit.models.trainable import own_net as own_net
    from dvaudit.models.trainable import trainable_net as trainable_net
    from dvaudit.models.velocity import group_dynamics as group_dynamics
    from dvaudit.models.velocity import score_groups as score_groups

__getattr__, __all__ = exports(
    __name__,
    {
        "NETS": "dvaudit.models.initial",
        "initial_net": "dvaudit.models.initial",
        "neutralise": "dvaudit.models.neutral",
        "ProxyRun": "dvaudit.models.proxy",
        "group_dynamics": "dvaudit.models.velocity",
        "score_groups": "dvaudit.models.velocity",
        "train_proxy": "dvaudit.models.proxy",
        "TRAINABLE": "dvaudit.models.trainable",
        "own_net": "dvaudit.models.trainable",
        "trainable_net": "dvaudit.models.trainable",
    },
)
