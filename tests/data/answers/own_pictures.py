# ruff: noqa
# fmt: off
# Answers to TODO `own_pictures`; see README.md. The folder has photo.jpg, painting.png, copy.jpg
# (of photo.jpg), tiny.png, text.jpg, cut.jpg, phone.heic and pictures/.

# %% passed: two files
my_content = 'photo.jpg'
my_style = "painting.png"

# %% passed: paths
from pathlib import Path
my_content = Path('photo.jpg')
my_style = Path.cwd() / 'painting.png'

# %% passed: opened pictures
from PIL import Image
my_content, my_style = Image.open('photo.jpg'), Image.open('painting.png')

# %% not attempted pictures-not-attempted: the stub
my_content = None  # TODO 4
my_style = None

# %% not attempted pictures-not-attempted: one of them left
my_content = 'photo.jpg'
my_style = None

# %% not attempted pictures-not-attempted: three dots
my_content = 'photo.jpg'
my_style = ...

# %% not attempted pictures-not-attempted: empty text
my_content = ''
my_style = 'painting.png'

# %% wrong pictures-missing-file: a typo
my_content = 'foto.jpg'
my_style = 'painting.png'

# %% wrong pictures-missing-file: a folder that is not there
my_content = 'photo.jpg'
my_style = '/content/drive/MyDrive/nst/painting.png'

# %% wrong pictures-too-small: a thumbnail
my_content = 'photo.jpg'
my_style = 'tiny.png'

# %% wrong pictures-not-a-picture: text
my_content = 'text.jpg'
my_style = 'painting.png'

# %% wrong pictures-damaged: cut off
my_content = 'cut.jpg'
my_style = 'painting.png'

# %% wrong pictures-heic: as a telephone saves it
my_content = 'phone.heic'
my_style = 'painting.png'

# %% wrong pictures-not-readable: a whole page pasted as a name
my_content = 'a' * 5000
my_style = 'painting.png'

# %% wrong pictures-folder: a folder
my_content = 'pictures'
my_style = 'painting.png'

# %% wrong pictures-backslash: Windows
my_content = 'C:\new\photo.jpg'
my_style = 'painting.png'

# %% wrong pictures-tensor: loaded already
my_content = torch.zeros(1, 3, 64, 64)
my_style = 'painting.png'

# %% wrong pictures-not-a-path: a list
my_content = ['photo.jpg']
my_style = 'painting.png'

# %% wrong pictures-same-file: one picture twice
my_content = 'photo.jpg'
my_style = 'photo.jpg'

# %% wrong pictures-same-file: a copy
my_content = 'photo.jpg'
my_style = 'copy.jpg'

# %% wrong pictures-url: an address without an answer
my_content = 'http://127.0.0.1:9/photo.jpg'
my_style = 'painting.png'

# %% wrong pictures-not-a-picture: an array of no picture's numbers
my_content = np.zeros((40, 40, 3), dtype=np.int64)
my_style = 'painting.png'

# %% wrong pictures-too-large: a poster
from PIL import Image
my_content = 'photo.jpg'
my_style = Image.new('1', (20000, 6000))

# %% different pictures-bundled: the kit's own
my_content = KITS_CONTENT
my_style = 'painting.png'
