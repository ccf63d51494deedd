from .compare import overlay_losses, picture_grid, scatter, table
from .plans import part2, tradeoff
from .store import RunStore
from .studio import TransferPanel
from .sweeps import sweep

__all__ = [
    "RunStore",
    "TransferPanel",
    "overlay_losses",
    "part2",
    "picture_grid",
    "scatter",
    "sweep",
    "table",
    "tradeoff",
]
