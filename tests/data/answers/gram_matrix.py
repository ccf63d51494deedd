# ruff: noqa
# fmt: off
# Answers to TODO `gram_matrix`; see README.md.

# %% passed: as in the assignment
def gram_matrix(tensor):
    _, d, h, w = tensor.size()
    tensor = tensor.view(d, h * w)
    gram = torch.mm(tensor, tensor.t())
    return gram

# %% passed: reshape, -1 and .T
def gram_matrix(tensor):
    F = tensor.reshape(tensor.shape[1], -1)
    return F @ F.T

# %% passed: b*d flattened together
def gram_matrix(tensor):
    b, d, h, w = tensor.shape
    features = tensor.view(b * d, h * w)
    return torch.matmul(features, features.transpose(0, 1))

# %% passed: (1, d, d) by bmm
def gram_matrix(tensor):
    b, c, h, w = tensor.size()
    f = tensor.view(b, c, h * w)
    return f.bmm(f.transpose(1, 2))

# %% passed: einsum over height and width
def gram_matrix(tensor):
    return torch.einsum('bchw,bdhw->cd', tensor, tensor)

# %% passed: einsum with a batch
def gram_matrix(x):
    return torch.einsum('bihw,bjhw->bij', x, x)

# %% passed: two loops
def gram_matrix(tensor):
    _, d, h, w = tensor.shape
    rows = [tensor[0, i].flatten() for i in range(d)]
    return torch.stack([torch.stack([torch.dot(a, b) for b in rows]) for a in rows])

# %% passed: a loop that fills a matrix
def gram_matrix(tensor):
    d = tensor.size(1)
    result = torch.zeros(d, d)
    for i in range(d):
        for j in range(d):
            result[i, j] = (tensor[0, i] * tensor[0, j]).sum()
    return result

# %% passed: float64 inside
def gram_matrix(tensor):
    _, d, h, w = tensor.shape
    t = tensor.double().view(d, h * w)
    return torch.mm(t, t.t()).float()

# %% passed: float64 comes out
def gram_matrix(tensor):
    t = tensor.squeeze(0).flatten(1).double()
    return t @ t.T

# %% passed: positions first, operands swapped
def gram_matrix(tensor):
    _, d, h, w = tensor.shape
    positions = tensor.permute(0, 2, 3, 1).reshape(h * w, d)
    return torch.mm(positions.t(), positions)

# %% passed: tensordot
def gram_matrix(tensor):
    return torch.tensordot(tensor[0], tensor[0], dims=([1, 2], [1, 2]))

# %% passed: broadcasting
def gram_matrix(tensor):
    t = tensor.flatten(start_dim=2)[0]
    return (t[:, None, :] * t[None, :, :]).sum(-1)

# %% passed: a linear layer whose weights are the features
def gram_matrix(tensor):
    rows = tensor.flatten(2).squeeze(0)
    return F.linear(rows, rows)

# %% passed: inner products of unfolded rows
def gram_matrix(tensor):
    d = tensor.shape[1]
    rows = torch.cat([channel.reshape(1, -1) for channel in tensor[0].unbind(0)])
    gram = torch.inner(rows, rows)
    assert gram.shape == (d, d)
    return gram

# %% passed: position by position, outer products added up
def gram_matrix(tensor):
    _, d, h, w = tensor.shape
    gram = 0
    for y in range(h):
        for x in range(w):
            v = tensor[0, :, y, x]
            gram = gram + torch.outer(v, v)
    return gram

# %% passed: prints for debugging, and an own name for everything
def gram_matrix(Eingabe):
    anzahl = Eingabe.shape
    print("shape:", anzahl)
    flach = torch.flatten(Eingabe, 2).squeeze()
    ergebnis = flach.matmul(flach.transpose(-2, -1))
    print(ergebnis)
    return ergebnis

# %% passed: a lambda
gram_matrix = lambda t: t.view(t.size(1), -1).mm(t.view(t.size(1), -1).t())

# %% passed: a module
class Gram(nn.Module):
    def forward(self, x):
        x = x.flatten(2)
        return x @ x.mT
gram_matrix = Gram()

# %% passed: with a default that the lesson never gives
def gram_matrix(tensor, normalise=False):
    _, d, h, w = tensor.shape
    g = tensor.view(d, -1) @ tensor.view(d, -1).t()
    return g / (d * h * w) if normalise else g

# %% passed: seeds the random numbers
def gram_matrix(tensor):
    torch.manual_seed(0)
    torch.rand(5)
    t = tensor.contiguous().view(tensor.shape[1], -1)
    return torch.addmm(torch.zeros(t.shape[0], t.shape[0]), t, t.t())

# %% passed: gradients switched off for the notebook, but not for the function
torch.set_grad_enabled(False)
def gram_matrix(tensor):
    t = tensor.view(tensor.size(1), -1)
    return t @ t.t()

# %% not attempted gram-not-attempted: the stub
def gram_matrix(tensor):
    gram = None  # TODO 2
    return gram

# %% not attempted gram-not-attempted: the name alone
gram_matrix = None  # TODO 2

# %% not attempted gram-not-attempted: three dots
gram_matrix = ...

# %% not attempted gram-not-attempted: NotImplemented for NotImplementedError
def gram_matrix(tensor):
    return NotImplemented

# %% not attempted gram-not-attempted: pass
def gram_matrix(tensor):
    pass

# %% not attempted gram-not-attempted: sizes are read, as given
def gram_matrix(tensor):
    _, d, h, w = tensor.size()
    gram = ...
    return gram

# %% not attempted gram-not-attempted: raises NotImplementedError
def gram_matrix(tensor):
    raise NotImplementedError("TODO 2")

# %% not attempted gram-kit-version: imported from the kit
from styletools import gram_matrix

# %% wrong gram-no-return: no return
def gram_matrix(tensor):
    _, d, h, w = tensor.size()
    tensor = tensor.view(d, h * w)
    gram = torch.mm(tensor, tensor.t())

# %% wrong gram-not-a-function: the result has the function's name
features = torch.zeros(3, 35)
gram_matrix = features @ features.t()

# %% wrong gram-parameters: more arguments
def gram_matrix(tensor, d, h, w):
    t = tensor.view(d, h * w)
    return t @ t.t()

# %% raised gram-size-not-called: size without parentheses
def gram_matrix(tensor):
    _, d, h, w = tensor.size
    tensor = tensor.view(d, h * w)
    return torch.mm(tensor, tensor.t())

# %% raised gram-size-not-called: size with an index
def gram_matrix(tensor):
    t = tensor.view(tensor.size[1], -1)
    return t @ t.t()

# %% raised gram-shape-called: shape with parentheses
def gram_matrix(tensor):
    _, d, h, w = tensor.shape()
    t = tensor.view(d, h * w)
    return t @ t.t()

# %% raised gram-unpacking: the batch forgotten
def gram_matrix(tensor):
    d, h, w = tensor.size()
    t = tensor.view(d, h * w)
    return t @ t.t()

# %% raised gram-not-transposed: F times F
def gram_matrix(tensor):
    _, d, h, w = tensor.size()
    tensor = tensor.view(d, h * w)
    return torch.mm(tensor, tensor)

# %% raised gram-not-transposed: bmm without transposing
def gram_matrix(tensor):
    b, d, h, w = tensor.size()
    t = tensor.view(b, d, h * w)
    return torch.bmm(t, t)

# %% raised gram-not-flattened: the four-dimensional tensor by itself
def gram_matrix(tensor):
    return tensor @ tensor

# %% raised gram-not-flattened: t() of four dimensions
def gram_matrix(tensor):
    return torch.matmul(tensor, tensor.t())

# %% wrong gram-not-flattened: every channel's picture by itself
def gram_matrix(tensor):
    return torch.matmul(tensor, tensor.transpose(2, 3))

# %% wrong gram-not-flattened: the same without the batch
def gram_matrix(tensor):
    t = tensor.squeeze()
    return torch.bmm(t, t.transpose(1, 2))

# %% wrong gram-elementwise: * for @
def gram_matrix(tensor):
    _, d, h, w = tensor.size()
    t = tensor.view(d, h * w)
    return t * t

# %% wrong gram-elementwise: squared
def gram_matrix(tensor):
    return tensor ** 2

# %% wrong gram-over-positions: the first factor transposed
def gram_matrix(tensor):
    _, d, h, w = tensor.size()
    t = tensor.view(d, h * w)
    return torch.mm(t.t(), t)

# %% wrong gram-over-positions: einsum sums over the channels
def gram_matrix(tensor):
    t = tensor.flatten(2)
    return torch.einsum('bci,bcj->bij', t, t)

# %% wrong gram-wrong-reshape: h*w first, so that channels are mixed
def gram_matrix(tensor):
    _, d, h, w = tensor.size()
    t = tensor.view(h * w, d)
    return torch.mm(t.t(), t)

# %% wrong gram-wrong-reshape: h*w first, and the wrong product
def gram_matrix(tensor):
    _, d, h, w = tensor.size()
    t = tensor.view(h * w, d)
    return torch.mm(t, t.t())

# %% wrong gram-wrong-reshape: d*h and w
def gram_matrix(tensor):
    _, d, h, w = tensor.size()
    t = tensor.view(d * h, w)
    return torch.mm(t, t.t())

# %% wrong gram-wrong-reshape: sizes named in the wrong order
def gram_matrix(tensor):
    _, h, w, d = tensor.size()
    t = tensor.view(d, h * w)
    return torch.mm(t, t.t())

# %% wrong gram-wrong-reshape: permuted before reshape
def gram_matrix(tensor):
    _, d, h, w = tensor.shape
    t = tensor.permute(0, 2, 3, 1).reshape(d, h * w)
    return t @ t.T

# %% raised gram-wrong-reshape: a width forgotten
def gram_matrix(tensor):
    _, d, h, w = tensor.size()
    t = tensor.view(d, h)
    return torch.mm(t, t.t())

# %% raised gram-view-of-permuted: view after permute
def gram_matrix(tensor):
    _, d, h, w = tensor.size()
    t = tensor.permute(0, 2, 3, 1).view(d, h * w)
    return torch.mm(t, t.t())

# %% wrong gram-only-reshaped: flattened, not multiplied
def gram_matrix(tensor):
    _, d, h, w = tensor.size()
    tensor = tensor.view(d, h * w)
    return tensor

# %% wrong gram-only-diagonal: a channel with itself only
def gram_matrix(tensor):
    t = tensor.flatten(2)[0]
    return (t * t).sum(dim=1)

# %% wrong gram-summed-up: one number
def gram_matrix(tensor):
    t = tensor.flatten(2)[0]
    return torch.sum(t @ t.t())

# %% wrong gram-normalised: divided by all sizes
def gram_matrix(tensor):
    _, d, h, w = tensor.size()
    t = tensor.view(d, h * w)
    return torch.mm(t, t.t()) / (d * h * w)

# %% wrong gram-normalised: divided by the positions
def gram_matrix(tensor):
    b, d, h, w = tensor.size()
    t = tensor.view(b * d, h * w)
    return torch.mm(t, t.t()).div(h * w)

# %% wrong gram-normalised: cosines
def gram_matrix(tensor):
    t = F.normalize(tensor.flatten(2)[0], dim=1)
    return t @ t.t()

# %% wrong gram-centred: a covariance
def gram_matrix(tensor):
    t = tensor.flatten(2)[0]
    t = t - t.mean(dim=1, keepdim=True)
    return t @ t.t()

# %% wrong gram-detached: detach
def gram_matrix(tensor):
    _, d, h, w = tensor.size()
    t = tensor.detach().view(d, h * w)
    return torch.mm(t, t.t())

# %% wrong gram-detached: no_grad
def gram_matrix(tensor):
    with torch.no_grad():
        t = tensor.view(tensor.size(1), -1)
        return t @ t.T

# %% wrong gram-detached: by way of numpy and back
def gram_matrix(tensor):
    t = tensor.detach().numpy().reshape(tensor.shape[1], -1)
    return torch.from_numpy(t @ t.T)

# %% wrong gram-wrong-gradient: one factor's data
def gram_matrix(tensor):
    t = tensor.view(tensor.size(1), -1)
    return t @ t.data.T

# %% wrong gram-not-a-tensor: numpy
def gram_matrix(tensor):
    t = tensor.detach().numpy().reshape(tensor.shape[1], -1)
    return np.dot(t, t.T)

# %% wrong gram-not-a-tensor: a list
def gram_matrix(tensor):
    t = tensor.flatten(2)[0]
    return [[float(torch.dot(a, b)) for b in t] for a in t]

# %% raised gram-numpy: numpy without detach
def gram_matrix(tensor):
    t = tensor.numpy().reshape(tensor.shape[1], -1)
    return np.dot(t, t.T)

# %% raised gram-hard-coded: conv1_1's channels as a number
def gram_matrix(tensor):
    t = tensor.view(64, -1)
    return torch.mm(t, t.t())

# %% raised gram-hard-coded: the sizes of a 400 × 400 picture
def gram_matrix(tensor):
    t = tensor.reshape(64, 400 * 400)
    return torch.mm(t, t.t())

# %% wrong gram-hard-coded: right for three channels only
def gram_matrix(tensor):
    t = tensor.view(3, -1)
    return t @ t.t()

# %% raised gram-changed-in-place: a leaf in place
def gram_matrix(tensor):
    t = tensor.detach().clone().requires_grad_()
    t /= t.numel()
    return t.view(t.size(1), -1) @ t.view(t.size(1), -1).t()

# %% wrong gram-input-modified: normalised in place
def gram_matrix(tensor):
    _, d, h, w = tensor.size()
    tensor /= d * h * w
    t = tensor.view(d, h * w)
    return t @ t.t()

# %% wrong gram-input-modified: the batch squeezed in place
def gram_matrix(tensor):
    t = tensor.squeeze_(0).flatten(1)
    return t @ t.t()

# %% raised gram-wrong-dimensions: mm of four dimensions
def gram_matrix(tensor):
    return torch.mm(tensor, tensor)

# %% raised gram-wrong-dimensions: bmm of a matrix
def gram_matrix(tensor):
    t = tensor.view(tensor.size(1), -1)
    return torch.bmm(t, t.t())

# %% raised gram-factors-do-not-fit: two reshapes that do not match
def gram_matrix(tensor):
    _, d, h, w = tensor.size()
    return torch.mm(tensor.view(d, h * w), tensor.view(d * h, w))

# %% raised gram-unknown-name: a typo
def gram_matrix(tensor):
    _, d, h, w = tensor.size()
    tensr = tensor.view(d, h * w)
    return torch.mm(tensro, tensr.t())

# %% raised gram-unknown-name: sizes from nowhere
def gram_matrix(tensor):
    t = tensor.view(d, h * w)
    return torch.mm(t, t.t())

# %% raised gram-endless-recursion: calls itself
def gram_matrix(tensor):
    t = tensor.view(tensor.size(1), -1)
    return gram_matrix(t.unsqueeze(0).unsqueeze(0))

# %% raised gram-none-left: half of the stub is left
def gram_matrix(tensor):
    _, d, h, w = tensor.size()
    features = None  # TODO: reshape
    gram = torch.mm(features, features.t())
    return gram

# %% raised gram-raised: leaves Python
def gram_matrix(tensor):
    exit()

# %% raised gram-raised: another error
def gram_matrix(tensor):
    t = tensor.view(tensor.size(1), -1)
    return t.mm(t.transpose())

# %% wrong gram-not-finite: divided by zero
def gram_matrix(tensor):
    b, d, h, w = tensor.shape
    t = tensor.view(d, -1)
    return t @ t.T / (b - 1)

# %% wrong gram-wrong-value: something else
def gram_matrix(tensor):
    t = tensor.view(tensor.size(1), -1)
    return t @ t.t() + 1

# %% wrong gram-wrong-value: with the sign turned
def gram_matrix(tensor):
    t = tensor.flatten(2)[0]
    return -t @ t.t()

# %% wrong gram-wrong-shape: positions by channels
def gram_matrix(tensor):
    t = tensor.flatten(2)[0]
    return torch.cat([t @ t.t(), t @ t.t()])

# %% wrong gram-wrong-shape: nothing at all
def gram_matrix(tensor):
    return torch.empty(0)

# %% wrong gram-outside-name: a variable of the notebook
features = torch.ones(1, 4, 6, 6)
def gram_matrix(tensor):
    t = features.view(4, -1)
    return t @ t.t()

# %% wrong gram-wrong-value: limited to [-5, 5]
def gram_matrix(tensor):
    _, d, h, w = tensor.shape
    t = tensor.clamp(-5, 5).view(d, h * w)
    return t @ t.T

# %% wrong gram-wrong-value: sixteen channels
def gram_matrix(tensor):
    _, d, h, w = tensor.shape
    t = tensor.reshape(d, h * w)[:16]
    return t @ t.T

# %% wrong gram-wrong-value: in half precision
def gram_matrix(tensor):
    _, d, h, w = tensor.shape
    t = tensor.half().view(d, h * w)
    return t @ t.T

# %% wrong gram-wrong-value: a crop left over
def gram_matrix(tensor):
    t = tensor[..., :20, :20].flatten(2)[0]
    return t @ t.T

# %% wrong gram-wrong-value: a constant added
def gram_matrix(tensor):
    _, d, h, w = tensor.shape
    t = tensor.view(d, h * w)
    return t @ t.T + 0.4
