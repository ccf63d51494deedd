# ruff: noqa
# fmt: off
# Answers to TODO `layers`; see README.md.

# %% passed: the assignment's six
layers = {'0': 'conv1_1', '5': 'conv2_1', '10': 'conv3_1', '19': 'conv4_1', '21': 'conv4_2', '28': 'conv5_1'}

# %% passed: in another order
layers = {'28': 'conv5_1', '21': 'conv4_2', '19': 'conv4_1', '10': 'conv3_1', '5': 'conv2_1', '0': 'conv1_1'}

# %% passed: all sixteen convolutions
layers = {
    '0': 'conv1_1', '2': 'conv1_2',
    '5': 'conv2_1', '7': 'conv2_2',
    '10': 'conv3_1', '12': 'conv3_2', '14': 'conv3_3', '16': 'conv3_4',
    '19': 'conv4_1', '21': 'conv4_2', '23': 'conv4_3', '25': 'conv4_4',
    '28': 'conv5_1', '30': 'conv5_2', '32': 'conv5_3', '34': 'conv5_4',
}

# %% passed: filled in one by one
layers = {'0': 'conv1_1'}
layers['5'] = 'conv2_1'
layers['10'] = 'conv3_1'
layers['19'] = 'conv4_1'
layers['21'] = 'conv4_2'  # content
layers['28'] = 'conv5_1'

# %% passed: made from two lists
indices = [0, 5, 10, 19, 21, 28]
names = ['conv1_1', 'conv2_1', 'conv3_1', 'conv4_1', 'conv4_2', 'conv5_1']
layers = {str(i): n for i, n in zip(indices, names)}

# %% passed: another kind of dict
from collections import OrderedDict
layers = OrderedDict([('0', 'conv1_1'), ('5', 'conv2_1'), ('10', 'conv3_1'),
                      ('19', 'conv4_1'), ('21', 'conv4_2'), ('28', 'conv5_1')])

# %% not attempted mapping-not-attempted: the stub
layers = {'0': 'conv1_1'}  # TODO 1

# %% not attempted mapping-not-attempted: an empty dict
layers = {}

# %% not attempted mapping-not-attempted: None
layers = None

# %% not attempted mapping-not-attempted: three dots
layers = ...

# %% not attempted mapping-not-attempted: three dots for names
layers = {'0': 'conv1_1', '5': ..., '10': ...}

# %% not attempted mapping-not-attempted: names left None
layers = {'0': 'conv1_1', '5': None, '10': None}

# %% not attempted mapping-kit-version: the kit's own
from styletools.course.checks import KIT
layers = KIT['layers']

# %% wrong mapping-relu-index: 20, the ReLU after conv4_1 for conv4_2's neighbour
layers = {'0': 'conv1_1', '5': 'conv2_1', '10': 'conv3_1', '20': 'conv4_1', '21': 'conv4_2', '28': 'conv5_1'}

# %% wrong mapping-other-relu: 20, the ReLU after conv4_1, for conv4_2
layers = {'0': 'conv1_1', '5': 'conv2_1', '10': 'conv3_1', '19': 'conv4_1', '20': 'conv4_2', '28': 'conv5_1'}

# %% wrong mapping-relu-index: every ReLU instead of its convolution
layers = {'1': 'conv1_1', '6': 'conv2_1', '11': 'conv3_1', '20': 'conv4_1', '22': 'conv4_2', '29': 'conv5_1'}

# %% wrong mapping-relu-index: index 1 gives the same features as index 0
layers = {'1': 'conv1_1', '5': 'conv2_1', '10': 'conv3_1', '19': 'conv4_1', '21': 'conv4_2', '28': 'conv5_1'}

# %% wrong mapping-counted: 0, 1, 2, 3 instead of the modules' indices
layers = {'0': 'conv1_1', '1': 'conv2_1', '2': 'conv3_1', '3': 'conv4_1', '4': 'conv4_2', '5': 'conv5_1'}

# %% wrong mapping-counted: 1, 2, 3
layers = {'1': 'conv1_1', '2': 'conv2_1', '3': 'conv3_1', '4': 'conv4_1', '5': 'conv4_2', '6': 'conv5_1'}

# %% wrong mapping-counted-convolutions: numbered among the convolutions only
layers = {'0': 'conv1_1', '2': 'conv2_1', '4': 'conv3_1', '8': 'conv4_1', '9': 'conv4_2', '12': 'conv5_1'}

# %% wrong mapping-integer-keys: integers for text
layers = {0: 'conv1_1', 5: 'conv2_1', 10: 'conv3_1', 19: 'conv4_1', 21: 'conv4_2', 28: 'conv5_1'}

# %% wrong mapping-integer-keys: only the first is text, as it was given
layers = {'0': 'conv1_1', 5: 'conv2_1', 10: 'conv3_1', 19: 'conv4_1', 21: 'conv4_2', 28: 'conv5_1'}

# %% wrong mapping-inverted: name to index
layers = {'conv1_1': '0', 'conv2_1': '5', 'conv3_1': '10', 'conv4_1': '19', 'conv4_2': '21', 'conv5_1': '28'}

# %% wrong mapping-inverted: one entry
layers = {'0': 'conv1_1', 'conv2_1': '5', '10': 'conv3_1', '19': 'conv4_1', '21': 'conv4_2', '28': 'conv5_1'}

# %% wrong mapping-swapped-names: content and style layer of block 4 exchanged
layers = {'0': 'conv1_1', '5': 'conv2_1', '10': 'conv3_1', '19': 'conv4_2', '21': 'conv4_1', '28': 'conv5_1'}

# %% wrong mapping-off-by-a-block: conv2_1 where conv3_1 is
layers = {'0': 'conv1_1', '10': 'conv2_1', '19': 'conv3_1', '28': 'conv4_1', '30': 'conv4_2', '34': 'conv5_1'}

# %% wrong mapping-wrong-convolution: conv4_3 for conv4_2
layers = {'0': 'conv1_1', '5': 'conv2_1', '10': 'conv3_1', '19': 'conv4_1', '23': 'conv4_2', '28': 'conv5_1'}

# %% wrong mapping-pooling-index: the pooling before the block
layers = {'0': 'conv1_1', '4': 'conv2_1', '9': 'conv3_1', '18': 'conv4_1', '21': 'conv4_2', '27': 'conv5_1'}

# %% wrong mapping-missing-layer: no content layer
layers = {'0': 'conv1_1', '5': 'conv2_1', '10': 'conv3_1', '19': 'conv4_1', '28': 'conv5_1'}

# %% wrong mapping-misspelt: a hyphen
layers = {'0': 'conv1_1', '5': 'conv2_1', '10': 'conv3_1', '19': 'conv4_1', '21': 'conv4-2', '28': 'conv5_1'}

# %% wrong mapping-misspelt: capitals
layers = {'0': 'conv1_1', '5': 'Conv2_1', '10': 'Conv3_1', '19': 'Conv4_1', '21': 'Conv4_2', '28': 'Conv5_1'}

# %% wrong mapping-no-such-index: beyond the net
layers = {'0': 'conv1_1', '5': 'conv2_1', '10': 'conv3_1', '19': 'conv4_1', '21': 'conv4_2', '41': 'conv5_1'}

# %% wrong mapping-no-such-index: the key of a state dict
layers = {'0': 'conv1_1', 'features.5': 'conv2_1', '10': 'conv3_1', '19': 'conv4_1', '21': 'conv4_2', '28': 'conv5_1'}

# %% wrong mapping-no-such-index: a raised digit
layers = {'0': 'conv1_1', '⁵': 'conv2_1', '10': 'conv3_1', '19': 'conv4_1', '21': 'conv4_2', '28': 'conv5_1'}

# %% wrong mapping-no-such-index: a zero in front
layers = {'0': 'conv1_1', '05': 'conv2_1', '10': 'conv3_1', '19': 'conv4_1', '21': 'conv4_2', '28': 'conv5_1'}

# %% wrong mapping-not-a-dict: a list
layers = ['conv1_1', 'conv2_1', 'conv3_1', 'conv4_1', 'conv4_2', 'conv5_1']

# %% wrong mapping-not-a-dict: a set, commas for colons
layers = {'0', 'conv1_1', '5', 'conv2_1'}

# %% wrong mapping-name-not-text: the layers themselves
layers = {'0': 'conv1_1', '5': nn.Conv2d(64, 128, 3), '10': nn.Conv2d(128, 256, 3)}

# %% wrong mapping-not-a-convolution: ReLUs mapped too
layers = {'0': 'conv1_1', '1': 'relu1_1', '5': 'conv2_1', '10': 'conv3_1', '19': 'conv4_1', '21': 'conv4_2', '28': 'conv5_1'}
