"""The effect LIMNet and its parts; Slicer looks for the class here."""

try:
    import qt  # noqa: F401
except ImportError:  # outside of Slicer the logic is used with other faces
    pass
else:
    from .SegmentEditorEffect import SegmentEditorEffect

    __all__ = ["SegmentEditorEffect"]
