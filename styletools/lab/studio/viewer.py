"""What a run looks like: two pictures under one slider, and the losses as curves."""

from collections.abc import Sequence

import numpy as np
import traitlets
from anywidget import AnyWidget

from styletools.config import TransferConfig
from styletools.lab.studio.chooser import STATIC
from styletools.transfer import Row

CURVE_POINTS = 600  # of a curve, at most: more than a screen shows


class Viewer(AnyWidget):
    """Before and after, with a line between them that can be moved.

    Attributes:
        before: JPEG file, left of the line.
        after: likewise, right of it.
        aspect: width divided by height, of both.
        split: where the line is, from 0 (all after) to 1 (all before).
    """

    _esm = STATIC / "viewer.js"
    before = traitlets.Bytes().tag(sync=True)
    after = traitlets.Bytes().tag(sync=True)
    before_label = traitlets.Unicode("before").tag(sync=True)
    after_label = traitlets.Unicode("after").tag(sync=True)
    aspect = traitlets.Float(1.5).tag(sync=True)
    split = traitlets.Float(0.0, min=0.0, max=1.0).tag(sync=True)
    help = traitlets.Unicode(
        "Drag over the picture, or use the arrow keys, to compare the two."
    ).tag(sync=True)


class LossChart(AnyWidget):
    """The losses at each step, on a log axis.

    Attributes:
        points: float32, five a point: step, size, α · content, β · style, total.
        steps: where the step axis ends.
    """

    _esm = STATIC / "chart.js"
    points = traitlets.Bytes().tag(sync=True)
    steps = traitlets.Int(1).tag(sync=True)
    help = traitlets.Unicode(
        "Losses as they enter the total, on a log axis. Losses at different sizes do not compare, "
        "nor do totals of runs with different weights."
    ).tag(sync=True)

    def show(self, rows: Sequence[Row], config: TransferConfig) -> None:
        """Draw a loss history, thinned where it is long; the last step is always there."""
        thinned = rows[:: -(-len(rows) // CURVE_POINTS) or 1]
        thinned = [*thinned, rows[-1]] if rows and thinned[-1] is not rows[-1] else thinned
        numbers = [
            (
                row["step"],
                row["size"],
                config.content_weight * row["content"],
                config.style_weight * row["style"],
                row["total"],
            )
            for row in thinned
        ]
        self.points = np.array(numbers, dtype="<f4").tobytes()
