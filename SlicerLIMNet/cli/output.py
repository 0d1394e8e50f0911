"""Whether a result can be written, asked before the work for it begins."""

from __future__ import annotations

import tempfile
from pathlib import Path

from SlicerLIMNet.errors import OutputError


def check_can_write(path: Path) -> None:
    """Do nothing where a file can be written; a file that is there is not touched.

    Raises:
        OutputError: The path is a folder, or its folder is missing or takes no files.
    """
    if path.is_dir():
        raise OutputError(f"{path} is a folder; name a file to write")
    if not path.parent.is_dir():
        raise OutputError(f"the folder {path.parent} does not exist; make it or choose another")
    try:
        with tempfile.TemporaryFile(prefix=".limnet-", dir=path.parent):
            pass
    except OSError as error:
        raise OutputError(
            f"the folder {path.parent} cannot be written to ({error.strerror or error}); choose "
            "another one"
        ) from error
