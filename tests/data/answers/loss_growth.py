# ruff: noqa
# fmt: off
# Answers to TODO `loss_growth`; see README.md.

# %% passed: as powers of the copies
def loss_growth(copies):
    return {
        "content_loss": 1,
        "layer_style_loss": copies**2,
        "style_loss": copies,
        "paper_layer_loss": copies**2 / copies**2,
    }

# %% passed: measured, not derived
def loss_growth(copies):
    torch.manual_seed(0)
    F, P = torch.rand(1, 3, 4, 5).double(), torch.rand(1, 3, 4, 5).double()

    def losses(F, P):
        layer = layer_style_loss(F, gram_matrix(P), 1)
        content = ((F - P) ** 2).mean()
        n, m = F.shape[1], F.shape[2] * F.shape[3]
        return content, layer, layer / F.numel(), layer * n**2 / (4 * n**2 * m**2)

    one = losses(F, P)
    more = losses(torch.cat([F] * copies, 3), torch.cat([P] * copies, 3))
    names = ("content_loss", "layer_style_loss", "style_loss", "paper_layer_loss")
    return {n: float(b / a) for n, a, b in zip(names, one, more)}

# %% not attempted growth-not-attempted: the stub
def loss_growth(copies):
    return {
        "content_loss": None,
        "layer_style_loss": None,
        "style_loss": None,
        "paper_layer_loss": None,
    }

# %% wrong growth-not-a-dict: a list
def loss_growth(copies):
    return [1, copies**2, copies, 1]

# %% wrong growth-missing-entry: one is left
def loss_growth(copies):
    return {"content_loss": 1, "layer_style_loss": copies**2, "style_loss": None, "paper_layer_loss": 1}

# %% wrong growth-not-a-number: a text
def loss_growth(copies):
    return {"content_loss": "the same", "layer_style_loss": 4, "style_loss": 2, "paper_layer_loss": 1}

# %% wrong growth-content-grows: a sum in mind
def loss_growth(copies):
    return {"content_loss": copies, "layer_style_loss": copies**2, "style_loss": copies, "paper_layer_loss": 1}

# %% wrong growth-layer-style-growth: the square forgotten
def loss_growth(copies):
    return {"content_loss": 1, "layer_style_loss": copies, "style_loss": copies, "paper_layer_loss": 1}

# %% wrong growth-style-growth: the division makes sizes equal
def loss_growth(copies):
    return {"content_loss": 1, "layer_style_loss": copies**2, "style_loss": 1, "paper_layer_loss": 1}

# %% wrong growth-paper-growth: as the course's
def loss_growth(copies):
    return {"content_loss": 1, "layer_style_loss": copies**2, "style_loss": copies, "paper_layer_loss": copies}

# %% wrong growth-hard-coded: for three copies
def loss_growth(copies):
    return {"content_loss": 1, "layer_style_loss": 9, "style_loss": 3, "paper_layer_loss": 1}
