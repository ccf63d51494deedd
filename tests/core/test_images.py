"""Pictures of every kind in, the same pictures out, and a clear error for what is none."""

import http.server
import io
import json
import pickle
import threading

import numpy as np
import pytest
import torch
from PIL import Image

from styletools import images
from styletools.errors import ImageError
from styletools.images import bundled, load_image, normalise, read_config, save_image, to_image

RED, HALF_RED_ON_WHITE = (255, 0, 0), (255, 127, 127)


def picture(mode="RGB", size=(32, 24), colour=None):
    return Image.new(mode, size, colour if colour is not None else 0)


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


def test_bad_tensors_and_names(tmp_path):
    with pytest.raises(ImageError, match=r"is \(1, 3, H, W\); this one is \(2, 3, 16, 16\)"):
        to_image(torch.zeros(2, 3, 16, 16))
    with pytest.raises(ImageError, match="NaN or infinity"):
        to_image(torch.full((1, 3, 16, 16), torch.nan))
    with pytest.raises(ImageError, match=r"no picture format has the suffix '\.xyz'"):
        save_image(picture(), tmp_path / "a.xyz")
    with pytest.raises(ImageError, match="carries no configuration"):
        read_config(no_config(tmp_path))


def no_config(tmp_path):
    picture().save(tmp_path / "plain.png")
    return tmp_path / "plain.png"


class Web(http.server.BaseHTTPRequestHandler):
    """/a.png a picture, /big without end, /slow no answer, anything else 404."""

    def do_GET(self):
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
