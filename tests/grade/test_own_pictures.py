"""Own pictures: found as a person would find them, and told apart by what they show."""

import unicodedata

import pytest
from PIL import Image

from coursekit.course import pictures_handed_out
from coursekit.grade.pictures import MAX_FILES, best_match, judge, unpack_pictures
from coursekit.sandbox import Plain
from styletools import bundled

CAFE = "café/nuit étoilée.jpg"


@pytest.mark.parametrize(
    ("path", "names", "found"),
    [
        ("images/img_1.jpg", ["images/IMG_1.JPG"], "images/IMG_1.JPG"),
        (CAFE, [unicodedata.normalize("NFD", CAFE)], unicodedata.normalize("NFD", CAFE)),
        (unicodedata.normalize("NFD", CAFE), [CAFE], CAFE),
        ("dog.png", ["dog-1.png"], "dog-1.png"),
        ("dog.png", ["dog (2).png"], "dog (2).png"),
        ("dog.png", ["dog-1.png", "dog.png"], "dog.png"),
        ("dog-1.png", ["dog.png", "dog-1.png"], "dog-1.png"),
        ("a/dog.png", ["dog.png", "a/Dog.PNG", "b/dog.png"], "a/Dog.PNG"),
        ("dog.png", ["DOG.png", "dog.png"], "dog.png"),
        (r"C:\\Ana\\images\\dog.png", ["images/dog.png"], "images/dog.png"),
        ("dog.png", ["dogs.png", "dog.jpg", "hotdog.png"], ""),
    ],
)
def test_a_picture_is_found_by_its_name(path, names, found):
    assert best_match(path, names) == found


def test_frames_of_an_animation_leave_room_for_the_pictures(tmp_path):
    frames = {f"frames/{number}.png": b"frame" for number in range(MAX_FILES + 100)}
    chosen = {"images/dog.jfif": b"dog", "images/night.heic": b"night"}
    copies = unpack_pictures(frames | chosen, tmp_path)
    assert len(copies) == MAX_FILES
    assert {name: copies[name].read_bytes() for name in chosen} == chosen


def test_parts_that_must_be_the_same():
    assert best_match("images/a.png", ["runs/a.png"], 2) == ""
    assert best_match("images/a.png", ["x/Images/A.png"], 2) == "x/Images/A.png"


def judged(files, content="a.png", style="b.png"):
    names = {name: {"kind": "path", "path": path}
             for name, path in (("my_content", content), ("my_style", style))}  # fmt: skip
    found = judge(names, files, pictures_handed_out(), False, Plain())
    return [found[name].status for name in names]


def test_what_pictures_show_tells_them_apart_not_their_bytes(tmp_path):
    one, again, other, kits = (tmp_path / f"{name}.png" for name in "abcd")
    ramp = Image.linear_gradient("L")
    ramp.save(one)
    ramp.resize((500, 300)).convert("RGB").save(again)
    Image.effect_noise((64, 64), 50).save(other)
    with Image.open(bundled("content")["chelsea"]) as image:
        image.save(kits)  # as another format
    assert judged({"a.png": one, "b.png": other}) == ["passed", "passed"]
    assert judged({"a.png": one, "b.png": again}) == ["passed", "wrong"]
    assert judged({"a.png": kits, "b.png": other}) == ["different", "passed"]


def test_an_address_is_for_a_person():
    assert judged({}, "https://x/dog.png", "nowhere.png") == ["to be read", "wrong"]
