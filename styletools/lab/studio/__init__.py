"""The control panel for the notebook: `styletools.studio()`."""

from styletools.lab.studio.panel import Studio, TransferPanel, studio

__all__ = ["Studio", "TransferPanel", "studio"]
