# ruff: noqa
# fmt: off
# Answers to TODO `guided_gram`; see README.md.

# %% passed: the formula
def guided_gram(features, mask):
    pooled = F.adaptive_avg_pool2d(mask, features.shape[-2:])
    guide = pooled / (pooled ** 2).sum().sqrt()
    return gram_matrix(features * guide)

# %% passed: the Gram matrix divided
def guided_gram(features, mask):
    pooled = F.adaptive_avg_pool2d(mask, features.shape[-2:])
    return gram_matrix(features * pooled) / (pooled ** 2).sum()

# %% passed: F.normalize
def guided_gram(features, mask):
    pooled = F.adaptive_avg_pool2d(mask, features.shape[-2:])
    guide = F.normalize(pooled.flatten(1)).view_as(pooled)
    return gram_matrix(guide * features)

# %% wrong guided-mask-unused: the plain one
def guided_gram(features, mask):
    pooled = F.adaptive_avg_pool2d(mask, features.shape[-2:])
    return gram_matrix(features)

# %% wrong guided-not-scaled: no scale
def guided_gram(features, mask):
    pooled = F.adaptive_avg_pool2d(mask, features.shape[-2:])
    return gram_matrix(features * pooled)

# %% wrong guided-values-scaled: the values add up to 1
def guided_gram(features, mask):
    pooled = F.adaptive_avg_pool2d(mask, features.shape[-2:])
    return gram_matrix(features * pooled / pooled.sum())

# %% wrong guided-root: no root
def guided_gram(features, mask):
    pooled = F.adaptive_avg_pool2d(mask, features.shape[-2:])
    return gram_matrix(features * pooled / (pooled ** 2).sum())

# %% wrong guided-one-side: one factor
def guided_gram(features, mask):
    pooled = F.adaptive_avg_pool2d(mask, features.shape[-2:])
    guide = pooled / (pooled ** 2).sum().sqrt()
    return (features * guide)[0].flatten(1) @ features[0].flatten(1).T

# %% wrong guided-wrong-value: by the largest
def guided_gram(features, mask):
    pooled = F.adaptive_avg_pool2d(mask, features.shape[-2:])
    return gram_matrix(features * pooled / pooled.max() * 3)

# %% wrong guided-wrong-shape: summed
def guided_gram(features, mask):
    pooled = F.adaptive_avg_pool2d(mask, features.shape[-2:])
    return gram_matrix(features * pooled).sum(0)[:2]

# %% not attempted guided-not-attempted: the stub
def guided_gram(features, mask):
    pooled = F.adaptive_avg_pool2d(mask, features.shape[-2:])
    gram = None  # TODO
    return gram

# %% raised guided-raised: not pooled
def guided_gram(features, mask):
    return gram_matrix(features * mask)
