"""Questions and messages to the user, answered as the test says beforehand."""

from __future__ import annotations

from typing import Any

from Testing.slicer.faults import FAULTS


class Dialogs:
    """What was shown, and the answers to come; a question that nobody expects is a fault."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, str]] = []
        self.answers: list[Any] = []

    def will_be_answered(self, *answers: Any) -> None:
        """Prepare the next answers: True and False to questions, a path where a file is chosen."""
        self.answers.extend(answers)

    def ask(self, text: str, refusal: Any = False) -> Any:
        """Note a question and return its answer."""
        self.shown.append(("question", text))
        if self.answers:
            return self.answers.pop(0)
        FAULTS.record(AssertionError(f"a question nobody expected: {text}"))
        return refusal

    def tell(self, kind: str, text: str) -> None:
        """Note a message: "info", "warning" or "error"."""
        self.shown.append((kind, text))

    def texts(self, kind: str) -> list[str]:
        """Return what was shown of a kind."""
        return [text for shown, text in self.shown if shown == kind]

    def clear(self) -> None:
        """Forget everything."""
        self.shown.clear()
        self.answers.clear()


DIALOGS = Dialogs()
"""The one user of the process."""
