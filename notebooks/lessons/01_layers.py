# %% [markdown]
# # 1 · What a network sees
#
# Do two pictures *show the same thing*? Comparing pixels does not answer this question: move the
# camera by a hand's breadth and every pixel changes. A network trained on photographs does better.
# Inside it are layers, each a stack of pictures of the picture: the first layers mark edges and
# colours, the later layers shapes and things. In this lesson you look inside, and pick the layers
# that the paper picks.
#
# **After this lesson you can** say what a convolution, a ReLU and a pooling do, find a layer of
# VGG19 by the paper's name, and show what a layer knows of a picture.
#
# **Time:** three quarters of an hour; on two processor cores the computer works for about two
# minutes of it, on a GPU for a few seconds.

# %% setup=true

# %%
import torch
from torch import nn

from styletools import bundled, load_backbone, load_image
from styletools.course import checks, diagrams

# %% [markdown]
# ## From picture to tensor
#
# A colour picture is three grey ones: how red, how green, how blue each pixel is. As a tensor it
# has the shape `(1, 3, height, width)`; the 1 in front is the number of pictures.

# %%
device = torch.device(
    "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
)
image = load_image(bundled("content")["chelsea"], max_size=256).to(device)
print("shape:", tuple(image.shape[:2]), "longest side:", max(image.shape))

# %%
diagrams.show_channels(image)

# %% [markdown]
# ## A convolution, by hand
#
# A convolution slides a small square of weights, the *filter*, over the picture. At each position
# it multiplies weights and pixels one by one and adds everything up. The result is a new picture,
# bright where the filter found what it looks for. This filter looks for edges, dark on the left and
# bright on the right:

# %%
picture = torch.tensor([[0.0, 0, 1, 1, 0, 0]] * 4)
edges = torch.tensor([[-1.0, 0, 1]] * 3)
found = nn.functional.conv2d(picture[None, None], edges[None, None], padding=1)[0, 0]
print(found.int())

# %%
diagrams.show_maps({"picture": picture, "filter": edges, "found": found}, numbers=True)

# %% [markdown]
# The middle rows show it best: +3 where dark turns to bright, −3 where bright turns to dark. (The
# outermost rows are weaker: beyond the border there is only 0.)
#
# After each convolution, VGG19 sets everything negative to 0. That step is called a **ReLU**. What
# is left says where the filter found its pattern, and how clearly. From time to time a **pooling**
# halves the picture's sides, so that the next filters look at a larger part of it.

# %%
relu = nn.functional.relu(found)
pooled = nn.functional.max_pool2d(relu[None], 2)[0]
print("after the ReLU: ", relu[1].int().tolist())
print("after a pooling:", pooled[0].int().tolist())

# %% [markdown]
# ## VGG19
#
# VGG19 does this sixteen times: with 64 filters in each of the first layers, and with 512 in each
# of the last. Each filter makes one *channel*. The paper names the convolutions by block and place:
# `conv4_2` is the second convolution after the third pooling.

# %%
diagrams.draw_vgg19(
    style_layers=("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"),
    content_layers=("conv4_2",),
)

# %% [markdown]
# PyTorch does not know these names. For PyTorch, VGG19 is a list of *modules*: convolutions, ReLUs
# and poolings, each with an index, and the index is a text: `'0'`, not `0`. The blue and red layers
# above are the ones you need. Here is how the list begins (where `vgg19` pools, it takes the
# maximum; `small` takes the average):

# %%
backbone = load_backbone()
vgg = backbone.features().to(device)

for index, module in list(vgg._modules.items())[:7]:
    print(f"{index!r:>4}  {type(module).__name__}")

# %% [markdown]
# ## Your turn: the mapping
#
# `get_features` (below, as the assignment gives it) sends a picture through the modules, one after
# another. Where the module's index is in `layers`, it keeps what came out, under the paper's name.
#
# **TODO 1.** Complete `layers`: the five style layers `conv1_1`, `conv2_1`, `conv3_1`, `conv4_1`,
# `conv5_1`, and the content layer `conv4_2`. The first is given. Count in the diagram, or print the
# whole list of modules in a cell of your own. Convolutions, ReLUs and poolings all count.

# %% grade_id="layers" solution=true
layers = {
    "0": "conv1_1",
    # TODO 1: the other four style layers, and the content layer
    ### BEGIN SOLUTION
    "5": "conv2_1",
    "10": "conv3_1",
    "19": "conv4_1",
    "21": "conv4_2",
    "28": "conv5_1",
    ### END SOLUTION
}

# %% grade_id="check_layers" points=5
checks.check_layers(globals())

# %% [markdown]
# **Explain (mapping).** In your own words: what does the dictionary do, how did you find the
# indices, and why does the paper take its style from several layers but its content from a single,
# deep one?
#
# *How this is graded (5 points):* 1 what index and name are, 1 how ReLUs and poolings shift the
# count, 1 why several layers for style, 1 why a deep one for content, 1 clear language.

# %% [markdown] grade_id="layers_explanation" solution=true points=5
# <!-- BEGIN SOLUTION -->
# PyTorch numbers all modules of VGG19 in a row; the paper names only the convolutions, by block and
# place. The dictionary translates, so that the rest of the code can use the paper's names. I
# counted along the list: every convolution is followed by a ReLU and every block by a pooling, so
# block 2 begins at index 5 and not at 2. Style lives at several scales: fine texture in early
# layers, larger strokes and patterns in later ones, and all of them belong to it. For content the
# exact pixels should *not* matter, only what is where: a deep layer has forgotten the pixels and
# still knows what is where.
# <!-- END SOLUTION -->

# %% [markdown]
# ## What each layer keeps
#
# Now the loop, with your mapping:


# %%
def get_features(image, model, layers):
    """{name: what came out of the module with that index}."""
    features = {}
    x = image
    for index, module in model._modules.items():
        x = module(x)
        if index in layers:
            features[layers[index]] = x
    return features


features = get_features(image, vgg, layers)
for name, feature in features.items():
    _, channels, height, width = feature.shape
    shrunk = round(image.shape[3] / width)
    print(f"{name}: sides {shrunk:2d} times shorter than the picture's")

# %% [markdown]
# Each row of the next figure shows eight channels of one layer.
#
# **My prediction for the feature maps:** *In which row will you no longer recognise the cat? Write
# here.*

# %%
diagrams.show_features({name: feature.relu() for name, feature in features.items()})

# %% [markdown]
# In the upper rows you still recognise the photograph, drawn in edges. Further down the maps become
# coarser. Each position answers to something larger, and its exact place is lost: in several maps
# of the last three rows, all that is left of the eyes is two bright spots.
#
# ## What a layer knows of a picture
#
# There is a better test than looking at maps. Take the features of one layer and forget the
# photograph. Start from noise, and change its pixels until its features at that layer are those of
# the photograph. What comes back is what the layer knows; what stays noise is what it has
# forgotten. This is the upper half of the paper's figure 1.
#
# **My prediction for the reconstructions:** *Up to which layer will the cat come back as in the
# photograph? What will be lost first: colours, fine lines, or shapes? Write here.*

# %% tags=["nbval-ignore-output"]
from styletools import TransferConfig, show_images, stylize

photograph = load_image(bundled("content")["chelsea"], max_size=course.size(112))
rebuilt = {"the photograph": photograph}
for layer in ("conv1_2", "conv2_2", "conv3_2", "conv4_2", "conv5_2"):
    config = TransferConfig(
        backbone="vgg19",  # `small` ends at conv5_1
        content_layers=[layer],
        style_weight=0,  # no style: the content loss alone
        start="noise",
        optimizer="lbfgs",
        steps=course.steps(60),
        max_size=course.size(112),
    )
    rebuilt[layer] = stylize(photograph, photograph, config).image

# %%
show_images(rebuilt, columns=3)

# %% [markdown]
# **Question.** What can you still see at `conv4_2`, and what at `conv5_2`? Why is `conv4_2` a good
# choice if a picture should keep its content but change its manner?
#
# ## How much of the picture one number sees
#
# One number in `conv1_1` comes from 3 × 3 pixels. The next convolution looks at 3 × 3 of *those*,
# so at 5 × 5 pixels, and after a pooling each step to the side is worth two pixels. Adding up:

# %%
from styletools.config import VGG19_LAYERS
from styletools.vgg import POOLED_AFTER

field, step, fields = 1, 1, {}
for name in VGG19_LAYERS:
    field += 2 * step  # one more pixel on each side, `step` pixels apart
    fields[name] = field
    if name in POOLED_AFTER:
        field += step  # a pooling takes two neighbours
        step *= 2
print({name: fields[name] for name in layers.values()})

# %%
large = load_image(bundled("content")["chelsea"], max_size=400).to(device)
diagrams.show_fields(large, {name: fields[name] for name in ("conv2_1", "conv3_1", "conv4_1")})

# %% [markdown]
# That is why early layers mean **fine texture** (grain, the width of a line, colour) and deep
# layers **large structures**. Some well-known notebooks say the opposite: that weighting the early
# layers more gives larger style artefacts. This is the wrong way round, because `conv1_1` cannot
# see anything larger than three pixels.
#
# ## A trap: the ReLU that writes over what you kept
#
# The loop above keeps what comes out of a *convolution*. What is in `features` in the end? It
# depends on the ReLU behind it. The VGG19 of the package torchvision uses `ReLU(inplace=True)`: to
# save memory it writes its result over its input, and its input is the tensor that you have just
# stored. Watch a small net with two convolutions:


# %%
def two_convolutions(inplace):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),  # index 0
        nn.ReLU(inplace=inplace),
        nn.Conv2d(4, 4, 3, padding=1),  # index 2, the last module: no ReLU behind it
    )


with torch.no_grad():
    for inplace in (False, True):
        net = two_convolutions(inplace).to(device)
        kept = get_features(image, net, {"0": "conv", "1": "relu", "2": "last"})
        print(f"inplace={inplace}")
        apart = (kept["conv"] - kept["relu"]).abs().max()
        print(f"   conv: smallest number {kept['conv'].min():.1f}, at most {apart:.1f} from relu")
        print(f"   last: smallest number {kept['last'].min():.1f}")

# %% [markdown]
# With `inplace=True` the same loop gives other numbers: what is stored as `conv` is really the
# output of the ReLU. Nobody asked for this, and nothing warned you. And a loop that stops at the
# last layer it needs leaves that layer without its ReLU: in the assignment's loop over all modules
# `conv5_1` is never negative, but in a loop that stops at index 28 it is.
#
# The kit makes this explicit. Its ReLUs never work in place, and its own `get_features` returns,
# for each name, the output of the **ReLU** after that convolution, as the assignment's loop does on
# torchvision's VGG19. From here on the lessons use the kit's function.

# %%
from styletools import get_features as kit_features

ours = kit_features(image, vgg, layers)
raw = get_features(image, vgg, layers)
for name in ("conv1_1", "conv5_1"):
    apart = (ours[name] - raw[name].relu()).abs().max()
    print(f"{name}: smallest number {ours[name].min():.1f}, at most {apart:.1f} from your ReLU's")

# %% [markdown]
# ## What you have now
#
# A function that turns a picture into six descriptions of it, from fine to coarse. Two pictures
# with equal descriptions at `conv4_2` show the same thing in the same place; that will be the
# content. But a description still says *where* everything is, and a style must not: Van Gogh's
# strokes are his wherever they are on the canvas.
#
# - **Exercise 1.** Move the photograph by 16 pixels (`torch.roll(image, 16, dims=3)`). By how much
#   do the pixels change, and by how much the features at `conv4_2`?
# - **Exercise 2.** Rebuild your own photograph from `conv4_2` and from `conv5_2`, with
#   `course.my_pictures()[0]`. What is lost?
#
# Next: [lesson 2](02_gram.ipynb) shows how to forget the where.
