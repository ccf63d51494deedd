"""Links that open the course ready to work: Colab, Binder, Codespaces, a JupyterHub.

    coursekit release -o FOLDER --repository OWNER/NAME

They are badges in the students' README, and plain links at the top of each notebook: a notebook
that is opened offline asks for no picture.
"""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from coursekit.build import TEMPLATES
from styletools.errors import StyletoolsError

REPOSITORY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+")
HUB = re.compile(r"https://[A-Za-z0-9.-]+(:\d+)?(/[\w.~/-]*)?")
README_PLACE = "## Install, once"
BADGES = {
    "Colab": "https://colab.research.google.com/assets/colab-badge.svg",
    "Binder": "https://mybinder.org/badge_logo.svg",
    "Codespaces": "https://github.com/codespaces/badge.svg",
}
COLAB_CELL = """\
# In Colab this cell fetches the course and its kit, once a session; elsewhere it does nothing.
import sys

if "google.colab" in sys.modules:
    import os
    import subprocess

    folder = "/content/{name}"
    if not os.path.exists(folder):
        address = "https://github.com/{repository}"
        get = ["git", "clone", "--quiet", "--depth", "1", "--branch", "{branch}", address, folder]
        subprocess.run(get, check=True)
        install = ["pip", "install", "--quiet", "--editable", folder]
        subprocess.run([sys.executable, "-m", *install], check=True)
    sys.path.insert(0, folder)
    os.chdir(f"{{folder}}/notebooks")"""


class LinkError(StyletoolsError, ValueError):
    """A repository or a hub that cannot be linked to."""


def with_links(files: dict[str, bytes], repository: str, branch: str, hub: str) -> dict[str, bytes]:
    """The students' files, with links in the README and at the top of each notebook.

    Args:
        files: {name: content}.
        repository: OWNER/NAME on GitHub, where the files will be; Colab and Binder need it public.
        branch: of the repository.
        hub: the address of a JupyterHub with nbgitpuller, or "".

    Raises:
        LinkError: one of them is malformed.
    """
    if not REPOSITORY_NAME.fullmatch(repository) or repository.endswith((".git", "/.", "/..")):
        raise LinkError(f"The repository is {repository!r}; give OWNER/NAME, as GitHub has it.")
    if not re.fullmatch(r"[\w./-]+", branch) or branch.startswith("-"):
        raise LinkError(f"The branch is {branch!r}; give its name, such as main.")
    if hub and not HUB.fullmatch(hub):
        raise LinkError(f"The hub is {hub!r}; give an address such as https://hub.example.edu.")
    linked = dict(files)
    for name, content in files.items():
        if name.startswith("notebooks/") and name.endswith(".ipynb"):
            links = links_to(name, repository, branch, hub)
            linked[name] = _notebook_with(content, Path(name).stem, links, repository, branch)
    first = next(name for name in sorted(files) if name.startswith("notebooks/"))
    readme = files["README.md"].decode()
    section = _readme_section(links_to(first, repository, branch, hub))
    linked["README.md"] = readme.replace(README_PLACE, section + README_PLACE, 1).encode()
    return linked


def links_to(path: str, repository: str, branch: str, hub: str) -> dict[str, str]:
    """{service: address} that opens a file of a repository; nbgitpuller's only with a hub."""
    place, where = quote(path), quote(branch, safe="")
    links = {
        "Colab": f"https://colab.research.google.com/github/{repository}/blob/{where}/{place}",
        "Binder": f"https://mybinder.org/v2/gh/{repository}/{where}?"
        + urlencode({"urlpath": f"lab/tree/{path}"}),
        "Codespaces": f"https://codespaces.new/{repository}?"
        + urlencode({"quickstart": 1, "ref": branch}),
    }
    if hub:
        query = {
            "repo": f"https://github.com/{repository}",
            "branch": branch,
            "urlpath": f"lab/tree/{repository.partition('/')[2]}/{path}",
        }
        links["JupyterHub"] = f"{hub.rstrip('/')}/hub/user-redirect/git-pull?{urlencode(query)}"
    return links


def environment_files(root: Path) -> dict[str, bytes]:
    """What a container needs: Dockerfile, devcontainer, and the locked packages, if there."""
    lock = root / "requirements.lock"
    if not lock.is_file():
        return {}
    names = {"Dockerfile": "Dockerfile", ".devcontainer/devcontainer.json": "devcontainer.json"}
    files = {name: (TEMPLATES / source).read_bytes() for name, source in names.items()}
    return {**files, "requirements.lock": lock.read_bytes()}


def _readme_section(links: dict[str, str]) -> str:
    badges = [
        f"[![Open in {name}]({BADGES[name]})]({address})"
        if name in BADGES
        else f"[Open in {name}]({address})"
        for name, address in links.items()
    ]
    return (
        "## Start in the browser\n\n" + "\n".join(badges) + "\n\n"
        "Colab and Binder forget everything when a session ends: download your notebooks before, "
        "and\nsave the folder `runs`. Colab lends a GPU; Binder is slow, and good for a look.\n\n"
    )


def _notebook_with(
    content: bytes, lesson: str, links: dict[str, str], repository: str, branch: str
) -> bytes:
    """Two cells before all others; what is there keeps its ids."""
    notebook: dict[str, Any] = json.loads(content)
    text = "Open this notebook in " + " · ".join(f"[{n}]({a})" for n, a in links.items())
    code = COLAB_CELL.format(
        name=repository.partition("/")[2], repository=repository, branch=branch
    )
    locked = {"deletable": False, "editable": False}
    notebook["cells"][:0] = [
        {
            "cell_type": "markdown", "id": f"{lesson}-open", "metadata": locked,
            "source": text.splitlines(keepends=True),
        },
        {
            "cell_type": "code", "id": f"{lesson}-colab",
            "metadata": {**locked, "jupyter": {"source_hidden": True}},
            "execution_count": None, "outputs": [], "source": code.splitlines(keepends=True),
        },
    ]  # fmt: skip
    return (json.dumps(notebook, ensure_ascii=False, indent=1) + "\n").encode()
