# ruff: noqa
# fmt: off
# Answers to TODO `content_loss`; see README.md.

# %% passed: as in the assignment
def content_loss(target_features, content_features):
    return torch.mean((target_features['conv4_2'] - content_features['conv4_2'])**2)

# %% passed: F.mse_loss
def content_loss(target_features, content_features):
    loss = F.mse_loss(target_features['conv4_2'], content_features['conv4_2'])
    return loss

# %% passed: nn.MSELoss, operands swapped
def content_loss(target_features, content_features):
    criterion = nn.MSELoss()
    return criterion(content_features['conv4_2'], target_features['conv4_2'])

# %% passed: by the norm
def content_loss(target_features, content_features):
    diff = target_features['conv4_2'] - content_features['conv4_2']
    return torch.norm(diff) ** 2 / diff.numel()

# %% passed: sum divided by the sizes
def content_loss(a, b):
    layer = 'conv4_2'
    _, d, h, w = a[layer].shape
    return torch.sum(torch.square(b[layer] - a[layer])) / (d * h * w)

# %% passed: a loop over channels, float64 inside
def content_loss(target_features, content_features):
    T, C = target_features['conv4_2'].double(), content_features['conv4_2'].double()
    total = 0
    for i in range(T.shape[1]):
        total += ((T[0, i] - C[0, i]) ** 2).mean()
    return total / T.shape[1]

# %% passed: shape (1,)
def content_loss(target_features, content_features):
    diff = (target_features['conv4_2'] - content_features['conv4_2']).flatten(1)
    return diff.pow(2).mean(dim=1)

# %% passed: reduction sum, divided by hand
def content_loss(target_features, content_features):
    P = content_features['conv4_2'].detach()
    return F.mse_loss(target_features['conv4_2'], P, reduction='sum') / P.nelement()

# %% passed: the square written out
def content_loss(target_features, content_features):
    t, c = target_features['conv4_2'], content_features['conv4_2']
    return (t * t - 2 * t * c + c * c).mean()

# %% passed: einsum
def content_loss(target_features, content_features):
    diff = target_features.get('conv4_2') - content_features.get('conv4_2')
    return torch.einsum('bchw,bchw->', diff, diff) / diff.numel()

# %% not attempted content-not-attempted: the stub
def content_loss(target_features, content_features):
    loss = None  # TODO 3a
    return loss

# %% not attempted content-not-attempted: zero
def content_loss(target_features, content_features):
    loss = 0
    return loss

# %% wrong content-squared-too-early: mean(t − c**2), seen in real copies
def content_loss(target_features, content_features):
    return torch.mean(target_features['conv4_2'] - content_features['conv4_2']**2)

# %% wrong content-difference-of-squares: each squared
def content_loss(target_features, content_features):
    return torch.mean(target_features['conv4_2']**2 - content_features['conv4_2']**2)

# %% wrong content-wrong-layer: conv4_1, of the same shape
def content_loss(target_features, content_features):
    return torch.mean((target_features['conv4_1'] - content_features['conv4_1'])**2)

# %% wrong content-wrong-layer: conv5_1
def content_loss(target_features, content_features):
    return F.mse_loss(target_features['conv5_1'], content_features['conv5_1'])

# %% wrong content-all-layers: summed over all layers
def content_loss(target_features, content_features):
    loss = 0
    for layer in content_features:
        loss += torch.mean((target_features[layer] - content_features[layer])**2)
    return loss

# %% wrong content-all-layers: averaged over all layers
def content_loss(target_features, content_features):
    return sum(F.mse_loss(target_features[l], content_features[l]) for l in target_features) / len(target_features)

# %% wrong content-summed: sum for mean
def content_loss(target_features, content_features):
    return torch.sum((target_features['conv4_2'] - content_features['conv4_2'])**2)

# %% wrong content-half-sum: the paper's
def content_loss(target_features, content_features):
    return 0.5 * torch.sum((target_features['conv4_2'] - content_features['conv4_2'])**2)

# %% wrong content-halved: half the mean
def content_loss(target_features, content_features):
    return 0.5 * torch.mean((target_features['conv4_2'] - content_features['conv4_2'])**2)

# %% wrong content-not-squared: forgotten
def content_loss(target_features, content_features):
    return torch.mean(target_features['conv4_2'] - content_features['conv4_2'])

# %% wrong content-absolute: abs
def content_loss(target_features, content_features):
    return torch.abs(target_features['conv4_2'] - content_features['conv4_2']).mean()

# %% wrong content-absolute: F.l1_loss
def content_loss(target_features, content_features):
    return F.l1_loss(target_features['conv4_2'], content_features['conv4_2'])

# %% wrong content-squared-after-mean: a bracket in the wrong place
def content_loss(target_features, content_features):
    return torch.mean(target_features['conv4_2'] - content_features['conv4_2'])**2

# %% wrong content-root: the norm itself
def content_loss(target_features, content_features):
    return torch.norm(target_features['conv4_2'] - content_features['conv4_2'])

# %% wrong content-root: the root of the mean
def content_loss(target_features, content_features):
    return torch.sqrt(F.mse_loss(target_features['conv4_2'], content_features['conv4_2']))

# %% wrong content-added: plus for minus
def content_loss(target_features, content_features):
    return torch.mean((target_features['conv4_2'] + content_features['conv4_2'])**2)

# %% wrong content-negated: minus in front
def content_loss(target_features, content_features):
    return -torch.mean((target_features['conv4_2'] - content_features['conv4_2'])**2)

# %% wrong content-one-side: the content is not used
def content_loss(target_features, content_features):
    return torch.mean(target_features['conv4_2']**2)

# %% wrong content-compared-with-itself: target for content
def content_loss(target_features, content_features):
    return torch.mean((target_features['conv4_2'] - target_features['conv4_2'])**2)

# %% wrong content-of-grams: Gram matrices compared
def content_loss(target_features, content_features):
    return torch.mean((gram_matrix(target_features['conv4_2']) - gram_matrix(content_features['conv4_2']))**2)

# %% wrong content-not-reduced: no mean
def content_loss(target_features, content_features):
    return (target_features['conv4_2'] - content_features['conv4_2'])**2

# %% wrong content-detached: the target detached
def content_loss(target_features, content_features):
    return torch.mean((target_features['conv4_2'].detach() - content_features['conv4_2'])**2)

# %% wrong content-detached: wrapped in a new tensor
def content_loss(target_features, content_features):
    loss = torch.mean((target_features['conv4_2'] - content_features['conv4_2'])**2)
    return torch.tensor(loss)

# %% wrong content-python-float: item
def content_loss(target_features, content_features):
    return torch.mean((target_features['conv4_2'] - content_features['conv4_2'])**2).item()

# %% wrong content-not-a-tensor: a tuple by a comma
def content_loss(target_features, content_features):
    return torch.mean((target_features['conv4_2'] - content_features['conv4_2'])**2),

# %% wrong content-input-modified: in place
def content_loss(target_features, content_features):
    diff = target_features['conv4_2']
    diff -= content_features['conv4_2']
    return torch.mean(diff**2)

# %% wrong content-input-modified: taken out of the dict
def content_loss(target_features, content_features):
    return F.mse_loss(target_features['conv4_2'], content_features.pop('conv4_2'))

# %% raised content-unknown-layer: misspelt
def content_loss(target_features, content_features):
    return torch.mean((target_features['conv4-2'] - content_features['conv4-2'])**2)

# %% raised content-index-for-name: the index of the mapping
def content_loss(target_features, content_features):
    return torch.mean((target_features['21'] - content_features['21'])**2)

# %% raised content-whole-dict: the dicts themselves
def content_loss(target_features, content_features):
    return torch.mean((target_features - content_features)**2)

# %% raised content-whole-dict: the dicts to mse_loss
def content_loss(target_features, content_features):
    return F.mse_loss(target_features, content_features)

# %% raised content-name-not-set: its own name inside
def content_loss(target_features, content_features):
    content_loss = content_loss + torch.mean((target_features['conv4_2'] - content_features['conv4_2'])**2)
    return content_loss

# %% wrong content-outside-name: the notebook's content
content_features_ = {'conv4_2': torch.full((1, 7, 2, 3), 0.5)}
def content_loss(target_features, content_features):
    return torch.mean((target_features['conv4_2'] - content_features_['conv4_2'])**2)

# %% raised content-outside-name: the notebook's features, of real size
features = {'conv4_2': torch.zeros(1, 512, 50, 50)}
def content_loss(target_features, content_features):
    return torch.mean((target_features['conv4_2'] - features['conv4_2'])**2)

# %% wrong content-hard-coded: the number of values written down
def content_loss(target_features, content_features):
    return torch.sum((target_features['conv4_2'] - content_features['conv4_2'])**2) / 42

# %% wrong content-wrong-value: something else
def content_loss(target_features, content_features):
    return torch.mean((target_features['conv4_2'] - content_features['conv4_2'])**4)

# %% wrong content-wrong-value: a Huber loss
def content_loss(target_features, content_features):
    return 2 * F.huber_loss(target_features["conv4_2"], content_features["conv4_2"], delta=8.0)
