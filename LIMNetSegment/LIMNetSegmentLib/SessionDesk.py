"""What the worker's thread owns: the engine, and the session of every segment; never on another.

The main thread names states of a session by text (they stand in the segment's tag); the desk knows
which place in the session's history each name means.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from .InferenceWorker import InferenceWorker
from .JournalFolders import JournalFolders
from .MaskBox import MaskBox
from .Parameter import EffectOptions
from .SessionStorage import StoredSession

if TYPE_CHECKING:
    from SlicerLIMNet.domain.config import RoundConfig
    from SlicerLIMNet.domain.volume import Volume
    from SlicerLIMNet.session.session import Session

MakeEngine = Callable[[str, str], Any]

BASE = ""
"""Name of the state in which a segment has no tag."""


@dataclass(frozen=True)
class Ground:
    """What a job stands on: one segment of one volume, as it was when the job was posted."""

    key: str
    """Of the session."""
    volumeKey: Hashable
    """Of the image; the same image has the same key."""
    makeVolume: Callable[[], Any]
    """Makes the engine's `Volume` of voxels that were copied on the main thread."""
    segmentName: str
    """As the user sees it; finds what a crash has left."""
    owner: str
    """Tells the segment apart from others, whatever the image."""
    mask: MaskBox
    """Of the segment, now."""
    before: MaskBox | None
    """Of the segment, as the session left it; None where it is not known."""
    tag: StoredSession | None
    """What the segment's tag says."""
    options: EffectOptions
    """Of the user."""
    window: tuple[float, float] | None = None
    """Intensities to see, for a session that begins; None where the first click chooses."""

    @property
    def state(self) -> str:
        """Name of the state that the segment is in."""
        return BASE if self.tag is None else self.tag.state


@dataclass
class OpenSession:
    """A session and the names of its states."""

    session: Session
    """Of the engine."""
    owner: str
    """The segment it belongs to, whatever the image."""
    places: dict[str, int] = field(default_factory=dict)
    """By name of a state: its place in the history."""
    notices: list[str] = field(default_factory=list)
    """Sentences that the user has not been told yet."""
    serial: int = 0
    """Grows with every state that is named."""
    _told: int = 0
    _mark: int = 0

    def goTo(self, name: str) -> bool:
        """Undo or redo until a state is reached; return whether it is there."""
        place = self.places.get(name)
        while place is not None and self.session.position > place:
            self.session.undo()
        while place is not None and self.session.position < place:
            self.session.redo()
        self._mark = self.session.position
        return place is not None

    def nameState(self, key: str) -> str:
        """Return the name of the present state.

        States that what happened since `goTo` has cut off lose theirs.
        """
        here = self.session.position
        if here > self._mark:
            self.places = {n: place for n, place in self.places.items() if place <= self._mark}
        known = next((name for name, place in self.places.items() if place == here), None)
        if known is None:
            self.serial += 1
            known = f"{key}:{self.serial}"
            self.places[known] = here
        self._mark = here
        return known

    def takeNotices(self) -> tuple[str, ...]:
        """Return what the user has not been told yet."""
        news = self.session.notices[self._told :]
        self._told = len(self.session.notices)
        found = (*self.notices, *(f"{text[:1].upper()}{text[1:]}." for text in news))
        self.notices.clear()
        return found


class SessionDesk:
    """Engine, sessions, and the journals that they write."""

    def __init__(
        self,
        makeEngine: MakeEngine | None = None,
        journalRoot: Path | None = None,
        keepJournals: bool = False,
    ) -> None:
        """Begin without engine and sessions.

        Args:
            makeEngine: Makes an engine of a preset and a device; the engine's own way if not given.
            journalRoot: Where journals are kept against a crash; nowhere if not given.
            keepJournals: Whether they outlive an orderly end, too: where no scene is saved.
        """
        self.folders = None if journalRoot is None else JournalFolders(journalRoot, keepJournals)
        """Of the journals."""
        self._makeEngine = makeEngine or _makeEngine
        self._engine: Any = None
        self._engineName = ("", "")
        self._open: dict[str, OpenSession] = {}
        self._volumes: WeakValueDictionary[Hashable, Volume] = WeakValueDictionary()
        self._newest: Volume | None = None  # kept for the session that will begin on it
        self._warmedUpFor: set[tuple[int, ...]] = set()

    def engine(self, options: EffectOptions) -> Any:
        """Return the engine that the options ask for; all sessions go on with it.

        Raises:
            LIMNetError: It cannot be made.
            ImportError: What it needs is not installed.
        """
        name = (options.preset, options.device)
        if self._engine is None or name != self._engineName:
            self._engine = self._makeEngine(*name)
            self._engineName = name
            self._warmedUpFor.clear()
            for opened in self._open.values():
                opened.session.use_engine(self._engine)
        return self._engine

    def makeReady(
        self, options: EffectOptions, volumeKey: Hashable, makeVolume: Callable[[], Volume]
    ) -> None:
        """Do what the first click on a volume would have to do, and which needs no click.

        What is wrong with the volume is for the click to say.

        Args:
            options: Of the user.
            volumeKey: See `Ground`.
            makeVolume: See `Ground`.

        Raises:
            LIMNetError: The engine cannot be made.
            ImportError: What it needs is not installed.
        """
        engine = self.engine(options)
        from SlicerLIMNet.errors import LIMNetError
        from SlicerLIMNet.session.automatic_window import automatic_window

        with suppress(LIMNetError):
            volume = self._newest = self._volumeOf(volumeKey, makeVolume)
            _ = volume.sha256  # a session asks for it, and it is kept
            automatic_window(volume)
            rowsColumns = volume.shape_zyx[1:]
            if rowsColumns not in self._warmedUpFor:
                engine.warm_up(rowsColumns)
                self._warmedUpFor.add(rowsColumns)

    def deviceText(self) -> str:
        """Return what the engine runs on, for a user; empty before there is one."""
        if self._engine is None:
            return ""
        from SlicerLIMNet.session.devices import describe_device

        info = self._engine.info
        text = describe_device(info.device)
        return f"{text} (short of memory)" if info.fallback else text

    def volume(self, ground: Ground) -> Volume:
        """Return the volume of a job, shared by all sessions on it.

        Raises:
            LIMNetError: It cannot be segmented.
        """
        return self._volumeOf(ground.volumeKey, ground.makeVolume)

    def _volumeOf(self, key: Hashable, make: Callable[[], Volume]) -> Volume:
        volume = self._volumes.get(key)
        if volume is None:
            volume = make()
            self._volumes[key] = volume
        return volume

    def prepare(self, ground: Ground, takeEdits: bool = True) -> OpenSession:
        """Return the session of a segment, in the state of the segment.

        Args:
            ground: What the job stands on.
            takeEdits: Whether what was edited outside becomes part of the session.

        Raises:
            LIMNetError: It cannot be opened.
        """
        engine = self.engine(ground.options)
        opened = self._open.get(ground.key)
        if opened is None:
            opened = self._begin(ground, engine)
        elif not opened.goTo(ground.state):
            opened = self._resumed(ground, engine, self.volume(ground), opened.serial) or opened
        self._open[ground.key] = opened
        if takeEdits:
            _takeEdits(opened.session, ground)
        opened.session.configure(configOf(ground.options, opened.session.config, engine))
        return opened

    def open(self, ground: Ground, folder: Path) -> OpenSession:
        """Return the session of a journal that a crash has left, in place of the segment's.

        Raises:
            LIMNetError: It cannot be opened.
        """
        from SlicerLIMNet.session.session import Session

        assert self.folders is not None
        session = Session.open(
            self.folders.take(folder), self.volume(ground), self.engine(ground.options)
        )
        return self._inPlace(ground, session)

    def openFile(self, ground: Ground, path: Path) -> OpenSession:
        """Return the session of a file, in place of the segment's; the file stays as it is.

        Raises:
            LIMNetError: It cannot be opened, or belongs to a volume of another size.
        """
        from SlicerLIMNet.session.session import Session

        volume, engine = self.volume(ground), self.engine(ground.options)
        session = Session.open(path, volume, engine)
        folder = self._newFolder(ground, volume)
        if folder is not None:  # where it goes on
            session.save(folder)
            session = Session.open(folder, volume, engine)
        return self._inPlace(ground, session)

    def _inPlace(self, ground: Ground, session: Session) -> OpenSession:
        places = {ground.state: 0}  # the segment was as when nothing had happened
        serial = self._open[ground.key].serial if ground.key in self._open else 0
        opened = OpenSession(session, ground.owner, places, serial=serial)
        self._open[ground.key] = opened
        return opened

    def forget(self, key: str) -> None:
        """Close a session."""
        self._open.pop(key, None)

    def close(self) -> None:
        """Close everything in order."""
        self._open.clear()
        self._engine = self._newest = None
        if self.folders is not None:
            self.folders.close()

    def _begin(self, ground: Ground, engine: Any) -> OpenSession:
        """Open the session that the tag tells of, or a new one that starts from the mask."""
        volume = self.volume(ground)
        found = self._onSameImage(ground, volume) or self._resumed(ground, engine, volume, 0)
        if found is not None:
            return found
        session = self._newSession(ground, engine, volume)
        if not ground.mask.isEmpty:
            session.set_mask(ground.mask.toArray(), given=True)
        opened = OpenSession(session, ground.owner, {ground.state: session.position})
        opened.goTo(ground.state)
        if ground.tag is not None:
            opened.notices.append(
                "The clicks stored with this segment cannot be used with this image; a new session "
                "starts from its mask."
            )
        return opened

    def _onSameImage(self, ground: Ground, volume: Volume) -> OpenSession | None:
        """Return the segment's session on these very voxels: a frame that is shown again, say."""
        for opened in self._open.values():
            if opened.owner == ground.owner and opened.session.volume.sha256 == volume.sha256:
                opened.goTo(ground.state)
                return opened
        return None

    def _newSession(self, ground: Ground, engine: Any, volume: Volume) -> Session:
        from SlicerLIMNet.session.session import Session

        config = configOf(ground.options, engine.default_config, engine)
        folder = self._newFolder(ground, volume)
        return Session(volume, engine, config=config, window=ground.window, folder=folder)

    def _resumed(
        self, ground: Ground, engine: Any, volume: Volume, serial: int
    ) -> OpenSession | None:
        """Open what the tag tells of; None where that is another volume, damaged, or nothing."""
        tag = ground.tag
        if tag is None or not _isOfVolume(tag, volume):
            return None
        from SlicerLIMNet.errors import LIMNetError
        from SlicerLIMNet.session.session import Session

        mask, folder = ground.mask.toArray(), self._newFolder(ground, volume)
        try:
            session = Session.resume(tag.journal, mask, volume, engine, folder)
        except LIMNetError:
            return None  # a damaged tag must not keep the user from clicking
        edited = _editedSinceStored(session, ground.mask, tag)
        if edited:
            session.set_mask(mask, slices=edited, given=not ground.options.lockEdited)
        opened = OpenSession(session, ground.owner, {tag.state: session.position}, serial=serial)
        opened.goTo(tag.state)
        return opened

    def _newFolder(self, ground: Ground, volume: Volume) -> Path | None:
        """Return where a session keeps its journal; nowhere if that fails, as work can go on."""
        if self.folders is None:
            return None
        try:
            return self.folders.newFolder(volume.sha256, ground.segmentName)
        except OSError:
            return None


def sharedWorker(
    journalRoot: Path | None = None, makeEngine: MakeEngine | None = None
) -> InferenceWorker:
    """Return the application's worker; what the first caller gives counts. See `SessionDesk`."""
    return InferenceWorker.shared(lambda: SessionDesk(makeEngine, journalRoot))


def configOf(options: EffectOptions, config: RoundConfig, engine: Any) -> RoundConfig:
    """Return how rounds run with the user's options."""
    fusion = options.fusion and engine.default_config.fusion
    return replace(config, range=options.roundRange, fusion=fusion)


def maskOf(session: Session) -> MaskBox:
    """Return what the segment should hold."""
    corner, part = session.shown_box()
    return MaskBox.fromPart(session.volume.shape_zyx, corner, part)


def _takeEdits(session: Session, ground: Ground) -> None:
    """Go on from the segment's mask, where it is not as the session would have it."""
    if maskOf(session) == ground.mask:
        return
    before = ground.mask if ground.before is None else ground.before
    session.take_outside(ground.mask.toArray(), before.toArray(), lock=ground.options.lockEdited)


def _editedSinceStored(session: Session, mask: MaskBox, tag: StoredSession) -> list[int]:
    """Return the slices that were edited after the tag was written: before the scene was saved."""
    if tag.axis is None or getattr(session.plane, "axis", None) != tag.axis:
        return []
    now = mask.checksums(tag.axis)
    if len(now) != len(tag.checksums):
        return []
    pairs = zip(now, tag.checksums, strict=True)
    return [index for index, (here, stored) in enumerate(pairs) if here != stored]


def _isOfVolume(tag: StoredSession, volume: Volume) -> bool:
    header = tag.journal[0] if tag.journal else None
    stored = header.get("volume") if isinstance(header, dict) else None
    return isinstance(stored, dict) and stored.get("sha256") == volume.sha256


def _makeEngine(preset: str, device: str) -> Any:
    import SlicerLIMNet.session.session  # noqa: F401  # a third of a second at the first click
    from SlicerLIMNet.session.engine import Engine

    return Engine(preset, device)
