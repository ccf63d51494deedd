"""How pytest runs the notebooks: failing checks raise, the small backbone, and few steps.

`STYLETOOLS_QUICK=0 pytest --nbval notebooks/reference` runs every step.
"""

import os

os.environ["STYLETOOLS_STRICT"] = "1"
os.environ.setdefault("STYLETOOLS_BACKBONE", "vgg19")
os.environ.setdefault("STYLETOOLS_QUICK", "1")
