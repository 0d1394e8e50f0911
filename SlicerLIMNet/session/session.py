"""A session: one object of one volume, from clicks to a fused 3D mask, in rounds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from SlicerLIMNet.domain.clicks import AnyClick, Click
from SlicerLIMNet.domain.config import RoundConfig
from SlicerLIMNet.domain.masks import FOREGROUND, SparseProbability
from SlicerLIMNet.domain.plane import AnyPlane, default_plane
from SlicerLIMNet.domain.progress import CancelToken
from SlicerLIMNet.domain.rounds import ObjectState, PlaneState, SliceResult, SliceUpdate
from SlicerLIMNet.domain.volume import Volume
from SlicerLIMNet.errors import Cancelled, ClickError, SessionError
from SlicerLIMNet.fusion.fuse import next_slice_to_check
from SlicerLIMNet.imaging.window import Window, choose_window
from SlicerLIMNet.session.history import History
from SlicerLIMNet.session.journal import Journal, stored_session
from SlicerLIMNet.session.operations import (
    AddClick,
    Edit,
    Lock,
    Operation,
    RemoveClick,
    Unlock,
    prepare_click,
)
from SlicerLIMNet.session.parts import Networks, OutOfDeviceMemory, RegionNumbers
from SlicerLIMNet.session.planes import fused_volume, stack_of
from SlicerLIMNet.session.prompting import prompt_after, prompt_without
from SlicerLIMNet.session.round import RoundRun
