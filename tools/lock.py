"""Write requirements.lock: what the kit needs, pinned, with hashes, and no index.

    python tools/lock.py [UV]     (uv from the package registry; found on the PATH otherwise)

PyTorch is left out, with the CUDA packages that it brings on Linux: which of its wheels to take,
for CPUs or for CUDA, is decided where the file is installed. So install PyTorch first, then
`pip install --require-hashes --no-deps -r requirements.lock`.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT = re.compile(r"(torch|torchvision|triton|nvidia-.*|cuda-.*)")
HEADER = """\
# Every package that the kit needs but PyTorch, with its hashes. Written by `make lock`.
# First PyTorch, for CPUs or for CUDA, then:
#   pip install --require-hashes --no-deps -r requirements.lock
"""


def main(uv: str = "uv") -> None:
    """Ask uv, and keep what is not PyTorch's."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = project["project"]["dependencies"] + project["build-system"]["requires"]
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder, "in.txt"), Path(folder, "out.txt")
        source.write_text("\n".join([*wanted, "torch!=2.13.0"]), "utf-8")
        subprocess.run(
            [uv, "pip", "compile", source, "-o", output, "--universal", "--python-version", "3.11",
             "--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url", "--quiet"],
            check=True,
        )  # fmt: skip
        entries = re.split(r"^(?=\S)", output.read_text("utf-8"), flags=re.MULTILINE)
    kept = [e for e in entries if e and not LEFT_OUT.fullmatch(re.split(r"[=\s;]", e)[0])]
    (ROOT / "requirements.lock").write_text(HEADER + "".join(kept), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
