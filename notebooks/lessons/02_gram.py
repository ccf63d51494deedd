# %% [markdown]
# # 2 · The Gram matrix
#
# What makes a Van Gogh a Van Gogh? Not the church or the cypress, and not where on the canvas they
# are. It is how colours and strokes go *together*: yellow dabs with blue swirls, thick with curved.
# The paper's idea is to measure just that: which features of a picture fire together, added up over
# all positions. The measure is a square table of numbers, the **Gram matrix**, and two lines of
# code compute it. In this lesson you write them.
#
# **After this lesson you can** compute a Gram matrix by hand and in code, say what it keeps and
# what it forgets, and show both with a picture.
#
# **Time:** three quarters of an hour; on two processor cores the computer works for about four
# minutes of it, on a GPU for half a minute.

# %% setup=true

# %%
import torch

from styletools import bundled, load_backbone, load_image, show_images
from styletools.course import checks, diagrams

# %% [markdown]
# ## By hand
#
# Take a tiny picture's features with two channels, "horizontal stroke" and "yellow", at 2 × 3
# positions. A large number means that there is much of it at this position.

# %%
stroke = torch.tensor([[3.0, 0, 1], [2, 0, 0]])
yellow = torch.tensor([[2.0, 0, 1], [1, 4, 0]])
features = torch.stack([stroke, yellow])[None]  # (1, 2, 2, 3): picture, channel, row, column
diagrams.show_maps({"horizontal stroke": stroke, "yellow": yellow}, numbers=True)

# %% [markdown]
# First write each channel as one long row. The positions are still there, side by side:

# %%
F = features.reshape(2, 6)
print(F.int())

# %% [markdown]
# Then multiply two rows position by position and add up. The sum is large where both fire *at the
# same place*:
#
# - stroke with yellow: 3·2 + 0·0 + 1·1 + 2·1 + 0·4 + 0·0 = **9**
# - stroke with itself: 3·3 + 1·1 + 2·2 = **14**
# - yellow with itself: 2·2 + 1·1 + 1·1 + 4·4 = **22**
#
# Every row with every row: that is the product of F with its transpose (F with rows and columns
# exchanged). Mathematicians write $G = F F^\top$ (the paper's equation 3, in matrix form).

# %%
G = F @ F.T
print(G.int())

# %%
diagrams.show_maps({"F: channels × positions": F, "G": G}, numbers=True, width=4)

# %% [markdown]
# Two things to notice. G has one row and one column for each **channel**; the positions were summed
# over and are gone. And G is symmetric: stroke with yellow is yellow with stroke.
#
# ## Your turn: `gram_matrix`
#
# **TODO 2.** Write it for features as they come from the network: a tensor of shape `(1, d, h, w)`
# with `d` channels of `h` × `w` positions. Return G, of shape `(d, d)`. Do not divide; the loss
# will do that. Read the sizes from the tensor, so that it works for every layer.


# %% grade_id="gram_matrix" solution=true
def gram_matrix(tensor):
    """(1, d, h, w) → (d, d): which channels fire together, summed over positions."""
    gram = None  # TODO 2: make each channel one row, and multiply the matrix with its transpose
    ### BEGIN SOLUTION
    _, d, h, w = tensor.shape
    rows = tensor.reshape(d, h * w)
    gram = rows @ rows.T
    ### END SOLUTION
    return gram


# %% grade_id="check_gram_matrix" points=5
checks.check_gram_matrix(globals())

# %%
print(gram_matrix(features).int().tolist())

# %% [markdown]
# **Explain (Gram matrix).** What does the number in row i and column j say? What does the matrix
# keep of the picture, what does it forget, and why is that what we want for style?
#
# *How this is graded (5 points):* 1 the reshape (which axis is what), 2 the meaning of an entry and
# of the diagonal, 1 what is forgotten, 1 why that suits style.

# %% [markdown] grade_id="gram_matrix_explanation" solution=true points=5
# <!-- BEGIN SOLUTION -->
# After the reshape row i holds channel i at every position. Entry (i, j) multiplies channels i and
# j position by position and adds up, so it is large where both fire at the same places; on the
# diagonal it is a channel's own energy. The sum runs over all positions, so the matrix keeps how
# much there is of each feature and which features come together, and forgets where. A style is a
# matter of which colours, strokes and textures go together, wherever they are on the canvas, so
# the where has to go, or we would copy the painting's motif along with its manner.
# <!-- END SOLUTION -->

# %% [markdown]
# ## Styles as matrices
#
# Below each picture stands the Gram matrix of its `conv3_1` features: bright where two channels
# fire together. (The figure shows the 24 channels that differ most between the pictures.)

# %%
device = torch.device(
    "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
)
vgg = load_backbone().features().to(device)
style_names = ["impasto", "mosaic", "engraving", "watercolour"]
styles = {name: load_image(bundled("style")[name], max_size=192).to(device) for name in style_names}
grams = {name: gram_matrix(vgg(style)["conv3_1"]) for name, style in styles.items()}
diagrams.show_grams(grams, styles)

# %% [markdown]
# Every picture has its own pattern, like a fingerprint. Whatever the picture's size, the matrix has
# the size of the layer:

# %%
for height, width in [(64, 64), (64, 128), (100, 30)]:
    picture = torch.zeros(1, 3, height, width, device=device)
    shapes = {tuple(gram_matrix(feature).shape) for feature in vgg(picture).values()}
    print(f"{width} × {height} pixels:", sorted(shapes))

# %% [markdown]
# ## Forgetting where
#
# If the Gram matrix forgets where, then shuffling the positions must leave it as it is. First on
# the small example, then on a painting's features:

# %%
torch.manual_seed(0)


def shuffled(feature):
    """The same numbers at other positions; all channels move together."""
    order = torch.randperm(feature.shape[2] * feature.shape[3]).to(feature.device)
    return feature.flatten(2)[:, :, order].view(feature.shape)


difference = gram_matrix(shuffled(features)) - gram_matrix(features)
print("largest difference:", difference.abs().max().item())

# %%
feature = vgg(styles["impasto"])["conv3_1"]
before, after = gram_matrix(feature), gram_matrix(shuffled(feature))
share = (after - before).norm() / before.norm()
print(f"difference, as a share of G: {share:.3%}")  # sums in another order are rounded otherwise

# %%
inside = feature[..., 1:-1, 1:-1]  # some channels answer to the picture's border alone
channel = int(inside.flatten(2).std(dim=2).argmax())
mixed = shuffled(feature)
diagrams.show_maps(
    {
        "a channel": feature[0, channel],
        "the same, shuffled": mixed[0, channel],
        "G before": before.sqrt(),
        "G after": gram_matrix(mixed).sqrt(),
    }
)

# %% [markdown]
# Careful: you may shuffle the **features**, but not the picture. If you shuffle the pixels of a
# painting, there are no strokes left for the network to find. By how much does the Gram matrix
# change, as a share of its size?

# %% tags=["nbval-ignore-output"]
painting = styles["impasto"]
confetti = shuffled(painting)
change = (gram_matrix(vgg(confetti)["conv3_1"]) - before).norm() / before.norm()
print(f"the Gram matrix changed by {change:.0%}")

# %% [markdown]
# ## What a Gram matrix knows
#
# Here is a picture that nobody painted. It began as noise, and its pixels were changed until its
# Gram matrices, at five layers, were close to those of the painting. No photograph is involved, and
# nothing says where anything should be. What you see is what the matrices know; what is missing is
# what they forgot.
#
# Each layer's loss is divided by the size of its own matrix here, so that every layer counts.
#
# **My prediction for the texture:** *Which will come back from the Gram matrices: the colours, the
# strokes, the sky, the composition? Write here.*

# %% tags=["nbval-ignore-output"]
from styletools import FAST, stylize
from styletools.config import STYLE_WEIGHTS

targets = {layer: gram_matrix(feature) for layer, feature in vgg(painting).items()}
sizes = {layer: feature.numel() for layer, feature in vgg(painting).items()}
config = FAST.replace(
    content_weight=0,
    style_weight=1,
    style_weights={
        layer: sizes[layer] / targets[layer].square().mean().item() for layer in STYLE_WEIGHTS
    },
    start="noise",
    steps=course.steps(400),
    tolerance=0.03,
    max_size=course.size(192),
)
texture = stylize(painting, painting, config).image
show_images({"the painting": painting, "shuffled pixels": confetti, "from its Grams": texture})

# %% [markdown]
# How close did the picture come? For each layer, the next cell gives the distance between the two
# Gram matrices, as a share of the painting's matrix:

# %% tags=["nbval-ignore-output"]
for layer, feature in vgg(texture.to(device)).items():
    if layer in STYLE_WEIGHTS:
        error = (gram_matrix(feature) - targets[layer]).norm() / targets[layer].norm()
        print(f"{layer}: {error:.1%}")

# %% [markdown]
# ## A picture twice as large
#
# Put the same texture side by side with itself: twice as many positions, the same style. The sum
# runs over twice as many terms, so the matrix doubles. Keep this in mind: in lesson 3 you will work
# out what it does to the loss.

# %%
wide = torch.cat([features, features], dim=3)
print("(1, d, h, w):", tuple(features.shape), "→", tuple(wide.shape))
print("G:", gram_matrix(features).int().tolist(), "→", gram_matrix(wide).int().tolist())

# %% [markdown]
# Such sums become large. GPUs often compute in *half precision*, whose largest number is 65,504. A
# single channel that is 1 everywhere on a picture of 400 × 400 already exceeds it:

# %%
ones = torch.ones(1, 1, 400, 400)
exact = gram_matrix(ones).item()
print(f"in float32: {exact:.0f}; in half precision: {torch.tensor(exact).half().item()}")

# %% [markdown]
# That is why the kit sums Gram matrices in float32, even where the network runs in less.
#
# ## What you have now
#
# Features tell us whether two pictures show the same things in the same places; Gram matrices,
# whether they share a style. You can compute both, and you have seen what a Gram matrix keeps and
# what it forgets.
#
# - **Exercise 1.** The lower half of the paper's figure 1: repeat the texture with fewer layers,
#   first `conv1_1` alone, then one layer more at a time (`config.replace(style_weights=…)`). How
#   does the size of the structures grow, and what has lesson 1 to do with it?
# - **Exercise 2.** Compare the Gram matrices of all the kit's styles, two at a time, at `conv3_1`.
#   Which two are closest? Do your eyes agree?
#
# Next: [lesson 3](03_losses.ipynb) turns features and Gram matrices into losses.
