# ruff: noqa
# fmt: off
# Answers to TODO `paper_layer_loss`; see README.md.

# %% passed: equation 4, term by term
def paper_layer_loss(target_feature, style_gram):
    _, d, h, w = target_feature.shape
    gram = gram_matrix(target_feature)
    return torch.sum((gram - style_gram) ** 2) / (4 * d**2 * (h * w) ** 2)

# %% passed: the course's loss, divided by the factor
def paper_layer_loss(target_feature, style_gram):
    N, M = target_feature.shape[1], target_feature[0, 0].numel()
    course = layer_style_loss(target_feature, style_gram, 1.0) / (N * M)
    return course * N / (4 * M)

# %% passed: each matrix divided first
def paper_layer_loss(target_feature, style_gram):
    size = 2 * target_feature.numel()
    return ((gram_matrix(target_feature) / size - style_gram / size) ** 2).sum()

# %% not attempted paper-not-attempted: the stub
def paper_layer_loss(target_feature, style_gram):
    loss = None  # TODO 7
    return loss

# %% wrong paper-course-convention: the course's
def paper_layer_loss(target_feature, style_gram):
    return layer_style_loss(target_feature, style_gram, 1) / target_feature.numel()

# %% wrong paper-not-divided: the sum alone
def paper_layer_loss(target_feature, style_gram):
    return ((gram_matrix(target_feature) - style_gram) ** 2).sum()

# %% wrong paper-averaged: a mean for the sum
def paper_layer_loss(target_feature, style_gram):
    _, d, h, w = target_feature.shape
    return ((gram_matrix(target_feature) - style_gram) ** 2).mean() / (4 * (d * h * w) ** 2)

# %% wrong paper-four-missing: no 4
def paper_layer_loss(target_feature, style_gram):
    return ((gram_matrix(target_feature) - style_gram) ** 2).sum() / target_feature.numel() ** 2

# %% wrong paper-sizes-not-squared: 4NM
def paper_layer_loss(target_feature, style_gram):
    return ((gram_matrix(target_feature) - style_gram) ** 2).sum() / (4 * target_feature.numel())

# %% wrong paper-size-missing: no M
def paper_layer_loss(target_feature, style_gram):
    d = target_feature.shape[1]
    return ((gram_matrix(target_feature) - style_gram) ** 2).sum() / (4 * d**2)

# %% wrong paper-positions: M is the height
def paper_layer_loss(target_feature, style_gram):
    _, d, h, w = target_feature.shape
    return ((gram_matrix(target_feature) - style_gram) ** 2).sum() / (4 * d**2 * h**2)

# %% wrong paper-not-squared: the differences as they are
def paper_layer_loss(target_feature, style_gram):
    _, d, h, w = target_feature.shape
    return (gram_matrix(target_feature) - style_gram).sum() / (4 * (h * w) ** 2 * d**2)

# %% raised paper-shapes-differ: features against Gram
def paper_layer_loss(target_feature, style_gram):
    _, d, h, w = target_feature.shape
    return ((target_feature - style_gram) ** 2).sum() / (4 * d**2 * (h * w) ** 2)

# %% wrong paper-detached: cut off
def paper_layer_loss(target_feature, style_gram):
    _, d, h, w = target_feature.shape
    gram = gram_matrix(target_feature).detach()
    return ((gram - style_gram) ** 2).sum() / (4 * d**2 * (h * w) ** 2)

# %% wrong paper-hard-coded: the check's first sizes
def paper_layer_loss(target_feature, style_gram):
    return ((gram_matrix(target_feature) - style_gram) ** 2).sum() / (4 * 5**2 * 12**2)
