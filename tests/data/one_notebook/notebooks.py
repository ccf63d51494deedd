"""A solved notebook, cell by cell, with the assignment's names; nothing of coursekit is in it."""

FEATURES = """\
def get_features(image, model, layers=None):
    # the layers of the paper
    if layers is None:
        layers = {'0': 'conv1_1',
                  '5': 'conv2_1',
                  '10': 'conv3_1',
                  '19': 'conv4_1',
                  '21': 'conv4_2',  # content
                  '28': 'conv5_1'}
    features = {}
    x = image
    for name, layer in model._modules.items():
        x = layer(x)
        if name in layers:
            features[layers[name]] = x
    return features"""
GRAM = """\
def gram_matrix(tensor):
    _, d, h, w = tensor.size()
    tensor = tensor.view(d, h * w)
    gram = torch.mm(tensor, tensor.t())
    return gram"""
LOOP = """\
show_every = 400
optimizer = optim.Adam([target], lr=0.003)
steps = 2000
loss_history = []
for ii in range(1, steps+1):
    target_features = get_features(target, vgg)
    content_loss = torch.mean((target_features['conv4_2'] - content_features['conv4_2'])**2)
    style_loss = 0
    for layer in style_weights:
        target_feature = target_features[layer]
        target_gram = gram_matrix(target_feature)
        _, d, h, w = target_feature.shape
        style_gram = style_grams[layer]
        layer_style_loss = style_weights[layer] * torch.mean((target_gram - style_gram)**2)
        style_loss += layer_style_loss / (d * h * w)
    total_loss = content_weight * content_loss + style_weight * style_loss
    optimizer.zero_grad()
    total_loss.backward()
    optimizer.step()
    loss_history.append(total_loss.item())
    if ii % show_every == 0:
        print('Total loss: ', total_loss.item())
        plt.imshow(im_convert(target))
        plt.show()"""
IMPORTS = """\
%matplotlib inline
from PIL import Image
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.optim as optim
from torchvision import transforms, models"""
VGG = """\
vgg = models.vgg19(pretrained=True).features
for param in vgg.parameters():
    param.requires_grad_(False)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
vgg.to(device)"""
PICTURES = """\
content = load_image('images/my_dog.jpg').to(device)
style = load_image('D:/Pictures/night.png', shape=content.shape[-2:]).to(device)"""
BEFORE = """\
content_features = get_features(content, vgg)
style_features = get_features(style, vgg)
style_grams = {layer: gram_matrix(style_features[layer]) for layer in style_features}
target = content.clone().requires_grad_(True).to(device)"""
WEIGHTS = """\
style_weights = {'conv1_1': 1., 'conv2_1': 0.75, 'conv3_1': 0.2, 'conv4_1': 0.2, 'conv5_1': 0.2}
content_weight = 1
style_weight = 1e6"""
CURVE = """\
plt.figure(figsize=(10, 5))
plt.plot(loss_history)
plt.title('Total Loss Over Iterations')
plt.savefig('images/loss_curve_base.jpg')"""
CELLS = {
    "imports": IMPORTS, "vgg": VGG, "pictures": PICTURES, "features": FEATURES, "gram": GRAM,
    "before": BEFORE, "weights": WEIGHTS, "loop": LOOP, "curve": CURVE,
}  # fmt: skip


def document(cells=CELLS, minor=2, kernel="conda-env-dl-py", texts=True, outputs=()):
    """A notebook of these code cells, as JSON.

    Args:
        cells: {name: source}, in order.
        minor: of the format 4.
        kernel: the name of the student's.
        texts: put a text before each cell.
        outputs: of every code cell.
    """
    made = []
    for number, (name, source) in enumerate(cells.items(), start=1):
        if texts:
            made.append({"cell_type": "markdown", "metadata": {}, "source": [f"### {name}\n"]})
        made.append({
            "cell_type": "code", "metadata": {"collapsed": False}, "execution_count": number,
            "source": source.splitlines(keepends=True), "outputs": list(outputs),
        })  # fmt: skip
    if minor >= 5:
        for number, cell in enumerate(made):
            cell["id"] = f"{number:08x}"
    spec = {"name": kernel, "display_name": kernel, "language": "python"}
    return {"cells": made, "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": minor}
