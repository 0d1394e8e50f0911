"""Errors that a user can cause or meet; everything else that is raised is a bug of ours.

LIMNetError
├── ClickError         a click outside the plane, not a number, or not there to remove
├── VolumeError        an image that cannot be read or segmented: constant, NaN, 4D, truncated
├── GeometryError      a plane, direction or grid that does not fit the volume
├── WeightsError       a weights file that is missing, corrupt, or of another network
├── ConfigError        an option, preset or manifest that is unknown or out of range
├── DeviceError        a device that is missing, or has no memory left
├── SessionError       a session file or call that does not fit the state of the session
├── OutputError        a result that could not be written; what was there before is untouched
└── Cancelled          the user stopped the work; not a failure
"""


class LIMNetError(Exception):
    """The parent of all: its text is one sentence for the user."""


class ClickError(LIMNetError):
    """A click cannot be used; the session is as it was."""


class VolumeError(LIMNetError):
    """An image cannot be read or segmented."""


class GeometryError(LIMNetError):
    """A plane, direction or grid does not fit the volume."""


class WeightsError(LIMNetError):
    """A weights file is missing, corrupt, or belongs to another network."""


class ConfigError(LIMNetError):
    """An option, preset or manifest is unknown or out of range."""


class DeviceError(LIMNetError):
    """A device is missing or has no memory left."""


class SessionError(LIMNetError):
    """A session file or call does not fit the state of the session."""


class OutputError(LIMNetError):
    """A result could not be written; what was there before is untouched."""


class Cancelled(LIMNetError):  # noqa: N818 - the word that users and threads know
    """The user stopped the work; the state is as it was before."""
