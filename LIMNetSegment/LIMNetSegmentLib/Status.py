"""The one sentence that the user reads."""

from __future__ import annotations


class Status:
    """What was said last, and what is missing."""

    def __init__(self) -> None:
        self.hindrance = ""
        """What keeps the user from clicking; empty for nothing."""
        self.isError = False
        """Whether what was said last tells of something that went wrong."""
        self._said = ""

    @property
    def text(self) -> str:
        """The sentence: what was said last, or else what is missing."""
        return self._said or self.hindrance

    def say(self, text: str, isError: bool = False) -> None:
        """Tell something in place of what was said before; an empty text takes it back."""
        self._said, self.isError = text, isError
