"""Tools for building neural style transfer (Gatys, Ecker & Bethge, CVPR 2016) step by step.

`__init__.pyi` lists the names, in the order of the lessons. Each is imported when it is first used,
so that `import styletools` does not wait for torch.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__.remove("handin")  # an earlier address, which still works
