"""Fixtures; what a machine lacks is skipped and said at the end, and in CI a skip is a failure."""

import os
import sys

import numpy as np
import pytest
from PIL import Image
from support.desk import drawn, kernel, reference  # noqa: F401
from support.needs import missing
from support.weights import vgg_weights

from styletools.backbones import Backbone

IN_CI = os.environ.get("CI") == "true"
os.environ["STYLETOOLS_BACKBONE"] = "small"  # fast: a test that needs vgg19's numbers names it


MAY_SKIP = ("gpu", "download")  # markers of tests that need what CI has not


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    for marker, why in missing().items():
        if item.get_closest_marker(marker):
            pytest.skip(f"needs {marker}: {why}")


def pytest_collection_modifyitems(items):
    """Files with slow tests come first: with two workers, neither waits for them in the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_unconfigure(config):
    """The last line, where a laptop lacks something."""
    if not hasattr(config, "workerinput") and (names := " and ".join(missing())):
        print(f"Skipped: the tests that need {names}. `make system` installs what is missing.")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    skipped = report.skipped and not hasattr(report, "wasxfail")
    if IN_CI and skipped and not any(map(item.get_closest_marker, MAY_SKIP)):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, which CI does not allow"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    report = yield
    if IN_CI and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} was skipped, which CI does not allow"
    return report


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def photo(tmp_path, rng):
    """A picture file, 48×40 pixels, smooth with some noise."""
    y, x = np.mgrid[0:40, 0:48]
    levels = np.stack([4 * x, 5 * y, 2 * (x + y)], axis=-1) + rng.integers(0, 40, (40, 48, 3))
    path = tmp_path / "photo.png"
    Image.fromarray(levels.clip(0, 255).astype(np.uint8)).save(path)
    return path


@pytest.fixture
def noise(tmp_path):
    """A picture file of grey noise, 40×40 pixels."""
    Image.effect_noise((40, 40), 90).convert("RGB").save(tmp_path / "noise.png")
    return tmp_path / "noise.png"


@pytest.fixture
def bare_pillow(monkeypatch):
    """Pillow without the extra `heic`, as an older one without AVIF."""
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    for name in ("HEIF", "AVIF"):
        monkeypatch.delitem(Image.OPEN, name, raising=False)
    monkeypatch.setattr(Image, "ID", [name for name in Image.ID if name in Image.OPEN])


@pytest.fixture
def weights():
    return vgg_weights()


@pytest.fixture
def backbone(weights):
    """A random one, of max pooling."""
    return Backbone("random", weights, "max", "0" * 64)
