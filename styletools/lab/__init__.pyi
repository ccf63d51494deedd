from .compare import overlay_losses, picture_grid, scatter, table
from .film import save_film
from .folder import stylize_folder
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
    "save_film",
    "scatter",
    "stylize_folder",
    "sweep",
    "table",
    "tradeoff",
]
