"""What a run computes on: the device, and the precision, which a probe finds out."""

import math
import platform
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from styletools.backbones import Backbone
from styletools.config import TransferConfig
from styletools.engine.objective import Objective
from styletools.errors import ConfigError
from styletools.vgg import VGG19Features

PROBE_PIXELS = 48 * 48  # at full width; more in a narrower net, for a time that can be measured
PROBE_TIMES = 2
FULL_PARAMETERS = 12_944_960  # of VGG19 to conv5_1
PROBE_COSINE = 0.99  # least agreement of the two precisions' gradients
EMULATING = ("NO AVX", "AVX2")  # CPUs that have no bfloat16: PyTorch computes it a tenth as fast


def resolve_device(name: str) -> torch.device:
    """The device of a name; "auto" takes CUDA, then MPS, then the CPU.

    Raises:
        ConfigError: an unknown device, or one that this machine does not have.
    """
    counts = {
        "cuda": torch.cuda.device_count(),
        "mps": int(torch.backends.mps.is_available()),
        "cpu": 1,
    }
    if name == "auto":
        name = next(kind for kind, count in counts.items() if count)
    known = [kind for kind, count in counts.items() if count]
    known += [f"{kind}:{index}" for kind in known for index in range(counts[kind])]
    if name not in known:
        raise ConfigError(
            f"device is {name!r}; this machine has {', '.join(known)}. Use device='auto'."
        )
    return torch.device(name)


def resolve_precision(config: TransferConfig, backbone: Backbone, device: torch.device) -> str:
    """What "auto" stands for here: bfloat16 where it is faster and accurate enough, else float32.

    A probe of a few small evaluations tells, so that it holds for this machine and these widths:
    bfloat16 must be faster, and its gradient agree with float32's (cosine of 0.99 or more).

    Returns:
        "float32" or "bfloat16".
    """
    if config.precision != "auto":
        return config.precision
    emulated = device.type == "cpu" and torch.backends.cpu.get_cpu_capability() in EMULATING
    if emulated or device.type == "mps":
        return "float32"
    evaluate = {name: _probe(config, backbone, device, name) for name in ("float32", "bfloat16")}
    try:
        gradients = {name: evaluation() for name, evaluation in evaluate.items()}
    except RuntimeError:  # a device or a build without it
        return "float32"
    exact, low = (gradient.flatten() for gradient in gradients.values())
    if not float(torch.cosine_similarity(exact, low, dim=0)) >= PROBE_COSINE:
        return "float32"
    seconds = {name: _fastest(evaluation, device) for name, evaluation in evaluate.items()}
    return min(seconds, key=lambda name: seconds[name])


def _probe(
    config: TransferConfig, backbone: Backbone, device: torch.device, precision: str
) -> Callable[[], Tensor]:
    """An evaluation on noise that gives the target's gradient."""
    model = network_for(backbone, config, device, precision)
    narrower = FULL_PARAMETERS / sum(weight.numel() for weight in model.parameters())
    side = min(config.max_size, math.isqrt(int(PROBE_PIXELS * min(narrower, 6))))
    generator = torch.Generator().manual_seed(0)
    content, style, target = torch.randn((3, 1, 3, side, side), generator=generator).to(device)
    objective = Objective(model, content, style, config)
    target.requires_grad_(True)

    def evaluation() -> Tensor:
        total, _ = objective(target)
        (gradient,) = torch.autograd.grad(total, target)
        return gradient

    return evaluation


def network_for(
    backbone: Backbone, config: TransferConfig, device: torch.device, precision: str
) -> VGG19Features:
    """The net that an objective of `config` needs, in a precision, on a device."""
    layers = {*config.content_layers, *config.style_weights}
    model = backbone.features(layers, config.pooling, config.has_normalised_filters)
    for module in model:
        if isinstance(module, nn.ReLU):
            module.inplace = True  # nobody reads what it overwrites: features are taken after it
    return model.to(device, getattr(torch, precision))


def _fastest(evaluation: Callable[[], Tensor], device: torch.device) -> float:
    """Seconds that the fastest of a few evaluations takes."""
    seconds = []
    for _ in range(PROBE_TIMES):
        started = time.perf_counter()
        evaluation()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def describe_environment(device: torch.device, backbone: Backbone) -> dict[str, Any]:
    """What a run depends on besides its settings and pictures."""
    import torchvision

    import styletools

    return {
        "styletools": styletools.__version__,
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "threads": torch.get_num_threads(),
        "backbone": backbone.name,
        "backbone_sha256": backbone.sha256,
    }
