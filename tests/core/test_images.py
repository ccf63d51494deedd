"""Pictures of every kind in, the same pictures out, and a clear error for what is none."""

import http.server
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import threading
import warnings
import zlib

import numpy as np
import pillow_heif
import pytest
import torch
from PIL import Image, ImageCms
from support.pictures import LONG_TEXT, chunk, with_chunks

from styletools import images
from styletools.errors import ImageError
from styletools.images import (
    bundled,
    load_image,
    normalise,
    read_config,
    read_rgb,
    save_image,
    to_image,
)  # fmt: skip

RED, HALF_RED_ON_WHITE = (255, 0, 0), (255, 127, 127)


def picture(mode="RGB", size=(32, 24), colour=None):
    return Image.new(mode, size, colour if colour is not None else 0)


def save(image, path, **options):
    """Write a picture; HEIC without telling Pillow how that is read."""
    if path.suffix == ".heic":
        pillow_heif.from_pillow(image).save(path, **options)
    else:
        image.save(path, **options)


def centre(tensor):
    """The colour in the middle, in 0–255."""
    image = to_image(tensor)
    return image.getpixel((image.width // 2, image.height // 2))


def test_values_are_imagenet_normalised():
    levels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    tensor = load_image(levels)
    expected = (levels / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    assert tensor.shape == (1, 3, 20, 30)
    assert tensor.dtype == torch.float32
    np.testing.assert_allclose(tensor[0].permute(1, 2, 0), expected, atol=1e-5)


def test_to_image_is_the_reverse():
    levels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    assert (np.asarray(to_image(load_image(levels))) == levels).all()


def test_to_image_clips():
    rgb = torch.tensor([-0.5, 0.5, 1.5])[None, :, None, None].expand(1, 3, 16, 16)
    assert centre(normalise(rgb)) == (0, 128, 255)


@pytest.mark.parametrize("size", [(800, 300), (300, 800), (400, 400), (401, 20)])
def test_longest_side_is_at_most_max_size(size):
    height, width = load_image(picture(size=size), max_size=400).shape[-2:]
    assert max(height, width) == 400
    assert width / height == pytest.approx(size[0] / size[1], rel=0.05)


def test_a_small_picture_is_not_enlarged():
    assert load_image(picture(size=(50, 30)), max_size=400).shape[-2:] == (30, 50)


def test_size_fits_a_style_to_the_content():
    assert load_image(picture(size=(50, 30)), size=(64, 48)).shape[-2:] == (64, 48)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (picture("L", colour=100), (100, 100, 100)),
        (picture("1", colour=1), (255, 255, 255)),
        (picture("LA", colour=(0, 0)), (255, 255, 255)),
        (picture("RGBA", colour=(255, 0, 0, 128)), HALF_RED_ON_WHITE),
        (picture("CMYK", colour=(0, 255, 255, 0)), RED),
        (picture("I;16", colour=100 * 257), (100, 100, 100)),
        (picture("I", colour=100 * 257), (100, 100, 100)),
        (picture("F", colour=0.5), (128, 128, 128)),
        (np.full((24, 32), 0.5), (128, 128, 128)),
        (np.full((24, 32, 1), 100 * 257, np.uint16), (100, 100, 100)),
        (np.full((24, 32, 4), (255, 0, 0, 128), np.uint8), HALF_RED_ON_WHITE),
        (np.ones((24, 32), bool), (255, 255, 255)),
    ],
    ids=lambda value: getattr(value, "mode", None) or str(getattr(value, "dtype", value)),
)
def test_every_kind_becomes_rgb(source, expected):
    assert centre(load_image(source)) == expected


def test_16_bit_png(tmp_path):
    Image.fromarray(np.full((24, 32), 50_000, np.uint16)).save(tmp_path / "deep.png")
    assert centre(load_image(tmp_path / "deep.png")) == (195, 195, 195)


def test_palette_with_transparency_is_laid_onto_white(tmp_path):
    image = picture("P", colour=1)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.save(tmp_path / "opaque.png")
    image.save(tmp_path / "clear.png", transparency=1)
    assert centre(load_image(tmp_path / "opaque.png")) == RED
    assert centre(load_image(tmp_path / "clear.png")) == (255, 255, 255)


CLEAR = {  # a picture whose left half is clear, and how it is saved
    "RGBA": {},
    "LA": {},
    "P": {"transparency": 0},
    "L": {"transparency": 7},
    "RGB": {"transparency": (7, 7, 7)},
    "I;16": {"transparency": 7},
}


@pytest.mark.parametrize("mode", CLEAR)
def test_transparency_is_read_when_it_is_asked_for(tmp_path, mode):
    whole = Image.new("RGBA", (40, 24), (200, 200, 200, 255))
    whole.paste((7, 7, 7, 0), (0, 0, 20, 24))
    if mode == "I;16":
        values = np.full((24, 40), 51400, np.uint16)
        values[:, :20] = 7
        image = Image.fromarray(values)
    elif mode == "P":
        image = Image.new("P", (40, 24), 1)
        image.putpalette([7, 7, 7, 200, 200, 200])
        image.paste(0, (0, 0, 20, 24))
    else:
        image = whole.convert(mode)
    image.save(tmp_path / "a.png", **CLEAR[mode])
    expected = np.repeat([[0.0] * 20 + [1.0] * 20], 24, axis=0)
    found = load_image(tmp_path / "a.png", transparency=True)
    assert found.shape == (1, 4, 24, 40)
    assert (found[0, 3].numpy() == expected).all()
    assert torch.equal(found[:, :3], load_image(tmp_path / "a.png"))
    again = to_image(found)
    assert again.mode == "RGBA"
    assert again.getpixel((4, 12)) == (255, 255, 255, 0)
    assert again.getpixel((30, 12)) == pytest.approx((200, 200, 200, 255), abs=1)


def test_transparency_stands_upright_and_gets_the_pictures_size(tmp_path):
    image = Image.new("RGBA", (80, 40), (200, 0, 0, 255))
    image.paste((0, 0, 0, 0), (0, 0, 40, 40))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.png", exif=exif)
    alpha = load_image(tmp_path / "a.png", max_size=40, transparency=True)[0, 3]
    assert alpha.shape == (40, 20)
    assert alpha[:18].max() < 0.02  # the left half came to the top
    assert alpha[22:].min() > 0.98


def test_an_opaque_picture_is_opaque(tmp_path):
    picture(colour=RED).save(tmp_path / "a.png")
    assert (load_image(tmp_path / "a.png", transparency=True)[0, 3] == 1).all()


def test_jpeg_keeps_no_transparency(tmp_path):
    with pytest.raises(ImageError, match=r"a\.jpg: JPEG keeps no transparency; use \.png"):
        save_image(picture("RGBA"), tmp_path / "a.jpg")
    for suffix in ("webp", "tif", "png"):
        save_image(picture("RGBA"), tmp_path / f"a.{suffix}")
        assert Image.open(tmp_path / f"a.{suffix}").mode == "RGBA"


def test_animation_gives_its_first_frame(tmp_path):
    frames = [picture(colour=RED), picture(colour=(0, 0, 255))]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert centre(load_image(tmp_path / "a.gif")) == RED


def test_camera_orientation_is_honoured(tmp_path):
    image = picture(size=(40, 20))
    image.paste(RED, (0, 0, 20, 20))  # left half
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise to view
    image.save(tmp_path / "turned.png", exif=exif)
    tensor = load_image(tmp_path / "turned.png")
    assert tensor.shape[-2:] == (40, 20)
    assert to_image(tensor).getpixel((10, 5)) == RED  # left became top


def test_of_broken_exif_nothing_is_heard(tmp_path):
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "a description of some length", 6
    picture(size=(48, 32)).save(tmp_path / "a.jpg", exif=exif.tobytes()[:40])
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        load_image(tmp_path / "a.jpg")
    assert [str(one.message) for one in heard] == []


def test_png_carries_its_configuration(tmp_path):
    config = {"style_weight": 1e6, "note": "α"}
    save_image(picture(), tmp_path / "a.png", config)
    assert read_config(tmp_path / "a.png") == config


def test_bundled_pictures_load():
    for kind in ("content", "style"):
        assert len(bundled(kind)) >= 4
        for path in bundled(kind).values():
            assert load_image(path, max_size=64).shape[1] == 3


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    save_image(picture(colour=RED), path)

    def fail(image, file, **options):
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(OSError, match="space"):
        save_image(picture(), path)
    assert Image.open(path).getpixel((0, 0)) == RED
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_a_file_held_for_a_moment_is_written(tmp_path, monkeypatch):
    replace, held = os.replace, [1, 2, 3]

    def while_held(*places):
        if held:
            held.pop()
            raise PermissionError(13, "The process cannot access the file")
        replace(*places)

    monkeypatch.setattr(os, "replace", while_held)
    save_image(picture(colour=RED), tmp_path / "a.png")
    assert not held
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def truncated(tmp_path):
    save_image(Image.effect_noise((64, 64), 80).convert("RGB"), tmp_path / "whole.jpg")
    data = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) // 2])
    return tmp_path / "cut.jpg"


def no_picture(tmp_path):
    (tmp_path / "notes.jpg").write_text("not a picture")
    return tmp_path / "notes.jpg"


def bomb(tmp_path):
    Image.new("1", (40_000, 5_000)).save(tmp_path / "bomb.png")
    return tmp_path / "bomb.png"


def empty(tmp_path):
    (tmp_path / "empty.png").touch()
    return tmp_path / "empty.png"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda tmp: tmp / "missing.jpg", r"missing\.jpg does not exist.*check the path"),
        (lambda tmp: tmp, r"is not a file; give the path"),
        (no_picture, r"notes\.jpg is not a picture that Pillow can read; save it as PNG"),
        (empty, r"empty\.png is not a picture"),
        (truncated, r"cut\.jpg is damaged or cut off.*get the file again"),
        (bomb, r"bomb\.png has more than 100 million pixels; make it smaller"),
        (lambda tmp: picture(size=(15, 200)), r"15×200 pixels.*conv5_1 needs 16×16.*larger"),
        (lambda tmp: picture(size=(2000, 30)), r"2000×30 pixels, here 400×6.*less narrow"),
        (lambda tmp: 7, r"A int is no picture; give a path"),
        (lambda tmp: np.zeros((5, 32, 32)), r"shape \(5, 32, 32\) is no picture; give \(H, W, 3"),
        (lambda tmp: np.full((32, 32, 3), 128.0), r"values in \[0, 1\]; divide by 255"),
        (lambda tmp: np.full((32, 32, 3), np.nan), r"values in \[0, 1\]"),
        (lambda tmp: np.zeros((32, 32), np.int64), r"array of int64 is no picture"),
        (lambda tmp: "http://127.0.0.1:9/a.png", r"127\.0\.0\.1:9/a\.png could not be fetched"),
    ],
)
def test_bad_pictures(tmp_path, make, message):
    with pytest.raises(ImageError, match=message):
        load_image(make(tmp_path))


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda tmp: tmp / "missing.jpg", "missing-file"),
        (lambda tmp: tmp, "folder"),
        (no_picture, "not-a-picture"),
        (truncated, "damaged"),
        (bomb, "too-large"),
        (lambda tmp: picture(size=(15, 200)), "too-small"),
        (lambda tmp: "http://127.0.0.1:9/a.png", "url"),
    ],
)
def test_an_error_has_a_code_that_survives_a_process(tmp_path, make, code):
    with pytest.raises(ImageError) as caught:
        load_image(make(tmp_path))
    assert pickle.loads(pickle.dumps(caught.value)).code == code


def test_a_picture_is_read_in_its_own_size(tmp_path):
    image = Image.effect_noise((900, 30), 90).convert("RGB")
    image.save(tmp_path / "a.png")
    assert read_rgb(tmp_path / "a.png").tobytes() == image.tobytes()
    with pytest.raises(ImageError, match="does not exist"):
        read_rgb(tmp_path / "gone.png")


def test_bad_tensors_and_names(tmp_path):
    with pytest.raises(ImageError, match=r"is \(1, 3, H, W\); this one is \(2, 3, 16, 16\)"):
        to_image(torch.zeros(2, 3, 16, 16))
    with pytest.raises(ImageError, match="NaN or infinity"):
        to_image(torch.full((1, 3, 16, 16), torch.nan))
    for wrong in (torch.zeros(1, 3, 16, 16, dtype=torch.uint8), np.zeros((3, 16, 16))):
        with pytest.raises(ImageError, match=r"holds floats, .* this is (torch.uint8|ndarray)"):
            to_image(wrong)
    with pytest.raises(ImageError, match=r"no picture format has the suffix '\.xyz'"):
        save_image(picture(), tmp_path / "a.xyz")
    with pytest.raises(ImageError, match="carries no configuration"):
        read_config(no_config(tmp_path))


def no_config(tmp_path):
    picture().save(tmp_path / "plain.png")
    return tmp_path / "plain.png"


class Web(http.server.BaseHTTPRequestHandler):
    """/a.png a picture, /big without end, /slow no answer, anything else 404.

    /strict refuses libraries, /closed refuses everybody, /share is a page, /login leads to it.
    """

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        agent = self.headers["User-Agent"]
        if self.path == "/strict" and ("requests" in agent or "styletools" not in agent):
            return self.answer(403)
        if self.path == "/closed":
            return self.answer(403)
        if self.path == "/share":
            return self.answer(200, b"\n<!DOCTYPE html><title>Drive</title>")
        if self.path == "/login":
            return self.answer(302, Location="/share")
        if self.path == "/nothing":
            return self.answer(200)
        if self.path == "/strict":
            self.path = "/a.png"
        if self.path == "/slow":
            self.server.released.wait(10)
            return
        self.send_response(200 if self.path in ("/a.png", "/big") else 404)
        self.end_headers()
        if self.path == "/a.png":
            data = io.BytesIO()
            picture(colour=RED).save(data, "PNG")
            self.wfile.write(data.getvalue())
        for _ in range(100 if self.path == "/big" else 0):
            try:
                self.wfile.write(bytes(65_536))
            except OSError:
                return

    def log_message(self, *args):
        pass


@pytest.fixture
def web():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
    server.released = threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.released.set()
    server.shutdown()
    server.server_close()


def test_web_address(web):
    assert centre(load_image(f"{web}/a.png")) == RED


def test_web_address_that_fails(web, monkeypatch):
    monkeypatch.setattr(images, "MAX_DOWNLOAD", 1_000_000)
    monkeypatch.setattr(images, "TIMEOUT", 0.3)
    with pytest.raises(ImageError, match=r"/none.* could not be fetched: 404"):
        load_image(f"{web}/none")
    with pytest.raises(ImageError, match="/big is larger than 1 MB"):
        load_image(f"{web}/big")
    with pytest.raises(ImageError, match=r"/slow did not answer in 0\.3 s"):
        load_image(f"{web}/slow")


def test_configuration_is_json(tmp_path):
    save_image(picture(), tmp_path / "a.png", {"steps": 3})
    assert json.loads(Image.open(tmp_path / "a.png").info["styletools"]) == {"steps": 3}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("closed", r"the host refuses programs \(403 Forbidden\); open the address in a browser"),
        ("share", "is a web page, not a picture; open it in a browser and save the picture"),
        ("login", "is a web page, not a picture"),
        ("nothing", "the file is empty; get it again"),
    ],
)
def test_web_addresses_of_no_picture(web, path, message):
    with pytest.raises(ImageError, match=f"{web}/{path}:? .*{message}|{web}/{path}: {message}"):
        load_image(f"{web}/{path}")


def test_the_kit_says_who_asks(web):
    assert centre(load_image(f"{web}/strict")) == RED


TEXTS = {
    "zTXt": LONG_TEXT,
    "iTXt": chunk(
        b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b"long words " * 200_000)
    ),
    "many": chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(1_000_000))) * 80,
    "profile": chunk(b"iCCP", b"much\0\0" + zlib.compress(bytes(3_000_000))),
}


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("text", TEXTS)
def test_a_png_with_much_text_opens(tmp_path, text, last):
    path = with_chunks(tmp_path / "a.png", picture(colour=RED), TEXTS[text], last=last)
    assert centre(load_image(path)) == RED


def test_much_text_hides_no_configuration(tmp_path):
    ours = chunk(b"iTXt", b'styletools\0\0\0\0\0{"steps": 3}')
    path = with_chunks(tmp_path / "a.png", picture(colour=RED), TEXTS["zTXt"], ours, last=True)
    assert read_config(path) == {"steps": 3}


def p3_profile():
    """Display P3: sRGB's profile with the primaries of P3, adapted to D50."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    primaries = {
        b"rXYZ": (0.51512, 0.24120, -0.00105),
        b"gXYZ": (0.29198, 0.69225, 0.04189),
        b"bXYZ": (0.15710, 0.06657, 0.78407),
    }
    for place in range(132, 132 + 12 * int.from_bytes(profile[128:132]), 12):
        name, at = bytes(profile[place : place + 4]), int.from_bytes(profile[place + 4 : place + 8])
        if name in primaries:
            numbers = [round(value * 65536) for value in primaries[name]]
            profile[at + 8 : at + 20] = struct.pack(">3i", *numbers)
    return bytes(profile)


@pytest.mark.parametrize(
    ("name", "mode", "options"),
    [
        ("a.png", "RGB", {}),
        ("a.png", "RGBA", {}),
        ("a.png", "P", {}),
        ("a.jpg", "RGB", {"quality": 100, "subsampling": 0}),
        ("a.tif", "RGB", {}),
        ("a.webp", "RGB", {"lossless": True}),
        ("a.heic", "RGB", {"quality": 100}),
        ("a.avif", "RGB", {"quality": 100, "subsampling": "4:4:4"}),
    ],
)
def test_a_colour_profile_is_honoured(tmp_path, name, mode, options):
    image = picture(colour=(201, 62, 48))
    image = image.quantize(4) if mode == "P" else image.convert(mode)
    save(image, tmp_path / name, icc_profile=p3_profile(), **options)
    found = centre(load_image(tmp_path / name))
    # By the primaries' matrix: linear (0.704, 0.026, 0.017).
    assert found == pytest.approx((218, 44, 36), abs=3)


@pytest.mark.parametrize("suffix", ["heic", "avif"])
def test_the_extra_is_named_where_it_is_missing(tmp_path, suffix, bare_pillow):
    head = f"\0\0\0\x18ftyp{suffix}\0\0\0\0mif1miaf".encode()
    (tmp_path / "photo.jpg").write_bytes(head + bytes(100))
    with pytest.raises(ImageError, match=rf"{suffix.upper()}.* `pip install -e '.\[heic\]'`"):
        load_image(tmp_path / "photo.jpg")


@pytest.mark.parametrize("suffix", ["heic", "avif"])
def test_a_telephones_photograph_stands_upright(tmp_path, suffix):
    """Of a red and a blue half, the camera's mark 6 brings the left one to the top."""
    photo = Image.new("RGB", (64, 32), "red")
    photo.paste("blue", (32, 0, 64, 32))
    exif = Image.Exif()
    exif[0x0112] = 6
    save(photo, tmp_path / f"a.{suffix}", exif=exif.tobytes(), quality=95)
    found = to_image(load_image(tmp_path / f"a.{suffix}"))
    assert found.size == (32, 64)
    assert found.getpixel((16, 12)) == pytest.approx((255, 0, 0), abs=12)
    assert found.getpixel((16, 52)) == pytest.approx((0, 0, 255), abs=12)


@pytest.mark.parametrize("suffix", ["heic", "avif"])
def test_a_damaged_picture_of_a_telephone_is_named(tmp_path, suffix):
    save(picture(colour=RED), tmp_path / f"a.{suffix}")
    whole = (tmp_path / f"a.{suffix}").read_bytes()
    (tmp_path / f"a.{suffix}").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ImageError, match="damaged or cut off"):
        load_image(tmp_path / f"a.{suffix}")


@pytest.mark.parametrize("profile", ["sRGB", "broken", "of another space"])
def test_a_profile_of_no_use_changes_nothing(tmp_path, profile):
    data = {
        "sRGB": lambda: ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        "broken": lambda: b"no profile",
        "of another space": lambda: p3_profile().replace(b"RGB ", b"CMYK", 1),
    }[profile]()
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8))
    noise.save(tmp_path / "a.png", icc_profile=data)
    assert (load_image(tmp_path / "a.png") == load_image(noise)).all()


@pytest.mark.parametrize(
    ("kind", "high", "expected"),
    [
        (np.int32, 255, 128),
        (np.uint16, 255, 128),  # 8 bits in 16
        (np.uint16, 4095, 128),  # 12 bits in 16
        (np.uint16, 65535, 128),
        (np.int32, 65535, 128),
        (np.int32, 2**31 - 1, 128),
        (np.float32, 1, 128),
        (np.float32, 1.05, 134),
        (np.float32, 255, 128),
        (np.float32, 65535, 128),
        (np.uint16, 0, 0),
        (np.float32, 0, 0),
    ],
)
def test_deep_grey_follows_the_rule(tmp_path, kind, high, expected):
    values = np.full((24, 32), high / 2 if kind is np.float32 else high // 2).astype(kind)
    values[0, 0], values[-1] = high, 0
    Image.fromarray(values).save(tmp_path / "a.tif")
    assert centre(load_image(tmp_path / "a.tif"))[0] == pytest.approx(expected, abs=1)


@pytest.mark.parametrize(
    "values",
    [np.int32([-1000, 3000]), np.float32([0, 4.7]), np.uint16([0, 9]), np.float32([0, 1e9])],
)
def test_unclear_grey_is_refused_with_its_values(tmp_path, values):
    Image.fromarray(np.tile(values, (24, 16))).save(tmp_path / "a.tif")
    with pytest.raises(ImageError, match=r"a\.tif holds .* from .* to .*; scale them so"):
        load_image(tmp_path / "a.tif")


def test_one_grey_that_stands_for_nothing_is_laid_onto_white(tmp_path):
    values = np.full((24, 32), 30_000, np.uint16)
    values[:, :16], values[0] = 7, 65535
    Image.fromarray(values).save(tmp_path / "a.png", transparency=7)
    assert to_image(load_image(tmp_path / "a.png")).getpixel((4, 12)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n%%EndComments\n", "another program"),
        (b"<html><body>Sign in", "is a web page, not a picture; open it in a browser"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><svg/>", "is a drawing.*export it as PNG"),
        (b"%PDF-1.7 ", "is a PDF, not a picture; export the page"),
        (b"\0\0\0\x18ftypisom", "is a video"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer.*git lfs pull"),
        (b"PK\3\4 [Content_Types].xml", "is an archive or an office file"),
    ],
)
def test_what_is_no_picture_is_named(tmp_path, content, message, monkeypatch):
    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", False)  # as without Ghostscript
    (tmp_path / "photo.jpg").write_bytes(content)
    with pytest.raises(ImageError, match=f"photo.jpg .*{message}"):
        load_image(tmp_path / "photo.jpg")


def test_a_large_scan_takes_little_memory(tmp_path):
    Image.new("RGBA", (11_200, 8_750), (*RED, 128)).save(tmp_path / "a.png", compress_level=1)
    code = (
        "import resource, sys\n"
        "from styletools.images import load_image\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024\n"
        "before = peak()\n"
        "picture = load_image(sys.argv[1])\n"
        "print(peak() - before, *picture.shape[2:])\n"
    )
    command = [sys.executable, "-W", "error", "-c", code, str(tmp_path / "a.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    taken, height, width = map(int, done.stdout.split())
    assert (height, width) == (312, 400)
    assert taken < 700  # MB; the pixels are 392
