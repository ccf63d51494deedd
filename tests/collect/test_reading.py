"""Hand-ins are read in a process of their own: what ends or blocks it costs that hand-in alone."""

import signal
from pathlib import Path

import pytest
from support.handins import notebook, save

from coursekit import reading
from coursekit.collect.layouts import Handin
from coursekit.reading import LONG, Reader, ReadingError
from coursekit.records import Submission


def handin(path):
    return Handin(path.stem, (path,), path.name)


def work(handin, written):
    """What hostile files might bring the reader to."""
    match handin.student:
        case "endless":
            while True:
                pass
        case "greedy":
            return bytes(8 << 30)
        case "killed":
            signal.raise_signal(signal.SIGKILL)
        case "broken":
            raise ValueError("of a library")
    return Submission(handin.student, handin.paths[0], {}), {}


def test_what_breaks_the_limits_is_refused_alone(monkeypatch):
    monkeypatch.setattr(reading, "SECONDS", 2)  # the other limit is of a process that is started
    names = ["ada", "endless", "greedy", "bob", "killed", "broken", "carla"]
    with Reader(work) as reader:
        found = {name: reader.read(handin(Path(name)))[0].refused for name in names}
    broken = "It cannot be read (ValueError: of a library)"
    assert found == {
        "ada": "", "endless": LONG, "greedy": LONG, "bob": "", "killed": LONG, "broken": broken,
        "carla": "",
    }  # fmt: skip


def test_the_process_reads_what_the_function_reads(tmp_path):
    save(tmp_path / "ada" / "02_gram.ipynb", notebook("02_gram"))
    expected = reading.read(handin(tmp_path / "ada"), tmp_path / "written")
    with Reader() as reader:
        assert reader.read(handin(tmp_path / "ada"), tmp_path / "written") == expected
    assert expected[0].answers


def test_a_process_that_does_not_start_is_no_fault_of_a_hand_in(monkeypatch):
    monkeypatch.setattr(reading, "START_SECONDS", 0)
    with Reader(work) as reader, pytest.raises(ReadingError, match="does not start"):
        reader.read(handin(Path("ada")))
