# %% [markdown]
# # 3 · Losses, and the loop that follows them
#
# Now the two halves meet. You write one number that says how far a picture is from the photograph
# in *content*, one that says how far it is from the painting in *style*, add them up, and let the
# pixels of a third picture, the **target**, move wherever the sum becomes smaller. No network is
# trained here: its weights stay as they are. What learns is the picture.

# %% setup=true

# %%
import torch

from styletools import (
    ASSIGNMENT,
    bundled,
    gram_matrix,
    load_backbone,
    load_image,
    plot_losses,
    save_image,
    show_images,
)
from styletools.config import STYLE_WEIGHTS
from styletools.course import checks, diagrams

# %% [markdown]
# ## What we start from
#
# A photograph and a painting; the painting is brought to the photograph's size. The assignment says
# 400 pixels. On a laptop 160 is a good start; raise it when the rest works, and if you have a GPU.

# %%
SIZE = course.size(160)
device = torch.device(
    "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
)
content = load_image(bundled("content")["chelsea"], max_size=SIZE).to(device)
style = load_image(bundled("style")["impasto"], size=content.shape[-2:]).to(device)
show_images({"content": content, "style": style})

# %% [markdown]
# Their features, and the painting's Gram matrices, never change. So they are computed once, before
# the loop. `vgg` gives the features of lesson 1 under the paper's names, and `gram_matrix` is that
# of lesson 2.

# %%
vgg = load_backbone().features().to(device)
content_features = vgg(content)
style_features = vgg(style)
style_grams = {layer: gram_matrix(feature) for layer, feature in style_features.items()}
print("features at:", ", ".join(content_features))

# %% [markdown]
# ## The content loss
#
# Two pictures show the same thing if their features at `conv4_2` are alike. How alike? Take the
# difference at every channel and position, square it, and take the mean:
#
# $$\mathcal{L}_{content} = \operatorname{mean}\big((T - C)^2\big)$$
#
# with T the target's features at `conv4_2` and C the content's.
#
# **TODO 3.** Both arguments are dictionaries from layer to features, as `vgg` returns them. Return
# a tensor, not a Python number: the gradient must be able to flow back through it.


# %% grade_id="content_loss" solution=true
def content_loss(target_features, content_features):
    """Mean squared difference at conv4_2."""
    loss = None  # TODO 3: which layer? difference, square, mean
    ### BEGIN SOLUTION
    difference = target_features["conv4_2"] - content_features["conv4_2"]
    loss = torch.mean(difference**2)
    ### END SOLUTION
    return loss


# %% grade_id="check_content_loss" points=5
checks.check_content_loss(globals())

# %% [markdown]
# **Explain (content loss).** Write the formula of the paper (equation 1) beside the one you
# programmed and say in which factor they differ. Why features and not pixels, and why this layer?
#
# *How this is graded (5 points):* 2 both formulas and the factor, 1 features and not pixels, 1 the
# layer, 1 clear language.

# %% [markdown] grade_id="content_loss_explanation" solution=true points=5
# <!-- BEGIN SOLUTION -->
# The paper sums and halves: ½ Σ (F − P)². Mine is the mean, so with N channels and M positions it
# is the paper's times 2/(NM); a constant, which a different α would make up for. Pixels differ as
# soon as a colour or a stroke changes, and those are what the style must be free to change.
# Features at conv4_2 still know which shapes are where but hardly what paint they are made of.
# <!-- END SOLUTION -->

# %% [markdown]
# Does the number do what we want? Against itself the photograph must have 0. The more we blur it,
# the more of its content is lost:

# %%
variants = {
    "itself": content,
    "a little blur": diagrams.blurred(content, 1),
    "much blur": diagrams.blurred(content, 4),
    "the painting": style,
}
distances = {}
for name, picture in variants.items():
    distances[name] = content_loss(vgg(picture), content_features)
print("against itself:", distances["itself"].item())
print("more blur, more loss:", bool(distances["a little blur"] < distances["much blur"]))

# %%
most = distances["the painting"]
show_images({f"{n}: {distances[n] / most:.1%}": picture for n, picture in variants.items()})

# %% [markdown]
# (100 % is the painting, an unrelated picture.) So a **high** content loss means **less** similar;
# 0 is the photograph itself. Reports on this exercise claim the opposite now and then.
#
# ## The style loss of one layer
#
# For style we compare Gram matrices instead of features: G of the target and A of the painting,
# again by the mean of the squared differences, times a weight that says how much this layer counts:
#
# $$w \cdot \operatorname{mean}\big((G - A)^2\big)$$
#
# **TODO 4.** The target's *features* come in, and the painting's *Gram matrix*, which is ready.


# %% grade_id="layer_style_loss" solution=true
def layer_style_loss(target_feature, style_gram, weight):
    """weight · mean((G − A)²); features (1, d, h, w), Gram (d, d)."""
    loss = None  # TODO 4: Gram matrix of the target; difference, square, mean; weight
    ### BEGIN SOLUTION
    target_gram = gram_matrix(target_feature)
    loss = weight * torch.mean((target_gram - style_gram) ** 2)
    ### END SOLUTION
    return loss


# %% grade_id="check_layer_style_loss" points=5
checks.check_layer_style_loss(globals())

# %% [markdown]
# **Explain (style loss of a layer).** Why is the painting's Gram matrix given, and the target's
# not? What would be lost if you compared the features themselves?
#
# *How this is graded (5 points):* 2 what is constant and what changes during the loop, 2 Gram
# matrices against features, 1 the meaning of the weight.

# %% [markdown] grade_id="layer_style_loss_explanation" solution=true points=5
# <!-- BEGIN SOLUTION -->
# The painting does not change, so its matrix is computed once before the loop. The target changes
# at every step, and the gradient has to pass through its Gram matrix, so that one is computed
# anew each time. Comparing features would ask for the same strokes at the same places, that is for
# a copy of the painting; the Gram matrices only ask for the same mixture. The weight says how much
# the scale of this layer, from grain to large forms, counts in the whole.
# <!-- END SOLUTION -->

# %% [markdown]
# ## The style loss over all layers
#
# Style lives at several scales, so the style loss adds the layers up. Each layer's loss is divided
# by its size `d * h * w`, where `(1, d, h, w)` is the shape of the target's features there. The
# weights are a dictionary, from layer to number:

# %%
print(STYLE_WEIGHTS)

# %% [markdown]
# **TODO 5.** Sum over the layers of `style_weights`. Use your `layer_style_loss`; it applies the
# weight, so do not apply it a second time.


# %% grade_id="style_loss" solution=true
def style_loss(target_features, style_grams, style_weights):
    """Sum over layers of layer_style_loss / (d·h·w)."""
    loss = 0.0
    for layer, weight in style_weights.items():
        pass  # TODO 5: add this layer's loss, divided by d * h * w
        ### BEGIN SOLUTION
        feature = target_features[layer]
        _, d, h, w = feature.shape
        loss = loss + layer_style_loss(feature, style_grams[layer], weight) / (d * h * w)
        ### END SOLUTION
    return loss


# %% grade_id="check_style_loss" points=5
checks.check_style_loss(globals())

# %%
print("the painting against itself:", style_loss(style_features, style_grams, STYLE_WEIGHTS).item())

# %% [markdown]
# **Explain (style loss).** Write your formula and the paper's (equations 4 and 5). What do the
# layer weights steer: which of them makes fine texture count more, which large forms?
#
# *How this is graded (5 points):* 2 both formulas, 2 early layers mean fine texture and deep layers
# large forms (not the other way round), 1 clear language.

# %% [markdown] grade_id="style_loss_explanation" solution=true points=5
# <!-- BEGIN SOLUTION -->
# Mine: Σ w · mean((G − A)²) / (d·h·w). The paper's: Σ w · Σ(G − A)² / (4N²M²), which is mine
# divided by 4M/N in every layer. A larger weight on conv1_1 and conv2_1 makes colour and fine
# texture count more, since these layers see a few pixels only; a larger weight on conv4_1 and
# conv5_1 makes larger strokes and forms count.
# <!-- END SOLUTION -->

# %% [markdown]
# ## The total
#
# $$\mathcal{L}_{total} = \alpha\,\mathcal{L}_{content} + \beta\,\mathcal{L}_{style}$$
#
# **TODO 6.** α is the `content_weight`, β the `style_weight`.


# %% grade_id="total_loss" solution=true
def total_loss(content, style, content_weight, style_weight):
    """α · content + β · style."""
    loss = None  # TODO 6
    ### BEGIN SOLUTION
    loss = content_weight * content + style_weight * style
    ### END SOLUTION
    return loss


# %% grade_id="check_total_loss" points=5
checks.check_total_loss(globals())

# %%
example = total_loss(torch.tensor(2.0), torch.tensor(3.0), content_weight=10, style_weight=1000)
print("10 · 2 + 1000 · 3 =", example.item())

# %% [markdown]
# **Explain (total loss).** What happens to the picture when β grows and α stays? What happens when
# both are doubled? Can totals with different α and β be compared?
#
# *How this is graded (5 points):* 2 the balance, 1 doubling both, 2 comparing totals.

# %% [markdown] grade_id="total_loss_explanation" solution=true points=5
# <!-- BEGIN SOLUTION -->
# A larger β makes the style worth more: the picture takes over more strokes and colours and gives
# up more of the photograph. Doubling both doubles the total and moves no minimum, so the best
# picture is the same (and Adam, whose step hardly depends on the gradient's size, gets there the
# same way). Totals with different weights measure with different rulers: a smaller total then says
# nothing about which picture is better.
# <!-- END SOLUTION -->

# %% [markdown]
# ## The course's losses and the paper's
#
# The exercise and the paper divide differently. With N channels and M = h·w positions, the course's
# content loss is 2/(NM) times the paper's, and its style loss of a layer 4M/N times. For constant
# sizes that looks harmless. But M shrinks from layer to layer and N grows, so the *layers* are
# weighed differently. These are the factors for VGG19 and a picture of 400 × 400:

# %%
from styletools.losses import content_factor, style_factor

sizes = {  # VGG19 with all its channels: N, M
    "conv1_1": (64, 400 * 400),
    "conv2_1": (128, 200 * 200),
    "conv3_1": (256, 100 * 100),
    "conv4_1": (512, 50 * 50),
    "conv5_1": (512, 25 * 25),
}
effective = {layer: STYLE_WEIGHTS[layer] * style_factor(*sizes[layer]) for layer in sizes}
print("layer       N       M      4M/N   w · 4M/N")
for layer, (N, M) in sizes.items():
    print(f"{layer} {N:5d} {M:7d} {style_factor(N, M):9.2f} {effective[layer]:10.2f}")
print(f"conv1_1 counts {effective['conv1_1'] / effective['conv5_1']:.0f} times as much as conv5_1")

# %%
diagrams.show_bars(
    {
        "course": {layer: value / effective["conv5_1"] for layer, value in effective.items()},
        "paper": dict.fromkeys(sizes, 1.0),
    },
    title="Factor before each layer's loss, as a multiple of conv5_1's",
    log=True,
    bottom=0.3,
)

# %% [markdown]
# The paper weighs the five layers equally; the assignment's factors favour the early layers. But a
# factor is only half of the story: it multiplies a loss, and how large that loss is depends on how
# strongly the network's layers fire. Activations enter the style loss to the fourth power. So which
# layer steers the picture is a question to the network, and you can ask it. At the first step the
# target is the photograph; each layer's share of the style loss is then:

# %% tags=["nbval-ignore-output"]
first = {
    layer: float(style_loss(content_features, style_grams, {layer: weight}))
    for layer, weight in STYLE_WEIGHTS.items()
}
shares = {layer: 100 * part / sum(first.values()) for layer, part in first.items()}
print(", ".join(f"{layer} {share:.0f} %" for layer, share in shares.items()))

# %% [markdown]
# Another network would answer differently. That is why the paper rescales its filters until the
# mean activation of each is 1: then no layer is loud by nature, and equal weights mean equal
# influence.
#
# Do not take the formula on trust: the kit has both losses, so test it.

# %%
from styletools import losses

torch.manual_seed(0)
F = torch.randint(0, 5, (1, 8, 6, 4)).double()  # N = 8 channels, M = 24 positions
P = torch.randint(0, 5, (1, 8, 6, 4)).double()
A = gram_matrix(P)
content_ratio = losses.content_loss(F, P) / losses.content_loss(F, P, "paper")
style_ratio = losses.layer_style_loss(F, A) / losses.layer_style_loss(F, A, "paper")
print(f"content: course ÷ paper = {content_ratio:.5f}; 2 / NM = {content_factor(8, 24):.5f}")
print(f"style:   course ÷ paper = {style_ratio:.5f}; 4M / N = {style_factor(8, 24):.5f}")

# %% [markdown]
# The paper differs in more than its divisors:
#
# | | the paper | the assignment |
# |---|---|---|
# | pooling | average | maximum |
# | filters | rescaled: each one's mean activation is 1 | as they were trained |
# | optimiser | L-BFGS | Adam, learning rate 0.003 |
# | target at the start | white noise | the content |
# | weights of the style layers | equal | 1, 0.8, 0.5, 0.3, 0.1 |
# | α ÷ β | 10⁻⁴ to 10⁻¹ | 10⁻⁶ |
#
# You cannot compare the ratios in the last line: with other divisors and other filters, the same
# ratio means something else.
#
# ## The loop
#
# Gradient descent on a picture. In each step:
#
# 1. compute the total loss of the target;
# 2. clear the gradients of the step before (PyTorch adds to them otherwise);
# 3. compute the gradient of the loss with respect to the target's pixels;
# 4. let the optimiser move the pixels a little;
# 5. write down the loss, as a plain number: `total.item()`. (Keep the tensor, and you keep the
#    whole computation behind it in memory.)
#
# **TODO 7.** `loss_of(target)` gives the total loss. Return the list of all losses.


# %% grade_id="optimise" solution=true
def optimise(target, optimizer, loss_of, steps):
    """Move the target's pixels `steps` times; returns the loss of each step as a list of floats."""
    loss_history = []
    for step in range(steps):
        pass  # TODO 7: the five lines described above
        ### BEGIN SOLUTION
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        loss_history.append(total.item())
        ### END SOLUTION
    return loss_history


# %% grade_id="check_optimise" points=5
checks.check_optimise(globals())

# %% [markdown]
# **Explain (loop).** What is being optimised here, and what is not? What would happen without
# `zero_grad`, and why does the history hold numbers and not tensors?
#
# *How this is graded (5 points):* 2 the target's pixels and not the network, 2 gradients that add
# up, 1 numbers and not tensors.

# %% [markdown] grade_id="optimise_explanation" solution=true points=5
# <!-- BEGIN SOLUTION -->
# The pixels of the target are the only parameters; the network is frozen and serves as a measuring
# device. Without zero_grad each step's gradient would be added to all the earlier ones, and the
# picture would go on moving in old directions. A tensor would hold on to the graph it was computed
# with, so memory would grow with every step; item() keeps the value alone.
# <!-- END SOLUTION -->

# %% [markdown]
# ## Run it
#
# The assignment's settings: start from a copy of the content, Adam with learning rate 0.003, 2000
# steps, α = 1, β = 10⁶. The target is made *in the same cell*: why, you will see below.
#
# One thing can be said beforehand. At the first step the target is the content, so the content loss
# is exactly 0, and everything comes from the style:

# %%
content_weight, style_weight = ASSIGNMENT.content_weight, ASSIGNMENT.style_weight


def loss_of(target):
    features = vgg(target)
    content_part = content_loss(features, content_features)
    style_part = style_loss(features, style_grams, STYLE_WEIGHTS)
    return total_loss(content_part, style_part, content_weight, style_weight)


print("content loss at the start:", content_loss(vgg(content), content_features).item())

# %% tags=["nbval-ignore-output"]
steps = course.steps(ASSIGNMENT.steps)
progress = course.Progress(steps, show_every=steps // 5)  # with 2000 steps: every 400

target = content.clone().requires_grad_(True)
optimizer = torch.optim.Adam([target], lr=ASSIGNMENT.learning_rate)
loss_history = optimise(target, optimizer, progress.watch(loss_of), steps)

# %%
show_images({"content": content, "style": style, "target": target}, width=3.4)

# %%
show_images({f"step {step}": picture for step, picture in progress.pictures.items()}, columns=5)

# %% [markdown]
# The loss curve, kept as a file for your report:

# %%
from pathlib import Path

Path("images").mkdir(exist_ok=True)
save_image(target, "images/target_base.png")
curve = plot_losses(loss_history, title="Total Loss Over Iterations")
curve.savefig("images/loss_curve_base.jpg")
curve

# %%
print("the loss fell:", loss_history[-1] < loss_history[0])

# %% tags=["nbval-ignore-output"]
for percent in (10, 25, 50, 100):
    step = steps * percent // 100
    left = loss_history[step - 1] / loss_history[0]
    print(f"step {step}: {100 * left:.1f} % of the first loss is left")

# %% [markdown]
# (The axis is logarithmic, so that the late, small values are visible, too; on a plain axis,
# `log=False`, all but the beginning looks like zero.)
#
# **What you conclude (base run).** Describe the picture and the curve: what was taken over from the
# painting, what is left of the photograph, when did most of the loss disappear?
#
# *How this is graded (5 points):* 2 the picture, described so that somebody who does not see it
# would know, 2 the curve, 1 no claim that the pictures or numbers do not support.

# %% [markdown] grade_id="base_run_inference" solution=true points=5
# <!-- BEGIN SOLUTION -->
# The cat is recognisable by its eyes, its nose and its outline. Fur and background have become long
# brush strokes in the painting's blue, yellow and white, which follow the lines of the fur; the
# photograph's own colours are nearly gone. At step 200, 16 % of the first loss is left, at step 500
# 6 %, at the end 1 %. So most of the loss disappears early. On the logarithmic axis the curve falls
# to the end; in absolute numbers the last thousand steps change little.
# <!-- END SOLUTION -->

# %% [markdown]
# ## A cell that is run again
#
# You change nothing, and run the loop once more. What happens? It depends on where the target was
# made. If it was made in an earlier cell, the run **goes on from the old picture**: neither a fresh
# start nor a fair comparison. Here the loop runs three times: once, again with the same target, and
# with a fresh one.


# %%
def fresh_start():
    target = content.clone().requires_grad_(True)
    return target, torch.optim.Adam([target], lr=ASSIGNMENT.learning_rate)


target_1, optimizer_1 = fresh_start()
first = optimise(target_1, optimizer_1, loss_of, 20)
again = optimise(target_1, optimizer_1, loss_of, 20)  # the same target: it goes on

target_2, optimizer_2 = fresh_start()
fresh = optimise(target_2, optimizer_2, loss_of, 20)

print("run again, it begins lower:", again[0] < first[0])
print("fresh target, it begins where the first run did:", abs(fresh[0] / first[0] - 1) < 0.001)

# %% [markdown]
# If a loss curve of yours begins far below the others, this is the first thing to suspect.
#
# ## Your own pictures
#
# **TODO 8.** A photograph of your own and a style that you like. Put the files beside this notebook
# (for instance into its folder `images`) and give their paths, or give an address that begins with
# `https://`. Photographs with one clear subject and styles with visible strokes work best.

# %% grade_id="own_pictures" solution=true
my_content = None  # TODO 8: "images/my_photograph.jpg"
my_style = None  # TODO 8: "images/my_style.jpg"
### BEGIN SOLUTION
my_content = bundled("content")["astronaut"]
my_style = bundled("style")["stained_glass"]
### END SOLUTION

# %% grade_id="check_own_pictures" points=5
checks.check_own_pictures(globals())

# %% [markdown]
# Everything that belongs to the run is made anew here: features, Gram matrices, target, optimiser.

# %% tags=["nbval-ignore-output"]
content = load_image(my_content, max_size=SIZE).to(device)
style = load_image(my_style, size=content.shape[-2:]).to(device)
content_features = vgg(content)
style_grams = {layer: gram_matrix(feature) for layer, feature in vgg(style).items()}

progress = course.Progress(steps, show_every=steps // 5)
target, optimizer = fresh_start()
loss_history = optimise(target, optimizer, progress.watch(loss_of), steps)

# %%
save_image(target, "images/target_own.png")
show_images({"my content": content, "my style": style, "target": target}, width=3.4)

# %%
curve = plot_losses(loss_history, title="Total Loss Over Iterations")
curve.savefig("images/loss_curve_own.jpg")
curve

# %% [markdown]
# ## What you have now
#
# All of neural style transfer, written by you. The kit's `stylize` does the same in one call, and
# keeps a record of everything. With it, lesson 4 turns the knobs.
