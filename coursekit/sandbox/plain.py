"""No sandbox: everything runs as this user. For submissions that the instructor trusts."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from coursekit.sandbox.base import ENVIRONMENT, KIT, Sandbox


@dataclass(frozen=True)
class Plain(Sandbox):
    """Nothing is held back."""

    name: ClassVar[str] = "none"
    says: ClassVar[str] = (
        "Graded without a sandbox: the answers ran with the grader's own rights "
        "(--unsafe-no-sandbox), and the points prove nothing about a student who wants to cheat."
    )

    def path(self, inside: Path) -> Path:
        """See `Sandbox`: the file itself."""
        given = {KIT: self.kit, **self.files}
        place = next(above for above in (inside, *inside.parents) if given.get(above))
        return Path(str(given[place])) / inside.relative_to(place)

    def command(
        self, command: Sequence[str], private: str = "", network: bool = False
    ) -> list[str]:
        """See `Sandbox`."""
        kept = {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ}
        settings = {**ENVIRONMENT, **kept, **({"PYTHONPATH": str(self.kit)} if self.kit else {})}
        return ["env", *(f"{name}={value}" for name, value in settings.items()), *command]
