"""Where sessions are kept: in the segment's tag, which is saved with the scene.

The tag names the state that the segment is in, so that Slicer's undo and redo, which restore tags,
move the session with them. It carries the journal without masks: those are the segment's own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

TAG = "LIMNet.session"
LONGEST_TAG = 200_000

_FORMAT = 1


@dataclass(frozen=True)
class StoredSession:
    """What a segment's tag says of a session."""

    state: str
    """Name of the state that the segment is in."""
    journal: tuple[dict[str, Any], ...] = ()
    """Without masks; empty where it was too long to be stored."""
    axis: int | None = None
    """Of the checksums."""
    checksums: tuple[int, ...] = ()
    """Of the slices along the axis, as the session left the segment; see `MaskBox`."""


def tagText(stored: StoredSession) -> str:
    """Return the text of a tag.

    Without `|`, which ends a tag's value in files; without the journal, and then without the
    checksums, where it would be too long.
    """
    parts: dict[str, Any] = {"format": _FORMAT, "state": stored.state}
    optional = [{"axis": stored.axis, "checksums": stored.checksums}, {"journal": stored.journal}]
    text = _escaped(parts)
    for part in optional:
        longer = _escaped(parts | part)
        if len(longer) <= LONGEST_TAG:
            parts, text = parts | part, longer
    return text


def storedSession(text: str) -> StoredSession | None:
    """Return what a tag says; None where it is empty or damaged."""
    try:
        parts = json.loads(text)
        if parts["format"] != _FORMAT or not isinstance(parts["state"], str):
            return None
        axis, journal = parts.get("axis"), tuple(_listOf(parts, "journal"))
        if axis not in (None, 0, 1, 2):
            return None
        checksums = tuple(int(number) for number in _listOf(parts, "checksums"))
        return StoredSession(parts["state"], journal, axis, checksums)
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _listOf(parts: dict[str, Any], name: str) -> Sequence[Any]:
    found = parts.get(name, [])
    if not isinstance(found, list):
        raise TypeError(f"{name} is no list")
    return found


def _escaped(parts: dict[str, Any]) -> str:
    return json.dumps(parts, separators=(",", ":")).replace("|", "\\u007c")
