"""The data sets that can be read, by name."""

from __future__ import annotations

from collections.abc import Mapping

from SlicerLIMNet.io.datasets.amos import read_amos
from SlicerLIMNet.io.datasets.btcv import read_btcv
from SlicerLIMNet.io.datasets.cases import Reader
from SlicerLIMNet.io.datasets.coco_lvis import read_coco_lvis
from SlicerLIMNet.io.datasets.davis import read_davis
from SlicerLIMNet.io.datasets.endovis18 import read_endovis18
from SlicerLIMNet.io.datasets.ishape import read_ishape
from SlicerLIMNet.io.datasets.kits19 import read_kits19
from SlicerLIMNet.io.datasets.msd import read_msd

READERS: Mapping[str, Reader] = {
    "msd": read_msd,
    "kits19": read_kits19,
    "amos": read_amos,
    "btcv": read_btcv,
    "endovis18": read_endovis18,
    "davis": read_davis,
    "coco-lvis": read_coco_lvis,
    "ishape": read_ishape,
}
