"""What a run is started with besides its recipe."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from training.runs.data_provenance import RunContext, read_context


@dataclass(frozen=True)
class RunOptions:
    """What a run needs besides its recipe."""

    data: Path | None
    category_names: Path | None = None
    tensorboard: bool = False
    strict: bool = False
    device: str = "auto"

    @property
    def origin(self) -> RunContext:
        """Where the images come from, to be saved with the run."""
        return RunContext(*(str(path.resolve()) if path else "" for path in (self.data, self.category_names)))

    def as_begun(self, folder: Path) -> RunOptions:
        """Fill in what is missing from how the run in `folder` was started."""
        known = read_context(folder) or RunContext()
        data = self.data or (Path(known.data) if known.data else None)
        names = self.category_names or (Path(known.category_names) if known.category_names else None)
        return replace(self, data=data, category_names=names)
