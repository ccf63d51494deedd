"""The control panel for the notebook: `styletools.studio()`."""

from styletools.widgets.studio import Studio, TransferPanel, studio

__all__ = ["Studio", "TransferPanel", "studio"]
