"""What went wrong, in a sentence for the user."""

from __future__ import annotations


class AppError(Exception):
    """Something that the user can set right; its text is shown in the page."""
