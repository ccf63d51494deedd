# ruff: noqa
# fmt: off
# Answers to TODO `layer_style_loss`; see README.md. `gram_matrix` is there.

# %% passed: as in the assignment
def layer_style_loss(target_feature, style_gram, weight):
    target_gram = gram_matrix(target_feature)
    return weight * torch.mean((target_gram - style_gram)**2)

# %% passed: F.mse_loss
def layer_style_loss(target_feature, style_gram, weight):
    return F.mse_loss(gram_matrix(target_feature), style_gram) * weight

# %% passed: an own Gram matrix, (1, d, d)
def layer_style_loss(target_feature, style_gram, weight):
    f = target_feature.flatten(2)
    G = torch.bmm(f, f.transpose(1, 2))
    return ((G - style_gram) ** 2).mean() * weight

# %% passed: operands swapped, sum over the number of entries
def layer_style_loss(x, A, w_l):
    G = gram_matrix(x)
    N = G.shape[0]
    return w_l * torch.sum((A - G).pow(2)) / N ** 2

# %% passed: the weight under the square, as its root
def layer_style_loss(target_feature, style_gram, weight):
    return torch.mean((weight ** 0.5 * (gram_matrix(target_feature) - style_gram))**2)

# %% passed: norm and float64
def layer_style_loss(target_feature, style_gram, weight):
    difference = gram_matrix(target_feature.double()) - style_gram.double()
    return weight * torch.norm(difference, p='fro') ** 2 / difference.numel()

# %% not attempted layer-style-not-attempted: the stub
def layer_style_loss(target_feature, style_gram, weight):
    target_gram = gram_matrix(target_feature)
    loss = None  # TODO 3b
    return loss

# %% wrong layer-style-weight-missing: dropped
def layer_style_loss(target_feature, style_gram, weight):
    return torch.mean((gram_matrix(target_feature) - style_gram)**2)

# %% wrong layer-style-weight-twice: applied twice
def layer_style_loss(target_feature, style_gram, weight):
    loss = weight * torch.mean((gram_matrix(target_feature) - style_gram)**2)
    return weight * loss

# %% wrong layer-style-weight-twice: inside the square
def layer_style_loss(target_feature, style_gram, weight):
    return torch.mean((weight * (gram_matrix(target_feature) - style_gram))**2)

# %% wrong layer-style-weight-inside: on one matrix
def layer_style_loss(target_feature, style_gram, weight):
    return torch.mean((weight * gram_matrix(target_feature) - style_gram)**2)

# %% wrong layer-style-weight-divides: divided
def layer_style_loss(target_feature, style_gram, weight):
    return torch.mean((gram_matrix(target_feature) - style_gram)**2) / weight

# %% wrong layer-style-weight-added: added
def layer_style_loss(target_feature, style_gram, weight):
    return weight + torch.mean((gram_matrix(target_feature) - style_gram)**2)

# %% wrong layer-style-hard-coded: a weight of Udacity's
def layer_style_loss(target_feature, style_gram, weight):
    return 0.75 * torch.mean((gram_matrix(target_feature) - style_gram)**2)

# %% wrong layer-style-hard-coded: a weight of this course
def layer_style_loss(target_feature, style_gram, weight):
    return 0.8 * torch.mean((gram_matrix(target_feature) - style_gram)**2)

# %% wrong layer-style-divided-already: d·h·w here too
def layer_style_loss(target_feature, style_gram, weight):
    _, d, h, w = target_feature.shape
    return weight * torch.mean((gram_matrix(target_feature) - style_gram)**2) / (d * h * w)

# %% wrong layer-style-gram-normalised: an own, normalised Gram matrix
def layer_style_loss(target_feature, style_gram, weight):
    _, d, h, w = target_feature.shape
    f = target_feature.view(d, h * w)
    return weight * torch.mean((f @ f.T / (d * h * w) - style_gram)**2)

# %% wrong layer-style-summed: sum for mean
def layer_style_loss(target_feature, style_gram, weight):
    return weight * torch.sum((gram_matrix(target_feature) - style_gram)**2)

# %% wrong layer-style-not-squared: forgotten
def layer_style_loss(target_feature, style_gram, weight):
    return weight * torch.mean(gram_matrix(target_feature) - style_gram)

# %% wrong layer-style-squared-too-early: the square on one
def layer_style_loss(target_feature, style_gram, weight):
    return weight * torch.mean(gram_matrix(target_feature) - style_gram**2)

# %% wrong layer-style-squared-after-mean: a bracket in the wrong place
def layer_style_loss(target_feature, style_gram, weight):
    return weight * torch.mean(gram_matrix(target_feature) - style_gram)**2

# %% wrong layer-style-absolute: abs
def layer_style_loss(target_feature, style_gram, weight):
    return weight * (gram_matrix(target_feature) - style_gram).abs().mean()

# %% wrong layer-style-gram-recomputed: the style Gram made from the target
def layer_style_loss(target_feature, style_gram, weight):
    target_gram = gram_matrix(target_feature)
    style_gram = gram_matrix(target_feature)
    return weight * torch.mean((target_gram - style_gram)**2)

# %% raised layer-style-gram-of-gram: the Gram of a Gram
def layer_style_loss(target_feature, style_gram, weight):
    return weight * torch.mean((gram_matrix(target_feature) - gram_matrix(style_gram))**2)

# %% raised layer-style-gram-of-gram: the same with an own Gram
def my_gram(t):
    _, d, h, w = t.size()
    return t.view(d, h * w) @ t.view(d, h * w).t()
def layer_style_loss(target_feature, style_gram, weight):
    return weight * torch.mean((my_gram(target_feature) - my_gram(style_gram))**2)

# %% raised layer-style-shapes-differ: no Gram of the target
def layer_style_loss(target_feature, style_gram, weight):
    return weight * torch.mean((target_feature - style_gram)**2)

# %% raised layer-style-weight-is-a-number: the weight looked up
def layer_style_loss(target_feature, style_gram, weight):
    return weight['conv1_1'] * torch.mean((gram_matrix(target_feature) - style_gram)**2)

# %% raised layer-style-tensor-called: a tensor with the function's name
def layer_style_loss(target_feature, style_gram, weight):
    gram = style_gram
    return weight * torch.mean((gram(target_feature) - style_gram)**2)

# %% raised layer-style-name-not-set: gram_matrix assigned inside
def layer_style_loss(target_feature, style_gram, weight):
    gram_matrix = gram_matrix(target_feature)
    return weight * torch.mean((gram_matrix - style_gram)**2)

# %% raised layer-style-outside-name: another Gram of the notebook besides
style_gram_2 = torch.ones(64, 64)
def layer_style_loss(target_feature, style_gram, weight):
    gram = gram_matrix(target_feature)
    return weight * torch.mean((gram - style_gram)**2 + (gram - style_gram_2)**2)

# %% wrong layer-style-not-reduced: no mean
def layer_style_loss(target_feature, style_gram, weight):
    return weight * (gram_matrix(target_feature) - style_gram)**2

# %% wrong layer-style-detached: the target's Gram detached
def layer_style_loss(target_feature, style_gram, weight):
    target_gram = gram_matrix(target_feature).detach()
    return weight * torch.mean((target_gram - style_gram)**2)

# %% wrong layer-style-python-float: item
def layer_style_loss(target_feature, style_gram, weight):
    return weight * torch.mean((gram_matrix(target_feature) - style_gram)**2).item()

# %% wrong layer-style-input-modified: the style Gram changed in place
def layer_style_loss(target_feature, style_gram, weight):
    style_gram -= gram_matrix(target_feature)
    return weight * torch.mean(style_gram**2)

# %% wrong layer-style-parameters: the weight forgotten
def layer_style_loss(target_feature, style_gram):
    return torch.mean((gram_matrix(target_feature) - style_gram)**2)
