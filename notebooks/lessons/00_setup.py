# %% [markdown]
# # 0 · Setting up
#
# A photograph goes in, a painting goes in, and out comes the photograph as that painter might have
# painted it. In this course you build the program that does this: *neural style transfer*, invented
# by Leon Gatys, Alexander Ecker and Matthias Bethge. They describe it in *Image Style Transfer
# Using Convolutional Neural Networks* ([CVPR
# 2016](https://openaccess.thecvf.com/content_cvpr_2016/html/Gatys_Image_Style_Transfer_CVPR_2016_paper.html)).
# The lessons call this article *the paper*.
#
# | lesson | you write | you see | points |
# |---|---|---|---|
# | 0 Setting up | nothing yet | a first transfer | – |
# | 1 Layers | which of a network's layers to listen to | what a network sees | 10 |
# | 2 Gram matrix | the heart of style, in two lines | styles as matrices | 10 |
# | 3 Losses | what similar means, and the loop that gets there | your pictures, painted | 70 |
# | 4 Tuning | experiments and what you conclude from them | what every knob does | 45 |
# | 5 Handing in | a title page | your report | 15 |
# | 6 The studio | nothing | every knob in one panel | – |
# | 7 The paper's figures | predictions | five figures of the paper, repeated | – |
# | 8 Taking control | optional: three functions | colours, strokes, regions, chosen by you | – |
#
# That makes 150 points: 60 % for what you build (lessons 1 to 3), 30 % for your experiments, and
# 10 % for the report as a whole.
#
# **After this lesson you can** run the kit, choose your pictures, and read what a check says.
#
# **Time:** a quarter of an hour; the computer works for about a minute. Run each cell with
# **Shift + Enter**, from top to bottom.

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
# - `vgg19`: the weights that the paper's authors used. They came with the kit's packages.
# - `small`: VGG19's shape with a quarter of its channels, trained by the kit's authors on few
#   pictures. It is about ten times faster and coarser: for quick looks and slow laptops.
# - `torchvision`: VGG19 as the authors of the package torchvision trained it again. Many notebooks
#   use these weights. They are a download of 548 MB: `!styletools backbone download` in a cell.
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
# The kit brings pictures for content and for style, so that you can start at once.

# %%
from PIL import Image

from styletools import bundled, show_images

contents = {name: Image.open(path) for name, path in bundled("content").items()}
show_images(contents, columns=6, width=2)

# %%
styles = {name: Image.open(path) for name, path in bundled("style").items()}
show_images(styles, columns=6, width=2)

# %% [markdown]
# **Choose your own two pictures now**: a photograph with one clear subject, and a painting, a
# drawing or a fabric with visible strokes or patterns. Take pictures that you are free to use, and
# put the files beside this notebook, for instance into its folder `images`. Write their paths into
# the cell and run it: it checks both files and keeps your choice for lesson 4; lesson 3 asks you
# for the same two paths. You can come back and choose others at any time.

# %%
my_content = None  # for instance "images/my_photograph.jpg"
my_style = None  # for instance "images/my_painting.jpg"
course.choose_pictures(my_content, my_style)

# %% [markdown]
# A network does not read files, it reads *tensors*: boxes of numbers. `load_image` turns a picture
# into one of shape `(1, 3, height, width)`: one picture, three colours, and a number for each
# pixel. It shrinks a large picture so that its **longest** side is at most `max_size`, and it never
# enlarges a picture. Try it with a wide, a tall and a small picture:

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
# `to_image` goes the other way. Values darker than black or brighter than white are cut off;
# everything else comes back exactly. So the largest difference between the two pictures is 0:

# %%
import numpy as np

from styletools import to_image

stripes = np.zeros((16, 32, 3), dtype=np.uint8)
stripes[:, ::2] = [10, 120, 230]
again = np.array(to_image(load_image(stripes)))
print("largest difference:", np.abs(stripes.astype(int) - again.astype(int)).max())

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
# Whatever the verdict, **you can go on**: after a ✗ the kit uses its own solution instead of yours,
# and tells you. So one mistake never blocks the rest. Go back, repair your answer, and run the
# exercise and its check again.
#
# **If you are stuck**, run `checks.hint("gram_matrix")` (with the name of your exercise) in a cell
# of your own. It gives three hints, one at each call: where to look, what is meant, and a worked
# step on other numbers. The hints depend on the mistake that the check found last.
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
# Now everything at once, before you take it apart. It takes about half a minute. `stylize` is what
# you will have built by the end of lesson 3. (`FAST` is a group of settings that needs few steps;
# the assignment's settings come later.)

# %% [markdown]
# **My prediction:** *What of the cat will stay, and what will come from the painting? Write here.*

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

# %% tags=["nbval-ignore-output"]
# `FAST` begins with small copies of the pictures. Losses at different sizes do not compare.
full_size = [row for row in result.loss_history if row["size"] == result.loss_history[-1]["size"]]
left = full_size[-1]["total"] / full_size[0]["total"]
print(f"of the first loss at full size, {left:.1%} is left")

# %% [markdown]
# What did the program do? It started from the photograph and changed the pixels again and again, to
# make a number smaller: the *loss*. The loss says how far the picture is from the photograph in its
# content, and from the painting in its style. The next three lessons build that number: lesson 1
# finds *where* to look for content and style, lesson 2 says *what* style is, and lesson 3 puts both
# together.
#
# ## Before you go on
#
# - Save often. If something seems odd, use **Kernel → Restart Kernel and Run All Cells**: cells run
#   out of order are the most frequent reason for results that nobody can explain.
# - The lessons do not depend on each other: each lesson takes from the kit what you wrote before.
# - Keep the outputs in the notebook when you hand it in: they are part of your answer.
#
# **Summary.** The kit runs, you know what a check and a hint say, you chose two pictures, and you
# saw a first transfer.
#
# - **Exercise 1.** Repeat the transfer with your own two pictures (change `content_path` and
#   `style_path`). What became of the subject of your photograph?
# - **Exercise 2.** Exchange the two: paint the painting in the style of the photograph. What do you
#   get, and why?
#
# Next: [lesson 1](01_layers.ipynb) looks inside the network.
