"""What the panel says of the logic's state, without Qt: any face of the effect may say it."""

from __future__ import annotations

from slicer.i18n import tr as _

from .PanelState import ClickRow, PanelState


def hintOf(state: PanelState) -> str:
    """What to do next, where there is nothing else to say."""
    if state.isAskingPartial:
        return _("The round was stopped. Keep the slices done so far, or go back?")
    if state.isRoundRunning:
        return _("Propagating; clicks are taken meanwhile and wait.")
    if not state.isReady:
        return _("Choose a source volume and a segment.")
    if not state.clicks:
        return _("Click the structure in any slice view.")
    if state.canPropagate:
        return _("Click again where the slice is wrong, or propagate.")
    return _("Look through the slices; click where one is wrong, and propagate again.")


def planeTextOf(state: PanelState) -> str:
    """In which plane slices are counted, how many rounds there were, and where they were run."""
    names = {
        "axial": _("Axial"),
        "coronal": _("Coronal"),
        "sagittal": _("Sagittal"),
        "oblique": _("Oblique"),
    }
    facts = [_("{plane} slices").format(plane=names.get(state.planeName, state.planeName))]
    if state.rounds:
        facts.append(_("rounds: {n}").format(n=state.rounds))
    if state.deviceText:
        facts.append(state.deviceText)
    return ", ".join(facts)


def clicksTextOf(clicks: tuple[ClickRow, ...]) -> str:
    """How many clicks there are of each sign, and how many wait for a round."""
    if not clicks:
        return _("No clicks yet")
    positive = sum(click.positive for click in clicks)
    text = _("{positive} positive, {negative} negative").format(
        positive=positive, negative=len(clicks) - positive
    )
    waiting = sum(click.isWaiting for click in clicks)
    return _("{text}, {n} new").format(text=text, n=waiting) if waiting else text
