"""Settings of a run: from options, else from the environment, else the defaults."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from imgsim.errors import InvalidArgument
from imgsim.sources.files import LIMIT_VARIABLE
from imgsim.store.server import default_data_dir

DATABASE_URL = "IMGSIM_DATABASE_URL"
DATA_DIR = "IMGSIM_DATA_DIR"
CACHE_DIR = "IMGSIM_CACHE_DIR"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Where the gallery is, and what can be thrown away."""

    database_url: str | None  # None: the embedded server
    data_dir: Path  # of the embedded server; absolute
    cache_dir: Path  # measurements of this machine, exported networks; absolute

    @property
    def exports(self) -> Path:
        """Where networks exported for OpenVINO are kept."""
        return self.cache_dir / "openvino"

    @classmethod
    def read(
        cls,
        environment: Mapping[str, str],
        *,
        database_url: str | None = None,
        data_dir: Path | None = None,
    ) -> Settings:
        """Options win over the environment; an empty variable counts as unset.

        A data directory named in an option means the embedded server, even if the environment
        names another database.
        """
        url = database_url or (environment.get(DATABASE_URL) if data_dir is None else None)
        folder = Path(data_dir or environment.get(DATA_DIR) or default_data_dir())
        try:
            home = folder.expanduser().absolute()
        except RuntimeError as error:
            raise InvalidArgument(f"--data-dir {folder}: {error}") from error
        # Read where pictures are opened, in the process that decodes too; only checked here.
        limit = environment.get(LIMIT_VARIABLE)
        if limit and not _is_positive(limit):
            raise InvalidArgument(f"{LIMIT_VARIABLE} must be a number above 0, not '{limit}'.")
        cache = Path(environment.get(CACHE_DIR) or platformdirs.user_cache_dir("imgsim"))
        return cls(database_url=url or None, data_dir=home, cache_dir=cache.absolute())


def _is_positive(number: str) -> bool:
    try:
        return 0 < float(number) < math.inf
    except ValueError:
        return False
