# %% [markdown]
# # 0 · Setting up
#
# A photograph goes in, a painting goes in, and out comes the photograph as that painter might
# have painted it. In five lessons you build the program that does this: *neural style transfer*,
# invented by Leon Gatys, Alexander Ecker and Matthias Bethge
# (*Image Style Transfer Using Convolutional Neural Networks*, CVPR 2016; "the paper" from here on).
#
# | lesson | you write | you see |
# |---|---|---|
# | 0 Setting up | nothing yet | a first transfer |
# | 1 Layers | which of a network's layers to listen to | what a network sees in a picture |
# | 2 Gram matrix | the heart of "style", in two lines | styles as matrices |
# | 3 Losses | what "similar" means, and the loop that gets there | your own pictures, painted |
# | 4 Tuning | experiments and what you conclude from them | what every knob does |
#
# This one makes sure that everything works. Run each cell with **Shift + Enter**, from top to
# bottom.

# %% setup=true

# %% [markdown]
# ## Is everything there?
#
# The kit looks for what it needs. Every line should begin with `[OK]`; a `[FAIL]` says what to do.

# %% tags=["nbval-ignore-output", "output-not-kept"]
from styletools.course.doctor import run_checks

for ok, text in run_checks():
    print("[OK]  " if ok else "[FAIL]", text)

# %% [markdown]
# ## The network that looks at the pictures
#
# Style transfer needs a network that has learnt to look at pictures: its *backbone*. The paper
# takes **VGG19**, which Karen Simonyan and Andrew Zisserman trained in 2014 to recognise a thousand
# kinds of things in a million photographs (the data set is called ImageNet). Your code needs only
# the network's shape, so the kit can fill that shape with different weights:
#
# - `vgg19`: the paper's own weights. They came with the kit's packages.
# - `small`: VGG19's shape with a quarter of its channels, trained by the kit's authors on few
#   pictures. Ten times faster, and coarser: for quick looks and slow laptops.
# - `torchvision`: VGG19 as PyTorch's authors trained it again; many notebooks use these weights.
#   They are a download of 548 MB, once: `!styletools backbone download` in a cell.
#
# Nothing is downloaded unless you ask for it. Every number and every picture depends on the
# backbone, so name yours in your report.
#
# A graphics card is much faster than a processor. `cuda` means NVIDIA's, which Colab lends; `mps`
# means Apple's. Without either, everything runs on the `cpu`. The network must be moved to the
# card, and so must each picture that it looks at:

# %%
import torch

from styletools import load_backbone

device = torch.device(
    "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
)
backbone = load_backbone()
vgg = backbone.features().to(device)

print("backbone:", backbone.name)
print("VGG19 has 16 convolutions; the lessons listen to", len(vgg.layers))

# %% [markdown]
# ## The pictures
#
# The kit brings pictures for content and for style, so that you can start at once. Later you will
# use your own.

# %%
from PIL import Image

from styletools import bundled, show_images

contents = {name: Image.open(path) for name, path in bundled("content").items()}
show_images(contents, columns=6, width=2)

# %%
styles = {name: Image.open(path) for name, path in bundled("style").items()}
show_images(styles, columns=6, width=2)

# %% [markdown]
# A network does not read files, it reads *tensors*: boxes of numbers. `load_image` turns a picture
# into one of shape `(1, 3, height, width)`: one picture, three colours, and a number for each
# pixel. It shrinks a large picture so that its **longest** side is at most `max_size`, and it never
# enlarges one. (A wide and a tall picture below; only one of their sides can be 64.)

# %%
from styletools import load_image

for shape in [(300, 600), (600, 300), (40, 50)]:
    picture = Image.new("RGB", (shape[1], shape[0]), "orange")
    print(f"{shape[1]} × {shape[0]} pixels →", tuple(load_image(picture, max_size=64).shape))

# %% [markdown]
# The numbers are not 0 to 255. VGG19 was trained on pictures whose colours were shifted and
# scaled, so that over ImageNet each colour has mean 0 and standard deviation 1. For red the mean
# is 0.485 and the deviation 0.229 (black is 0, white is 1). By hand, for a pure red pixel:

# %%
from styletools.images import IMAGENET_MEAN, IMAGENET_STD

pixel = (1.0, 0.0, 0.0)  # red, green, blue
by_hand = [(value - mean) / std for value, mean, std in zip(pixel, IMAGENET_MEAN, IMAGENET_STD)]
by_kit = load_image(Image.new("RGB", (16, 16), (255, 0, 0)))[0, :, 0, 0]

print("by hand:", [round(value, 2) for value in by_hand])
print("by kit: ", [round(value, 2) for value in by_kit.tolist()])

# %% [markdown]
# `to_image` goes the other way. Nothing is lost but what lies outside black and white:

# %%
import numpy as np

from styletools import to_image

stripes = np.zeros((16, 32, 3), dtype=np.uint8)
stripes[:, ::2] = [10, 120, 230]
again = np.array(to_image(load_image(stripes)))
print("the same picture again:", np.array_equal(stripes, again))

# %% [markdown]
# ## How an exercise works
#
# An exercise is a cell with the word **TODO**. You replace what is marked and run the cell. The
# cell after it *checks* your answer at once and says what it found:
#
# - `✓ …: visible checks passed`: go on. (Your course may run more checks when it grades.)
# - `✗ …: not attempted`: the TODO is as it was.
# - `✗ …: wrong`: it runs, but gives something else. The check names the mistake as precisely as it
#   can, and gives a hint.
# - `✗ …: raised`: it stopped with an error.
#
# Whatever the verdict, **the page goes on**: after a ✗ the kit puts its own version in the place
# of yours and says so, so that one mistake never blocks the rest. Go back, repair, and run the
# exercise and its check again.
#
# As an example, three answers to an exercise of lesson 2, and what the check thinks of them:

# %%
from styletools.course import checks


def nothing_yet(tensor):
    gram = None  # TODO
    return gram


def with_a_mistake(tensor):
    _, d, h, w = tensor.shape
    flat = tensor.view(d, h * w)
    return flat.T @ flat


def with_an_error(tensor):
    return tensor.gram()


for answer in (nothing_yet, with_a_mistake, with_an_error):
    print(f"{answer.__name__}: {checks.diagnose_gram_matrix(answer).status}")

# %%
print(checks.diagnose_gram_matrix(with_a_mistake).message)

# %% [markdown]
# After most exercises you are asked to **explain in words** what you did and why. Those answers
# are read by a person. Double-click the cell, write, and press Shift + Enter.
#
# ## A first transfer
#
# Everything at once, before you take it apart: thirty seconds or less. `stylize` is what you will
# have built by the end of lesson 3. (`FAST` are settings that need few steps; the course's own
# come later.)

# %% tags=["nbval-ignore-output"]
from styletools import FAST, stylize

content_path = bundled("content")["chelsea"]
style_path = bundled("style")["impasto"]
progress = course.Progress(steps=course.steps(80))
config = FAST.replace(steps=course.steps(80), max_size=course.size(224))
result = stylize(content_path, style_path, config, callback=progress)

# %%
content = load_image(content_path, max_size=course.size(224))
style = load_image(style_path, max_size=course.size(224))
show_images({"content": content, "style": style, "after 80 steps": result.image}, width=3.4)

# %%
losses = [row["total"] for row in result.loss_history]
print("the loss fell:", losses[-1] < losses[0])

# %% [markdown]
# What did it do? It started from the photograph, and changed its pixels again and again, so that a
# number, the *loss*, became smaller. The loss says how far the picture is from the photograph in
# its content, and from the painting in its style. The next three lessons build that number:
# lesson 1 finds *where* to look for content and style, lesson 2 says *what* style is, and lesson 3
# puts both together.
#
# ## Before you go on
#
# - Save often. If something seems odd, use **Kernel → Restart Kernel and Run All Cells**: cells run
#   out of order are the most frequent reason for results that nobody can explain.
# - The lessons do not depend on each other: what you wrote in one, the next takes from the kit.
# - Keep the outputs in the notebook when you hand it in: they are part of your answer.
