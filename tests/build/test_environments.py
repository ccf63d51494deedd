"""Links to ready environments, the Dockerfile, and requirements.lock."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner
from packaging.requirements import Requirement
from support.handins import save

from coursekit.build.environments import LinkError, links_to, with_links
from coursekit.build.release import release_files
from coursekit.cli import main
from coursekit.collect import read_submission
from coursekit.collect.layouts import Handin

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"
TEMPLATES = ROOT / "coursekit" / "build" / "templates"
REPOSITORY, HUB = "uni/style-transfer", "https://hub.example.edu"


@pytest.fixture(scope="module")
def plain():
    return release_files(ROOT)


@pytest.fixture(scope="module")
def linked(plain):
    return with_links(plain, REPOSITORY, "main", HUB)


def notebooks(files):
    return sorted(name for name in files if name.endswith(".ipynb"))


def test_every_notebook_opens_itself(linked):
    for name in notebooks(linked):
        first, second, *_ = json.loads(linked[name])["cells"]
        text = "".join(first["source"])
        for address in (
            f"https://colab.research.google.com/github/{REPOSITORY}/blob/main/{name}",
            f"https://mybinder.org/v2/gh/{REPOSITORY}/main?urlpath=lab%2Ftree%2F",
            f"https://codespaces.new/{REPOSITORY}?quickstart=1&ref=main",
            f"{HUB}/hub/user-redirect/git-pull?repo=",
        ):
            assert address in text
        assert "![" not in text  # a notebook that is opened offline asks for no picture
        assert "google.colab" in "".join(second["source"])


def test_links_lead_to_files_that_are_there(linked):
    for name in notebooks(linked):
        links = links_to(name, REPOSITORY, "a/branch", HUB)
        assert urlsplit(links["Colab"]).path.endswith(f"/blob/a%2Fbranch/{name}")
        assert parse_qs(urlsplit(links["Binder"]).query) == {"urlpath": [f"lab/tree/{name}"]}
        assert parse_qs(urlsplit(links["JupyterHub"]).query) == {
            "repo": [f"https://github.com/{REPOSITORY}"], "branch": ["a/branch"],
            "urlpath": [f"lab/tree/style-transfer/{name}"],
        }  # fmt: skip


def test_the_readme_has_badges(plain, linked):
    readme = linked["README.md"].decode()
    assert readme.count("[![Open in") == 3
    assert readme.index("## Start in the browser") < readme.index("## Install, once")
    assert b"Open in" not in plain["README.md"]


def test_the_rest_of_a_notebook_is_as_it_was(plain, linked):
    for name in notebooks(linked):
        assert json.loads(linked[name])["cells"][2:] == json.loads(plain[name])["cells"]


def test_the_cell_for_colab_does_nothing_elsewhere(linked, tmp_path):
    cell = "".join(json.loads(linked["notebooks/02_gram.ipynb"])["cells"][1]["source"])
    done = subprocess.run(
        [sys.executable, "-c", cell], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not list(tmp_path.iterdir())


def test_the_cell_for_colab_fetches_the_course(linked, tmp_path, monkeypatch):
    cell = "".join(json.loads(linked["notebooks/02_gram.ipynb"])["cells"][1]["source"])
    calls = []
    monkeypatch.setitem(sys.modules, "google.colab", object())
    monkeypatch.setattr(subprocess, "run", lambda call, check: calls.append(call))
    monkeypatch.setattr("os.chdir", lambda folder: calls.append(folder))
    monkeypatch.setattr(sys, "path", [])
    exec(cell, {})
    clone, install, folder = calls
    assert clone[-2:] == [f"https://github.com/{REPOSITORY}", "/content/style-transfer"]
    assert install[1:] == ["-m", "pip", "install", "--quiet", "--editable", clone[-1]]
    assert folder == "/content/style-transfer/notebooks"


def test_a_hand_in_with_links_is_graded_like_any(linked, tmp_path):
    document = json.loads(linked["notebooks/02_gram.ipynb"])
    for cell in document["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == "gram_matrix":
            cell["source"] = "def gram_matrix(tensor):\n    return 4711"
    path = save(tmp_path / "02_gram.ipynb", document)
    submission = read_submission(Handin("ada", (path,), ""))
    assert "4711" in submission.answers["02_gram", "gram_matrix"].source
    assert not submission.refused


@pytest.mark.parametrize(
    ("repository", "branch", "hub"),
    [
        ("uni", "main", ""), ("uni/a b", "main", ""), ("https://github.com/uni/x", "main", ""),
        ("uni/x)](http://e", "main", ""), ("uni/x.git", "main", ""), ("uni/x", "ma in", ""),
        ("uni/x", '"; evil', ""), ("uni/x", "main", "http://hub"), ("uni/x", "main", "https://h b"),
    ],
)  # fmt: skip
def test_what_cannot_be_linked_to(plain, repository, branch, hub):
    with pytest.raises(LinkError):
        with_links(plain, repository, branch, hub)


def test_command_line(tmp_path):
    done = CliRunner().invoke(
        main, ["release", "-o", str(tmp_path / "out"), "--repository", REPOSITORY]
    )
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "Dockerfile").exists()
    assert "Binder" in (tmp_path / "out" / "README.md").read_text()
    hub = CliRunner().invoke(main, ["release", "-o", str(tmp_path / "x"), "--hub", HUB])
    assert "--repository" in hub.stderr


# --- requirements.lock ---------------------------------------------------------------------------


def entries():
    """{name: (requirement, hashes)}; a package with several versions is there several times."""
    text = re.sub(r"^#.*\n", "", LOCK.read_text("utf-8"), flags=re.MULTILINE)
    for entry in re.split(r"^(?=\S)", text, flags=re.MULTILINE):
        if entry:
            line, *rest = entry.replace("\\\n", "\n").splitlines()
            yield Requirement(line.strip()), [part.strip() for part in rest if part.strip()]


def test_the_lock_names_no_host():
    text = LOCK.read_text("utf-8")
    assert not re.search(
        r"://|--index|--extra|--find-links|--trusted|@ |\.(com|org|io|net)\b", text
    )


def test_every_package_is_pinned_with_hashes():
    found = list(entries())
    assert len(found) > 80
    for requirement, hashes in found:
        assert re.fullmatch(r"==[\w.]+", str(requirement.specifier)), requirement
        assert hashes
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line) for line in hashes)


def test_the_lock_holds_what_the_kit_needs():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = {}
    for requirement, _ in entries():
        name = requirement.name.lower().replace("_", "-")
        pinned.setdefault(name, []).append(str(requirement.specifier)[2:])
    for line in project["dependencies"]:
        wanted = Requirement(line)
        name = wanted.name.lower().replace("_", "-")
        if name in ("torch", "torchvision"):
            assert name not in pinned  # chosen where it is installed
            continue
        assert all(version in wanted.specifier for version in pinned[name]), line
    assert not [name for name in pinned if name.startswith(("nvidia", "cuda", "triton"))]


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_fresh_environment_from_the_lock(tmp_path):
    """With PyTorch linked from here: whichever wheel it is, the lock does not say."""
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    pip = [venv / "bin" / "python", "-m", "pip", "install", "--quiet"]
    locked = ["--require-hashes", "--no-deps", "-r", LOCK]
    subprocess.run([*pip, *locked], check=True)
    here = Path(next(path for path in sys.path if path.endswith("site-packages")))
    there = next((venv / "lib").glob("python*/site-packages"))
    for pattern in ("torch*", "functorch", "nvidia*", "triton*", "cuda*"):
        for path in here.glob(pattern):
            (there / path.name).symlink_to(path)
    course = tmp_path / "course"
    for name, content in release_files(ROOT).items():
        (course / name).parent.mkdir(parents=True, exist_ok=True)
        (course / name).write_bytes(content)
    install = ["--no-deps", "--no-build-isolation", "--editable", course]
    subprocess.run([*pip, *install], check=True)
    done = subprocess.run([venv / "bin" / "styletools", "doctor"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "FAIL" not in done.stdout


# --- Dockerfile ----------------------------------------------------------------------------------


def test_the_container_is_no_root_and_takes_cpu_wheels():
    text = (TEMPLATES / "Dockerfile").read_text()
    users = re.findall(r"^USER (.+)$", text, re.MULTILINE)
    assert users == ["${NB_USER}"]
    assert text.index("USER ") < text.index("CMD ")
    assert "whl/cpu" in text
    assert "--require-hashes --no-deps -r requirements.lock" in text
    settings = json.loads((TEMPLATES / "devcontainer.json").read_text())
    assert settings["remoteUser"] == re.search(r"ARG NB_USER=(\w+)", text)[1]
    assert settings["build"]["dockerfile"] == "../Dockerfile"


def test_the_dockerfile_is_linted():
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([hadolint, TEMPLATES / "Dockerfile"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
