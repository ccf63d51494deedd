# ruff: noqa
# fmt: off
# Answers to TODO `style_loss`; see README.md. `gram_matrix` and `layer_style_loss` are there.

# %% passed: as in the assignment
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in style_weights:
        target_feature = target_features[layer]
        _, d, h, w = target_feature.shape
        loss += layer_style_loss(target_feature, style_grams[layer], style_weights[layer]) / (d * h * w)
    return loss

# %% passed: sum() over items, and numel
def style_loss(target_features, style_grams, style_weights):
    return sum(layer_style_loss(target_features[k], style_grams[k], w) / target_features[k].numel()
               for k, w in style_weights.items())

# %% passed: everything inline, with mse_loss
def style_loss(target_features, style_grams, style_weights):
    losses = []
    for name, weight in style_weights.items():
        f = target_features[name]
        b, c, h, w = f.shape
        flat = f.view(b * c, h * w)
        losses.append(weight * F.mse_loss(flat @ flat.T, style_grams[name]) / (c * h * w))
    return torch.stack(losses).sum()

# %% passed: starts from a tensor
def style_loss(target_features, style_grams, style_weights):
    total = torch.zeros(1)
    for layer in style_weights.keys():
        d, h, w = target_features[layer].shape[1:]
        total = total + layer_style_loss(target_features[layer], style_grams[layer], style_weights[layer]) / d / h / w
    return total

# %% passed: loops over all features and skips those without a weight
def style_loss(target_features, style_grams, style_weights):
    style = 0.0
    for layer, feature in target_features.items():
        if layer not in style_weights:
            continue
        style = style + layer_style_loss(feature, style_grams[layer], style_weights[layer]) / feature.flatten().shape[0]
    return style

# %% passed: float64 inside, a missing weight counts 0
def style_loss(target_features, style_grams, style_weights):
    out = torch.tensor(0.0, dtype=torch.float64)
    for layer in target_features:
        weight = style_weights.get(layer, 0)
        n = target_features[layer].nelement()
        out = out + layer_style_loss(target_features[layer].double(), style_grams[layer].double(), weight) / n
    return out

# %% passed: a second style that nobody gives
def style_loss(target_features, style_grams, style_weights, second_grams=None, blend=0.5):
    loss = 0
    for layer in style_weights:
        n = target_features[layer].numel()
        one = layer_style_loss(target_features[layer], style_grams[layer], style_weights[layer]) / n
        if second_grams is not None:
            two = layer_style_loss(target_features[layer], second_grams[layer], style_weights[layer]) / n
            one = blend * one + (1 - blend) * two
        loss += one
    return loss

# %% passed: a dict of losses first
def style_loss(target_features, style_grams, style_weights):
    losses = {l: layer_style_loss(target_features[l], style_grams[l], style_weights[l]) for l in style_weights}
    sizes = {l: torch.tensor(target_features[l].shape).prod() for l in style_weights}
    return sum(losses[l] / sizes[l] for l in losses)

# %% passed: map and functools
from functools import reduce
def style_loss(target_features, style_grams, style_weights):
    def of(l):
        return layer_style_loss(target_features[l], style_grams[l], style_weights[l]) / target_features[l][0].numel()
    return reduce(lambda a, b: a + b, map(of, style_weights))

# %% different style-second-style: two styles blended on purpose
second_style_grams = {'conv1_1': torch.zeros(64, 64), 'conv2_1': torch.zeros(128, 128), 'conv3_1': torch.zeros(256, 256),
                      'conv4_1': torch.zeros(512, 512), 'conv5_1': torch.zeros(512, 512)}
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in style_weights:
        _, d, h, w = target_features[layer].shape
        first = layer_style_loss(target_features[layer], style_grams[layer], style_weights[layer])
        second = layer_style_loss(target_features[layer], second_style_grams[layer], style_weights[layer])
        loss += (0.5 * first + 0.5 * second) / (d * h * w)
    return loss

# %% not attempted style-not-attempted: the stub
def style_loss(target_features, style_grams, style_weights):
    loss = None  # TODO 3c
    return loss

# %% not attempted style-not-attempted: the given zero comes back
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in style_weights:
        pass  # TODO
    return loss

# %% wrong style-division-missing: not divided by d·h·w
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in style_weights:
        loss += layer_style_loss(target_features[layer], style_grams[layer], style_weights[layer])
    return loss

# %% wrong style-division-doubled: divided twice
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in style_weights:
        _, d, h, w = target_features[layer].shape
        layer_loss = layer_style_loss(target_features[layer], style_grams[layer], style_weights[layer]) / (d * h * w)
        loss += layer_loss / (d * h * w)
    return loss

# %% wrong style-divided-once: the division after the loop
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in style_weights:
        _, d, h, w = target_features[layer].shape
        loss += layer_style_loss(target_features[layer], style_grams[layer], style_weights[layer])
    return loss / (d * h * w)

# %% wrong style-division-incomplete: by h·w only
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in style_weights:
        _, d, h, w = target_features[layer].shape
        loss += layer_style_loss(target_features[layer], style_grams[layer], style_weights[layer]) / (h * w)
    return loss

# %% wrong style-division-incomplete: a bracket forgotten, so that h·w multiplies
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in style_weights:
        _, d, h, w = target_features[layer].shape
        loss += layer_style_loss(target_features[layer], style_grams[layer], style_weights[layer]) / d * h * w
    return loss

# %% wrong style-division-incomplete: multiplied
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in style_weights:
        _, d, h, w = target_features[layer].shape
        loss += layer_style_loss(target_features[layer], style_grams[layer], style_weights[layer]) * (d * h * w)
    return loss

# %% wrong style-paper-convention: the paper's divisor
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in style_weights:
        _, N, h, w = target_features[layer].shape
        M = h * w
        E = torch.sum((gram_matrix(target_features[layer]) - style_grams[layer])**2) / (4 * N**2 * M**2)
        loss += style_weights[layer] * E
    return loss

# %% wrong style-weight-twice: the layer's weight here again
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in style_weights:
        _, d, h, w = target_features[layer].shape
        layer_loss = layer_style_loss(target_features[layer], style_grams[layer], style_weights[layer])
        loss += style_weights[layer] * layer_loss / (d * h * w)
    return loss

# %% wrong style-weight-missing: 1 for every layer
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in style_weights:
        _, d, h, w = target_features[layer].shape
        loss += layer_style_loss(target_features[layer], style_grams[layer], 1.0) / (d * h * w)
    return loss

# %% wrong style-weight-and-division-missing: neither
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in style_weights:
        loss += torch.mean((gram_matrix(target_features[layer]) - style_grams[layer])**2)
    return loss

# %% wrong style-one-weight: one layer's weight for all
def style_loss(target_features, style_grams, style_weights):
    weight = style_weights['conv1_1']
    return sum(layer_style_loss(target_features[l], style_grams[l], weight) / target_features[l].numel() for l in style_weights)

# %% wrong style-hard-coded: Udacity's weights
def style_loss(target_features, style_grams, style_weights):
    style_weights = {'conv1_1': 1.0, 'conv2_1': 0.75, 'conv3_1': 0.2, 'conv4_1': 0.2, 'conv5_1': 0.2}
    return sum(layer_style_loss(target_features[l], style_grams[l], style_weights[l]) / target_features[l].numel() for l in style_weights)

# %% wrong style-hard-coded: this course's weights
def style_loss(target_features, style_grams, style_weights):
    weights = {'conv1_1': 1.0, 'conv2_1': 0.8, 'conv3_1': 0.5, 'conv4_1': 0.3, 'conv5_1': 0.1}
    return sum(layer_style_loss(target_features[l], style_grams[l], weights[l]) / target_features[l].numel() for l in style_weights)

# %% wrong style-hard-coded: a list of layers
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in ['conv1_1', 'conv2_1', 'conv3_1', 'conv4_1', 'conv5_1']:
        _, d, h, w = target_features[layer].shape
        loss += layer_style_loss(target_features[layer], style_grams[layer], style_weights[layer]) / (d * h * w)
    return loss

# %% wrong style-outside-name: goes on from the call before
total_so_far = 0
def style_loss(target_features, style_grams, style_weights):
    global total_so_far
    for layer in style_weights:
        _, d, h, w = target_features[layer].shape
        total_so_far = total_so_far + layer_style_loss(target_features[layer], style_grams[layer], style_weights[layer]) / (d * h * w)
    return total_so_far

# %% wrong style-only-last-layer: = for +=
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in style_weights:
        _, d, h, w = target_features[layer].shape
        loss = layer_style_loss(target_features[layer], style_grams[layer], style_weights[layer]) / (d * h * w)
    return loss

# %% wrong style-only-first-layer: return inside the loop
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in style_weights:
        _, d, h, w = target_features[layer].shape
        loss += layer_style_loss(target_features[layer], style_grams[layer], style_weights[layer]) / (d * h * w)
        return loss

# %% wrong style-averaged-over-layers: divided by the number of layers
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in style_weights:
        loss += layer_style_loss(target_features[layer], style_grams[layer], style_weights[layer]) / target_features[layer].numel()
    return loss / len(style_weights)

# %% wrong style-content-layer-included: every layer, 1 where there is no weight
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in target_features:
        weight = style_weights.get(layer, 1)
        loss += layer_style_loss(target_features[layer], style_grams[layer], weight) / target_features[layer].numel()
    return loss

# %% wrong style-gram-recomputed: the style Gram made from the target in the loop
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in style_weights:
        style_gram = gram_matrix(target_features[layer])
        loss += layer_style_loss(target_features[layer], style_gram, style_weights[layer]) / target_features[layer].numel()
    return loss

# %% wrong style-summed: sum for mean in each layer
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in style_weights:
        G, A = gram_matrix(target_features[layer]), style_grams[layer]
        loss += style_weights[layer] * torch.sum((G - A)**2) / target_features[layer].numel()
    return loss

# %% wrong style-not-squared: no square in each layer
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in style_weights:
        G, A = gram_matrix(target_features[layer]), style_grams[layer]
        loss += style_weights[layer] * torch.mean(G - A) / target_features[layer].numel()
    return loss

# %% raised style-loops-over-all-layers: over the features
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in target_features:
        _, d, h, w = target_features[layer].shape
        loss += layer_style_loss(target_features[layer], style_grams[layer], style_weights[layer]) / (d * h * w)
    return loss

# %% raised style-whole-dict: all features handed to gram_matrix
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in style_weights:
        target_gram = gram_matrix(target_features)
        loss += style_weights[layer] * torch.mean((target_gram - style_grams[layer])**2)
    return loss

# %% raised style-whole-dict: all Grams handed to layer_style_loss
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in style_weights:
        _, d, h, w = target_features[layer].shape
        loss += layer_style_loss(target_features[layer], style_grams, style_weights[layer]) / (d * h * w)
    return loss

# %% raised style-layers-mixed: always the first layer's Gram
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in style_weights:
        loss += layer_style_loss(target_features[layer], style_grams['conv1_1'], style_weights[layer]) / target_features[layer].numel()
    return loss

# %% raised style-unknown-layer: a typo
def style_loss(target_features, style_grams, style_weights):
    return layer_style_loss(target_features['conv1-1'], style_grams['conv1-1'], style_weights['conv1-1'])

# %% raised style-index-for-name: indices for names
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for i in range(len(style_weights)):
        loss += layer_style_loss(target_features[i], style_grams[i], style_weights[i])
    return loss

# %% raised style-unpacking: three names for four sizes
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in style_weights:
        d, h, w = target_features[layer].shape
        loss += layer_style_loss(target_features[layer], style_grams[layer], style_weights[layer]) / (d * h * w)
    return loss

# %% raised style-shape-called: shape with parentheses
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in style_weights:
        _, d, h, w = target_features[layer].shape()
        loss += layer_style_loss(target_features[layer], style_grams[layer], style_weights[layer]) / (d * h * w)
    return loss

# %% raised style-name-not-set: the helper's name used for its result
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in style_weights:
        layer_style_loss = layer_style_loss(target_features[layer], style_grams[layer], style_weights[layer])
        loss += layer_style_loss / target_features[layer].numel()
    return loss

# %% raised style-name-not-set: the sum does not start anywhere
def style_loss(target_features, style_grams, style_weights):
    for layer in style_weights:
        loss += layer_style_loss(target_features[layer], style_grams[layer], style_weights[layer]) / target_features[layer].numel()
    return loss

# %% raised style-unknown-name: a typo
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in style_weights:
        loss += layer_style_los(target_features[layer], style_grams[layer], style_weights[layer])
    return loss

# %% raised style-none-left: a None left in the loop
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in style_weights:
        _, d, h, w = target_features[layer].shape
        this_layer = None  # TODO
        loss += this_layer / (d * h * w)
    return loss

# %% wrong style-python-float: each layer's number added
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in style_weights:
        loss += layer_style_loss(target_features[layer], style_grams[layer], style_weights[layer]).item() / target_features[layer].numel()
    return loss

# %% wrong style-detached: made a tensor again
def style_loss(target_features, style_grams, style_weights):
    losses = [layer_style_loss(target_features[l], style_grams[l], style_weights[l]) / target_features[l].numel() for l in style_weights]
    return torch.tensor(losses).sum()

# %% wrong style-wrong-gradient: one layer's gradient cut
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in style_weights:
        part = layer_style_loss(target_features[layer], style_grams[layer], style_weights[layer]) / target_features[layer].numel()
        loss += part.detach() if layer == 'conv2_1' else part
    return loss

# %% wrong style-input-modified: the Grams change
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer in style_weights:
        style_grams[layer] = style_grams[layer] / target_features[layer].numel()
        loss += layer_style_loss(target_features[layer], style_grams[layer], style_weights[layer])
    return loss

# %% wrong style-outside-name: the notebook's weights and Grams, an argument unused
notebook_grams = {'conv1_1': torch.ones(2, 2), 'conv2_1': torch.ones(3, 3), 'conv3_1': torch.ones(5, 5), 'conv4_1': torch.ones(7, 7), 'conv5_1': torch.ones(4, 4)}
def style_loss(target_features, style_grams, style_weights):
    return sum(layer_style_loss(target_features[l], notebook_grams[l], style_weights[l]) / target_features[l].numel() for l in style_weights)
