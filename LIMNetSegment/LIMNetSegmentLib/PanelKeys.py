"""The keys of the effect, while it is active; Slicer's segment editor uses none of them."""

from __future__ import annotations

POLARITY, PROPAGATE, NEXT, LOCK, CHANGE, REMOVE = "n", "Return", "c", "l", "d", "BackSpace"

ALIASES = {"KP_Enter": PROPAGATE, "Delete": REMOVE}
"""Other keys that do the same."""

EVERYWHERE = (POLARITY, NEXT, LOCK, CHANGE)
"""Heard in the panel, too; the others would be missed in its fields."""


def keyOf(keySym: str | None) -> str:
    """Return the key that VTK's name of a key means here; empty if it means nothing."""
    name = keySym or ""
    return ALIASES.get(name, name.lower() if len(name) == 1 else name)
