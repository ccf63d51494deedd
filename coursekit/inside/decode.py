"""The script that decodes students' picture files, in the sandbox, where none of their code runs.

It needs Pillow and `styletools/_rgb.py`. One line of JSON when it begins, one for each picture.
"""

import base64
import json
import runpy
import sys
from typing import Any

_MAX_PIXELS = 100_000_000  # of a file, as in styletools.images
READY = "ready"


def main() -> None:
    """A line for each picture: why it cannot be opened; or its size and its pixels."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None
    request = json.load(sys.stdin)
    tools = runpy.run_path(request["rgb"])
    print(json.dumps(READY), flush=True)
    for path in request["pictures"]:
        line: dict[str, Any] = {"problem": "", "size": [0, 0], "pixels": ""}
        try:
            with open(path, "rb") as file, tools["open_picture"](file) as image:
                line["size"] = width, height = image.size
                if width * height > _MAX_PIXELS:
                    raise Image.DecompressionBombError
                picture = tools["to_rgb"](image, tuple(request["size"]))
                line["pixels"] = base64.b64encode(picture.tobytes()).decode()
        except Image.DecompressionBombError:
            line["problem"] = f"it has {width}×{height} pixels, more than {_MAX_PIXELS}"
        except Exception as error:
            line["problem"] = f"it cannot be opened ({type(error).__name__}: {error})"[:200]
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
