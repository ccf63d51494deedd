# %% [markdown]
# # Style transfer in one notebook
#
# You repaint a photograph in the style of a painting, after Gatys, Ecker & Bethge, *Image Style
# Transfer Using Convolutional Neural Networks* (CVPR 2016). Everything is in this notebook: a
# finished network, VGG19, looks at pictures; you write down how far two pictures are apart in
# content and in style; and the pixels of a third picture move until both are small.
#
# Three places are marked **TODO**. After each one, explain in a few sentences what you did and why.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn, optim

from styletools import bundled, course, load_backbone, load_image, show_images

course.begin()

# %% [markdown]
# ## The network
#
# Of VGG19 only the part that sees features is needed. Its weights stay as they are. The ReLUs work
# in place, as in torchvision's VGG19.

# %%
device = torch.device(
    "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
)
vgg = load_backbone().features()
for module in vgg:
    if isinstance(module, nn.ReLU):
        module.inplace = True
vgg = vgg.to(device)

# %% [markdown]
# ## Two pictures
#
# Put the paths of a photograph and a painting of your own here. The painting is brought to the
# photograph's size. 400 pixels are usual; take fewer if a step takes you longer than a second.

# %%
size = course.size(96)
content = load_image(bundled("content")["chelsea"], max_size=size).to(device)
style = load_image(bundled("style")["impasto"], size=content.shape[-2:]).to(device)
show_images({"content": content, "style": style})

# %% [markdown]
# ## TODO 1: which module is which layer
#
# `get_features` sends a picture through the modules of the network, one after the other, and keeps
# what comes out of those that are named in `layers`. Print `vgg` and complete the dictionary: the
# convolutions `conv1_1`, `conv2_1`, `conv3_1`, `conv4_1` and `conv5_1` stand for the style,
# `conv4_2` for the content.


# %% grade_id="get_features" solution=true
def get_features(image, model, layers=None):
    """{name of the layer: its features, (1, d, h, w)}."""
    if layers is None:
        layers = {
            "0": "conv1_1",
            # TODO 1: four more for the style, one for the content
            ### BEGIN SOLUTION
            "5": "conv2_1",
            "10": "conv3_1",
            "19": "conv4_1",
            "21": "conv4_2",
            "28": "conv5_1",
            ### END SOLUTION
        }
    features = {}
    x = image
    for index, module in model._modules.items():
        x = module(x)
        if index in layers:
            features[layers[index]] = x
    return features


# %% [markdown] grade_id="mapping_explanation" solution=true points=5
# **Explain:** how did you find the indices, and why is the content taken from one layer, the style
# from five?
#
# <!-- BEGIN SOLUTION -->
# The printed network numbers all its modules, ReLUs and poolings too; the names count convolutions
# within a block. A block begins after each pooling. Style lives at several scales, fine texture in
# the early layers and larger forms in the deep ones; for the content only what is where matters,
# which a deep layer knows without the exact pixels.
# <!-- END SOLUTION -->

# %% [markdown]
# ## TODO 2: the Gram matrix
#
# Write each of the d feature maps as one long row. Entry (i, j) of the Gram matrix is the dot
# product of rows i and j: `(1, d, h, w)` becomes `(d, d)`. It is not divided by anything here.


# %% grade_id="gram_matrix" solution=true
def gram_matrix(tensor):
    """(1, d, h, w) → (d, d)."""
    gram = None
    # TODO 2: the sizes, the rows, their products
    ### BEGIN SOLUTION
    _, d, h, w = tensor.size()
    rows = tensor.view(d, h * w)
    gram = torch.mm(rows, rows.t())
    ### END SOLUTION
    return gram


# %% [markdown] grade_id="gram_explanation" solution=true points=5
# **Explain:** what does a Gram matrix keep of a picture, what does it forget, and why is that a
# good description of style?
#
# <!-- BEGIN SOLUTION -->
# It says how strongly any two features occur together, summed over all positions. Where in the
# picture they do is lost. A manner of painting is such a mixture of strokes and colours, whatever
# the picture shows.
# <!-- END SOLUTION -->

# %% [markdown]
# ## What does not change
#
# The features of both pictures and the painting's Gram matrices are computed once. The target
# begins as a copy of the photograph; its pixels are what is optimised.

# %%
content_features = {name: x.detach() for name, x in get_features(content, vgg).items()}
style_features = {name: x.detach() for name, x in get_features(style, vgg).items()}
style_grams = {layer: gram_matrix(style_features[layer]) for layer in style_features}
target = content.clone().requires_grad_(True)

# %% [markdown]
# ## Weights
#
# `style_weights` says how much each layer counts for the style, `content_weight` (α) and
# `style_weight` (β) how much the two losses count against each other.

# %%
style_weights = {"conv1_1": 1.0, "conv2_1": 0.8, "conv3_1": 0.5, "conv4_1": 0.3, "conv5_1": 0.1}
content_weight = 1
style_weight = 1e6

# %% [markdown]
# ## TODO 3: the losses
#
# - The content loss is the mean squared difference of the features at `conv4_2`.
# - A layer's style loss is its weight times the mean squared difference of the Gram matrices.
# - The total loss weighs the two.
#
# If you run the cell again, run the one that makes `target` first: it goes on from where it was.

# %% grade_id="loop" solution=true tags=["nbval-ignore-output"]
show_every = course.steps(400)
steps = course.steps(2000)
optimizer = optim.Adam([target], lr=0.003)
loss_history = []
pictures = {}

for step in range(1, steps + 1):
    # TODO 3: the target's features, and the content loss
    target_features = None
    content_loss = None
    ### BEGIN SOLUTION
    target_features = get_features(target, vgg)
    content_loss = torch.mean((target_features["conv4_2"] - content_features["conv4_2"]) ** 2)
    ### END SOLUTION

    style_loss = 0
    for layer in style_weights:
        # TODO 3: the style loss of this layer
        target_gram = None
        style_gram = None
        layer_style_loss = None
        ### BEGIN SOLUTION
        target_gram = gram_matrix(target_features[layer])
        style_gram = style_grams[layer]
        layer_style_loss = style_weights[layer] * torch.mean((target_gram - style_gram) ** 2)
        ### END SOLUTION
        _, d, h, w = target_features[layer].shape
        style_loss += layer_style_loss / (d * h * w)

    # TODO 3: the total loss
    total_loss = None
    ### BEGIN SOLUTION
    total_loss = content_weight * content_loss + style_weight * style_loss
    ### END SOLUTION

    optimizer.zero_grad()
    total_loss.backward()
    optimizer.step()
    loss_history.append(total_loss.item())
    if step % show_every == 0:
        print(f"step {step}: total loss {total_loss.item():.3g}")
        pictures[f"step {step}"] = target.detach().clone()

# %% [markdown] grade_id="losses_explanation" solution=true points=5
# **Explain:** each loss with the formula that you programmed and the paper's; what do the weights
# steer?
#
# <!-- BEGIN SOLUTION -->
# Content: mean((T − C)²), the paper's ½ Σ (F − P)² up to a constant. Style of a layer:
# w · mean((G − A)²) / (d·h·w), the paper's w · Σ (G − A)² / (4N²M²) up to a factor that depends on
# the layer's size. Total: α · content + β · style. More β gives up more of the photograph; more
# weight on an early layer asks for fine texture, on a deep one for larger forms.
# <!-- END SOLUTION -->

# %% [markdown]
# ## What came out

# %%
show_images(pictures, columns=5)

# %%
show_images({"content": content, "target": target.detach()})

# %%
figure, axis = plt.subplots(figsize=(10, 5))
axis.plot(range(1, steps + 1), loss_history)
axis.set(title="Total Loss Over Iterations", xlabel="iteration", ylabel="total loss")
axis.grid()
Path("images").mkdir(exist_ok=True)
figure.savefig("images/loss_curve_base.jpg")
plt.close(figure)
figure

# %% [markdown] grade_id="inference" solution=true points=5
# **Conclude:** when does the loss fall most, when is it flat, and what has the picture gained and
# lost by then?
#
# <!-- BEGIN SOLUTION -->
# It falls most in the first few hundred steps; on this linear axis it is nearly flat at the end.
# The colours and the grain of the painting are there early. The photograph's outlines stay to the
# end, since the target started as the photograph and small steps move it only so far.
# <!-- END SOLUTION -->

# %% [markdown]
# ## Part 2
#
# Repeat the run with other settings, as many as you can, and show picture, curve and conclusion of
# each. One student chose these: (a) `style_weight` 1e5 with `content_weight` 10; (b) a learning
# rate of 0.001; (c) 5000 steps; (d) all layer weights 1.0 and 1000 steps. (d) changes two things,
# so compare it with the first run's picture and loss at step 1000.
