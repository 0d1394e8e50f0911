"""A journal run again from its start: the networks are asked anew, and must answer the same."""

from __future__ import annotations

from pathlib import Path

from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.domain.masks import FOREGROUND
from SlicerLIMNet.domain.plane import AnyPlane, Plane, plane_from_json
from SlicerLIMNet.domain.progress import CancelToken
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import SessionError
from SlicerLIMNet.imaging.window import Window
from SlicerLIMNet.session.journal import Entry, Journal, read_stored
from SlicerLIMNet.session.journal_lines import click_of, operation_of
from SlicerLIMNet.session.operations import Adopt, Edit
from SlicerLIMNet.session.parts import Networks
from SlicerLIMNet.session.planes import stack_of
from SlicerLIMNet.session.restore import restore
from SlicerLIMNet.session.resume import RESUME
from SlicerLIMNet.session.session import Session


def replay(path: Path | str, volume: Volume, engine: Networks) -> Session:
    """Return a new session, in memory, in which everything of a stored one has happened again.

    With the same volume, weights, device and precision its state is the stored one, bit for bit.
    Of the stored masks only those are read that came from outside. Where memory ran out, the engine
    given falls back as the first one did.

    Raises:
        SessionError: There is no session, it is damaged, or the volume has another size.
    """
    with read_stored(Path(path)) as journal:
        restore(journal, volume)  # whatever is damaged is found before hours of work
        header = journal.entries[0]
        window = Window(*header["window"]) if header["window_is_given"] else None
        config = RoundConfig.from_json(header["config"])
        plane = plane_from_json(header["plane"])
        session = Session(volume, engine, plane, config, window=window)
        if journal.entries[1:] and journal.entries[1]["op"] == RESUME:
            session = _resumed(journal, volume, engine)
        _fall_back_to(header.get("fallback", ""), engine)
        plane_of_click: AnyPlane | None = None
        for entry in journal.entries[1:]:
            _repeat(session, journal, entry, plane_of_click, engine)
            plane_of_click = plane_from_json(entry["plane"]) if entry["op"] == "plane" else None
    return session


def _repeat(
    session: Session, journal: Journal, entry: Entry, plane: AnyPlane | None, engine: Networks
) -> None:
    """Let one line happen again."""
    name = entry["op"]
    if name == "click" and entry.get("removed"):
        session.remove_click(click_of(entry, session.plane))
    elif name == "click":
        plane = plane or session.plane
        session.add_click(click_of(entry, plane), plane)
    elif name == "propagate_end":
        _run_round(session, entry["cut_after"])
    elif name in ("edit", "adopt"):
        _take(session, journal, entry)
    elif name in ("lock", "unlock"):
        (session.lock if name == "lock" else session.unlock)(entry["slice"])
    elif name in ("undo", "redo"):
        (session.undo if name == "undo" else session.redo)()
    elif name == "option" and entry["name"] == "config":
        session.configure(RoundConfig.from_json(entry["value"]))
    elif name == "option" and entry["name"] == "engine":
        _fall_back_to(entry["value"]["fallback"], engine)


def _run_round(session: Session, cut_after: int | None) -> None:
    """Run a round, stopped after as many slices as the first time."""
    cancel = CancelToken()
    for done, _ in enumerate(session.run_round(cancel, keep_partial=cut_after is not None), 1):
        if done == cut_after:
            cancel.cancel()


def _resumed(journal: Journal, volume: Volume, engine: Networks) -> Session:
    """Return the session as it was when it went on without its earlier masks."""
    header, begin = journal.entries[:2]
    slices = journal.slices(begin, volume.shape_zyx)
    mask = stack_of(volume, Plane(0)).to_volume(slices) >= FOREGROUND
    return Session.resume([header, *begin["lines"]], mask, volume, engine)


def _take(session: Session, journal: Journal, entry: Entry) -> None:
    """Take masks from outside again."""
    slices = journal.slices(entry, session.shape)
    operation = operation_of(entry, session.plane, session.volume, slices)
    assert isinstance(operation, Edit | Adopt)
    if isinstance(operation, Edit):
        session.take_masks(operation.masks, operation.given)
    else:
        session.adopt_masks(operation.masks)


def _fall_back_to(level: str, engine: Networks) -> None:
    while level and engine.info.fallback != level:
        if not engine.fall_back():
            raise SessionError(
                f"the session ran short of memory and went on with {level}, which this engine "
                f"cannot do; replay it on the device where it was made"
            )
