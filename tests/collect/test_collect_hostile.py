"""What no honest student hands in is refused with the reason, and the others' grades stand."""

import json
import os
import stat
import struct
import zipfile

import pytest
from support.handins import ANSWERS, code, notebook, pack, save

from coursekit.collect import collect

GRAM = ("02_gram", "gram_matrix")


def beside_ada(tmp_path):
    """Collect a class of which Ada is honest; returns the other submission, Mallory's."""
    folder = tmp_path / "class"
    save(folder / "ada" / "02_gram.ipynb", notebook())
    before = everything(tmp_path)
    ada, mallory = collect([folder])
    assert ada.answers[GRAM].source == ANSWERS["gram_matrix"]
    assert not ada.refused
    assert (ada.student, mallory.student) == ("ada", "mallory")
    assert everything(tmp_path) == before  # nothing was unpacked anywhere
    return mallory


def everything(folder):
    return sorted(path for path in folder.rglob("*"))


def refused(tmp_path, why):
    submission = beside_ada(tmp_path)
    assert not submission.answers
    assert why in submission.refused
    assert len(submission.refused) < 500
    assert submission.refused.isprintable()


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd.ipynb", "a/../../x.ipynb", "/etc/x.ipynb", "..\\x.ipynb", "C:\\x.ipynb"],
)
def test_paths_that_lead_out(tmp_path, name):
    pack(tmp_path / "class/mallory.zip", {"02_gram.ipynb": notebook(), name: notebook()})
    refused(tmp_path, "leads out of it")


@pytest.mark.parametrize("name", ["a\u202egpj.ipynb", "a\nb.ipynb", "a" * 500, "a/" * 40 + "b"])
def test_names_that_mislead(tmp_path, name):
    pack(tmp_path / "class/mallory.zip", {"02_gram.ipynb": notebook(), name: "x"})
    refused(tmp_path, "is an odd name")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_in_an_archive(tmp_path, kind):
    entry = zipfile.ZipInfo("02_gram.ipynb")
    entry.external_attr = (kind | 0o777) << 16
    pack(tmp_path / "class/mallory.zip", {entry: "/etc/passwd"})
    refused(tmp_path, "is a link or a device")


@pytest.mark.parametrize("target", ["ada", "ada/02_gram.ipynb", "/etc/passwd", "nowhere"])
def test_a_submission_that_is_a_link(tmp_path, target):
    (tmp_path / "class").mkdir()
    (tmp_path / "class/mallory.ipynb").symlink_to(target)
    refused(tmp_path, "is a link")


def test_links_in_a_folder_are_not_followed(tmp_path):
    save(tmp_path / "secret" / "03_losses.ipynb", notebook("03_losses"))
    mallory = save(tmp_path / "class/mallory/02_gram.ipynb", notebook()).parent
    (mallory / "more").symlink_to(tmp_path / "secret")
    (mallory / "03_losses.ipynb").symlink_to(tmp_path / "secret/03_losses.ipynb")
    (mallory / "loop").symlink_to(".")
    submission = beside_ada(tmp_path)
    assert set(lesson for lesson, _ in submission.answers) == {"02_gram"}
    assert sum("not followed" in note for note in submission.notes) == 3


def test_a_pipe_is_not_waited_for(tmp_path):
    (tmp_path / "class").mkdir()
    os.mkfifo(tmp_path / "class/mallory.ipynb")
    refused(tmp_path, "no regular file")


def test_archive_bomb(tmp_path):
    pack(tmp_path / "class/mallory.zip", {"02_gram.ipynb": b"[" * 30_000_000})
    refused(tmp_path, "an archive bomb")


def test_many_entries_that_are_small_bombs(tmp_path):
    path = pack(tmp_path / "class/mallory.zip", {"0.bin": bytes(19_000_000)})
    data = path.read_bytes()
    start = data.index(b"PK\x01\x02")
    record = data[start : start + 46]
    names = [f"{i:03d}.b".encode() for i in range(240)]  # as long as 0.bin; all of the same bytes
    entries = b"".join(record + name for name in names)
    path.write_bytes(data[:start] + entries + _end(240, len(entries), start))
    refused(tmp_path, "an archive bomb")


def test_a_million_entries(tmp_path):
    (tmp_path / "class").mkdir()
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\x01\x02", 20, 3, 20, *[0] * 15) + b"x"
    entry = entry[:28] + struct.pack("<H", 1) + entry[30:]  # a name of one character
    directory = entry * 1_000_000
    end64 = struct.pack(
        "<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 10**6, 10**6, len(directory), 0
    )
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(directory), 1)
    end = _end(0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
    (tmp_path / "class/mallory.zip").write_bytes(directory + end64 + locator + end)
    refused(tmp_path, "table of contents alone")


def _end(count, size, start):
    """The end of a ZIP file's table of contents."""
    return struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, size, start, 0)


def test_too_many_files(tmp_path):
    pack(tmp_path / "class/mallory.zip", {f"{i}.txt": "" for i in range(5_001)})
    refused(tmp_path, "at most 5000")


def test_too_many_files_in_a_folder(tmp_path):
    folder = tmp_path / "class/mallory"
    folder.mkdir(parents=True)
    for i in range(5_001):
        (folder / str(i)).touch()
    refused(tmp_path, "More than 5000 files")


def test_one_name_twice(tmp_path):
    path = tmp_path / "class/mallory.zip"
    pack(path, {"02_gram.ipynb": notebook()})
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("02_gram.ipynb", json.dumps(notebook(answers={})))
    refused(tmp_path, "is in it twice")


def test_notebook_of_100_megabytes(tmp_path):
    (tmp_path / "class").mkdir()
    with open(tmp_path / "class/mallory.ipynb", "wb") as file:
        file.truncate(100_000_000)
    refused(tmp_path, "larger than 40 MB")


def test_archive_that_lies_about_its_sizes(tmp_path):
    path = pack(tmp_path / "class/mallory.zip", {"02_gram.ipynb": notebook()})
    data = bytearray(path.read_bytes())
    place = data.rindex(b"PK\x01\x02") + 24
    data[place : place + 4] = struct.pack("<L", 100)
    path.write_bytes(bytes(data))
    refused(tmp_path, "damaged")


def test_encrypted(tmp_path):
    path = pack(tmp_path / "class/mallory.zip", {"02_gram.ipynb": notebook()})
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(data))
    refused(tmp_path, "is encrypted")


@pytest.mark.parametrize("name", ["mallory.zip", "mallory.ipynb"])
@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04", b"\xff\xfe\x00", b"null", b"[]", b"{}", b"\x00" * 1000, b"nan"]
)
def test_garbage(tmp_path, name, data):
    (tmp_path / "class").mkdir()
    (tmp_path / "class" / name).write_bytes(data)
    assert beside_ada(tmp_path).refused


def test_other_archives_are_refused_with_the_remedy(tmp_path):
    (tmp_path / "class/mallory").mkdir(parents=True)
    (tmp_path / "class/mallory/work.tar.gz").write_bytes(b"\x1f\x8b")
    refused(tmp_path, "There is no notebook")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000 + "]" * 200_000,
        '{"cells": ' + '{"a":' * 200_000 + "1" + "}" * 200_000 + "}",
        '{"cells": [' + "{}," * 1_100_000 + "{}]}",
        '{"cells": 5}',
        '{"worksheets": 5}',
        '{"worksheets": [{"cells": [5]}]}',
    ],
    ids=["deep lists", "deep cells", "brackets", "number", "worksheets", "old cell"],
)
def test_json_that_is_no_notebook(tmp_path, text):
    (tmp_path / "class").mkdir()
    (tmp_path / "class/mallory.ipynb").write_text(text)
    assert beside_ada(tmp_path).refused


def test_fields_of_the_wrong_type_do_not_stop_the_rest(tmp_path):
    document = notebook()
    document["metadata"] = "none"
    document["cells"][0:0] = [
        None, 5, [], {}, {"cell_type": 7, "source": {"a": 1}, "metadata": [], "id": []},
        {"cell_type": "code", "source": [1, ["x"], None], "metadata": {"nbgrader": 3, "tags": 4}},
        {"cell_type": "code", "source": "x = 1", "metadata": {"tags": [1, "nbval-skip"]}},
        code("\ud800 = '\udfff'"),
    ]  # fmt: skip
    save(tmp_path / "class/mallory.ipynb", {})
    (tmp_path / "class/mallory.ipynb").write_text(json.dumps(document))
    submission = beside_ada(tmp_path)
    assert submission.answers[GRAM].source == ANSWERS["gram_matrix"]
    json.dumps(list(submission.notes), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "source",
    [
        "-" * 100_000 + "1",
        "(" * 100_000,
        "1" + "+1" * 50_000,
        "x" + ".x" * 50_000,
        "f" + "(1)" * 50_000,
        "if 1:\n" + "".join(" " * i + "if 1:\n" for i in range(1, 400)),
        "<!--" * 40_000,
        "%time " * 1_500 + "1",
        "%time x\n" * 5_000,
        "%time x\n" * 60,
        "'''" * 50_001,
        "\x00def gram_matrix",
        "```" * 60_000,
    ],
    ids=[
        "minus", "brackets", "sum", "attributes", "calls", "blocks", "comments", "magics in magics",
        "magic lines", "few magics", "quotes", "nul", "fences",
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["answer", "beside"])
def test_code_made_to_hang_or_crash_the_reader(tmp_path, source, place):
    source = f"gram_matrix = 0\n{source}" if place == "beside" else source
    document = notebook(answers={"gram_matrix": source} if place == "answer" else ANSWERS)
    document["cells"] += [code(f"{source}\n# {i}") for i in range(5)] if place == "beside" else []
    save(tmp_path / "class/mallory.ipynb", document)
    beside_ada(tmp_path)  # ends, soon, and Ada's answer is there


def test_sizes_a_person_does_not_write(tmp_path):
    cases = {
        "a": (code("x" * 300_000), "has a cell of 300000 characters; at most 200000"),
        "b": (code("x" * 150_000), "characters in all; at most 1000000"),
        "c": (code("1"), "cells; at most 2000"),
    }
    for name, (cell, _) in cases.items():
        document = notebook()
        document["cells"] += [cell] * {"a": 1, "b": 7, "c": 2_000}[name]
        save(tmp_path / f"{name}.ipynb", document)
    found = collect([tmp_path / f"{name}.ipynb" for name in cases])
    for submission, (_, why) in zip(found, cases.values(), strict=True):
        assert why in submission.refused


def test_too_many_notebooks(tmp_path):
    pack(tmp_path / "class/mallory.zip", {f"{i}.ipynb": notebook() for i in range(61)})
    refused(tmp_path, "More than 60 notebooks")


def test_a_damaged_notebook_does_not_take_the_others_with_it(tmp_path):
    save(tmp_path / "class/mallory/02_gram.ipynb", notebook())
    (tmp_path / "class/mallory/03_losses.ipynb").write_text("{")
    submission = beside_ada(tmp_path)
    assert submission.answers[GRAM].source == ANSWERS["gram_matrix"]
    assert "Left out: 03_losses.ipynb is no notebook" in submission.notes[0]


@pytest.mark.parametrize("depth", [300, 600, 900, 1_200, 2_000])
def test_code_that_python_reads_and_the_reader_cannot_follow(tmp_path, depth):
    source = "def gram_matrix(tensor):\n    return tensor" + " + tensor" * depth
    save(tmp_path / "class/mallory.ipynb", notebook(answers={"gram_matrix": source}))
    submission = beside_ada(tmp_path)
    assert "nested deeper" in submission.refused or submission.answers[GRAM].source == source
    if depth >= 1_200:
        assert "nested deeper" in submission.refused
