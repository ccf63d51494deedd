# %% [markdown]
# # 8 · Taking control
#
# Gatys and others came back to their method in 2017 (*Controlling Perceptual Factors in Neural
# Style Transfer*, [CVPR 2017](https://arxiv.org/abs/1611.07865)) with three questions that users
# ask: can my photograph keep its colours, how large are the strokes, and can I choose where they
# go? This lesson is optional and gives no points. Its three TODOs have checks and hints
# as in the other lessons.
#
# **After this lesson you can** give one picture the colours of another with two matrices, choose
# the size of the strokes, and paint a part of a picture alone.
#
# **Time:** half an hour, five minutes of it computing on two processor cores.

# %% setup=true

# %%
import torch
from torch.nn.functional import adaptive_avg_pool2d

from styletools import FAST, bundled, gram_matrix, load_image, show_images, stylize
from styletools.course import checks

SIZE = course.size(160)  # pixels of the longest side
QUICK = FAST.replace(max_size=SIZE, levels=2, steps=course.steps(30), precision="float32")

content_path = bundled("content")["chelsea"]
style_path = bundled("style")["impasto"]
content = load_image(content_path, max_size=SIZE)
style = load_image(style_path, size=content.shape[-2:])

# %% [markdown]
# ## 1. Colours
#
# A Gram matrix holds colours as well as strokes, so a blue painting makes a blue cat. One remedy
# recolours the *painting* first, so that it has the mean and the covariance of the photograph's
# colours. With each pixel a vector x of three colours,
#
# $$x \mapsto A\,(x - \mu_S) + \mu_C, \qquad A = \Sigma_C^{1/2}\,\Sigma_S^{-1/2}.$$
#
# Why this A? A picture with covariance Σ that is multiplied by A has the covariance A Σ Aᵀ. Put A
# in: the roots of Σ_S cancel, and Σ_C is left.
#
# **TODO.** Write `match_colours`; two functions for it are given.


# %%
def statistics(pixels):
    """(3, M) → mean (3, 1) and covariance (3, 3)."""
    mean = pixels.mean(dim=1, keepdim=True)
    return mean, (pixels - mean) @ (pixels - mean).T / pixels.shape[1]


def power(matrix, exponent):
    """A symmetric matrix to a power: -0.5 gives the inverse of its root."""
    values, vectors = torch.linalg.eigh(matrix)
    return vectors @ torch.diag(values**exponent) @ vectors.T


# %% grade_id="match_colours" solution=true
def match_colours(style, content):
    """The style (1, 3, H, W) with the content's mean and covariance of colours."""
    recoloured = None  # TODO: the formula; picture[0].flatten(1) has the pixels, (3, M)
    ### BEGIN SOLUTION
    pixels = style[0].flatten(1)  # (3, M)
    style_mean, style_covariance = statistics(pixels)
    content_mean, content_covariance = statistics(content[0].flatten(1))
    matrix = power(content_covariance, 0.5) @ power(style_covariance, -0.5)
    recoloured = (matrix @ (pixels - style_mean) + content_mean).reshape(style.shape)
    ### END SOLUTION
    return recoloured


# %% grade_id="check_match_colours"
checks.check_match_colours(globals())

# %% [markdown]
# **My prediction:** *What will the cat lose if its colours stay? Write here.*

# %% tags=["nbval-ignore-output"]
colours = {
    colour: stylize(content_path, style_path, QUICK.replace(colour=colour)).image
    for colour in ("style", "match", "luminance")
}
show_images({"recoloured style": match_colours(style, content), **colours}, width=3)

# %% [markdown]
# `match` is your function; `luminance` paints the brightness alone, and takes each pixel's hue from
# the photograph. **Question.** Look at the eyes. In which picture may a colour wander from one
# place to another, and in which can it not?
#
# ## 2. The size of the strokes
#
# The assignment stretches the style to the content's size. Two things go wrong: a round dot becomes
# an ellipse, and you cannot choose how large the strokes are. Instead, let the style keep its
# shape, with a longest side of `scale` times the content's.
#
# **TODO.** Write `style_size`, which gives the style's new size.


# %% grade_id="style_size" solution=true
def style_size(style_shape, content_shape, scale):
    """(H, W) of a style that keeps its shape; shapes are (H, W), too."""
    size = None  # TODO: one factor for both sides; round() makes whole numbers
    ### BEGIN SOLUTION
    factor = scale * max(content_shape) / max(style_shape)
    size = round(style_shape[0] * factor), round(style_shape[1] * factor)
    ### END SOLUTION
    return size


# %% grade_id="check_style_size"
checks.check_style_size(globals())

# %%
print(style_size((300, 600), (266, 400), 1.0), style_size((600, 300), (266, 400), 0.5))

# %% [markdown]
# A Gram matrix is a *sum* over positions. If the style is half as large, its sum is a quarter; the
# kit multiplies it by the quotient of the two numbers of positions.
#
# **My prediction:** *Which scale gives the broader strokes, 0.5 or 2? Write here.*

# %% tags=["nbval-ignore-output"]
scales = {
    f"style_scale={scale}": stylize(
        content_path, style_path, QUICK.replace(style_scale=scale)
    ).image
    for scale in (0.5, 1.0, 2.0)
}
show_images(scales, width=3.4)

# %% [markdown]
# **Question.** At 0.5 the painting's strokes are only a few pixels wide. Which layers still see
# them?
#
# ## 3. Where it is painted
#
# A mask is a picture: white where the style goes, black where it does not. At each layer it is
# averaged down to the layer's size. Its values T are scaled so that their squares add up to 1, and
# the features of all channels are multiplied by them. The Gram matrix of these products knows the
# region alone (section 3 of the paper of 2017).
#
# **TODO.** Write `guided_gram`.


# %% grade_id="guided_gram" solution=true
def guided_gram(features, mask):
    """(1, C, h, w) and (1, 1, H, W) from 0 to 1 → (C, C), of the mask's region alone."""
    pooled = adaptive_avg_pool2d(mask, features.shape[-2:])  # (1, 1, h, w)
    gram = None  # TODO: scale it so that its squares add up to 1; gram_matrix does the rest
    ### BEGIN SOLUTION
    guide = pooled / pooled.square().sum().sqrt()
    gram = gram_matrix(features * guide)
    ### END SOLUTION
    return gram


# %% grade_id="check_guided_gram"
checks.check_guided_gram(globals())

# %% [markdown]
# Try it on a mask that is white on the left: the result is the left half's own Gram matrix, divided
# by its number of positions.

# %%
example = torch.rand(1, 4, 6, 10, generator=torch.Generator().manual_seed(0))
left = torch.zeros(1, 1, 12, 20)
left[..., :10] = 1
goal = gram_matrix(example[..., :5]) / (6 * 5)
print("it is the region's:", torch.allclose(guided_gram(example, left), goal, atol=1e-5))

# %% [markdown]
# **My prediction:** *The right half of the mask is black. Will the right half of the cat change at
# all? Think of how far a deep layer sees. Write here.*

# %% tags=["nbval-ignore-output"]
from styletools import save_image
from styletools.images import normalise

height, width = content.shape[-2:]
half = torch.zeros(1, 3, height, width)
half[..., : width // 2] = 1
save_image(normalise(half), "images/left_half.png")
masked = QUICK.replace(content_masks=["images/left_half.png"])
result = stylize(content_path, style_path, masked)
show_images({"mask": normalise(half), "painted on the left": result.image}, width=4)

# %% [markdown]
# **Question.** The border between the halves is soft. How wide is it, and what has that to do with
# lesson 1?
#
# ## What you have now
#
# - Three controls, and the few lines of algebra behind each. The kit's own are in
#   `styletools/engine/colour.py`, `pictures.py` and `objective.py`; `docs/control.md` has the
#   formulas, and more: several styles at once, and other measures than the Gram matrix.
# - **Exercise 1.** Paint the sky of a photograph in one style and the ground in another
#   (`more_styles`, `content_masks`).
# - **Exercise 2.** Replace the Gram matrix by the mean and the standard deviation of each channel
#   (`style_distance="moments"`, `style_weight=1e3`). What is still there, and what is missing? Then
#   write the distance yourself, and put it into your loop of lesson 3.
