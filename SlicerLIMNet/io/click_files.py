"""Clicks from a file: our JSON, or Slicer's markups.

Ours: `{"rounds": [[{"slice": 10, "row": 32, "column": 40, "positive": true}, ...], ...]}`, with
`"lps": [x, y, z]` in place of the first three where a position in the patient is meant.

Slicer's `.mrk.json`, in LPS or RAS, mm:
- A list whose name holds "negative" or "background" is negative, one whose name holds "positive"
  or "foreground" positive.
- In any other list a point is negative if its label or description holds "negative" or
  "background", or begins with "-"; else positive.
- A point whose label or description holds "round 2" belongs to round 2. Points without a number
  come before them, one a round, all positive ones first: a round belongs to one slice, and a list
  of points knows no slices.
- Points that were not placed are left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from SlicerLIMNet.domain.clicks import AnyClick, LpsClick, click_from_json
from SlicerLIMNet.domain.geometry import flip_lps_ras
from SlicerLIMNet.errors import ClickError, ConfigError

MOST_BYTES = 1 << 26

_NEGATIVE = re.compile(r"negative|background", re.IGNORECASE)
_POSITIVE = re.compile(r"positive|foreground", re.IGNORECASE)
_ROUND = re.compile(r"\bround[ _]*(\d{1,4})\b", re.IGNORECASE)
_FRAMES = {"LPS": "LPS", "1": "LPS", "RAS": "RAS", "0": "RAS"}  # numbers: Slicer's older files


@dataclass(frozen=True)
class _Point:
    """A placed point of a list of markups."""

    click: LpsClick
    round_number: int | None


def read_clicks(path: Path | str) -> list[list[AnyClick]]:
    """Return the clicks of a file by rounds; no round is empty.

    Raises:
        ConfigError: The file cannot be read, or is neither a click file nor markups.
        ClickError: A click in it cannot be used.
    """
    path = Path(path)
    content = read_json(path, "the click file")
    if isinstance(content, Mapping) and "markups" in content:
        rounds = _markup_rounds(content["markups"], path)
    elif isinstance(content, Mapping) and "rounds" in content:
        rounds = _rounds(content["rounds"], path)
    else:
        raise ConfigError(
            f'{path} is no click file; expected {{"rounds": [[...]]}} or Slicer markups (.mrk.json)'
        )
    if not rounds:
        raise ConfigError(f"the click file {path} holds no clicks")
    return rounds


def read_json(path: Path, what: str) -> Any:
    """Return what a JSON file holds.

    Raises:
        ConfigError: It cannot be read, is too large to be one of ours, or is no JSON.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ConfigError(f"{what} {path} is larger than {MOST_BYTES >> 20} MiB")
        return json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{what} {path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{what} {path} is no JSON: {error!s:.120}") from error


def _rounds(entries: object, path: Path) -> list[list[AnyClick]]:
    if not isinstance(entries, list) or not all(isinstance(entry, list) for entry in entries):
        raise ConfigError(f"rounds of {path} must be a list of lists of clicks")
    empty = [str(number) for number, entry in enumerate(entries, 1) if not entry]
    if empty:
        raise ConfigError(f"round {', '.join(empty)} of {path} has no clicks; remove it")
    rounds = []
    for number, entry in enumerate(entries, 1):
        try:
            rounds.append([click_from_json(click) for click in entry])
        except ClickError as error:
            raise ClickError(f"round {number} of {path.name}: {error}") from error
    return rounds


def _markup_rounds(lists: object, path: Path) -> list[list[AnyClick]]:
    if not isinstance(lists, list):
        raise ConfigError(f"markups of {path} must be a list")
    points = [point for entry in lists for point in _points(entry, path)]
    loose = [point.click for point in points if point.round_number is None]
    rounds: list[list[AnyClick]] = [[click] for click in loose if click.positive]
    rounds += [[click] for click in loose if not click.positive]
    for number in sorted({p.round_number for p in points if p.round_number is not None}):
        rounds.append([point.click for point in points if point.round_number == number])
    return rounds


def _points(entry: object, path: Path) -> list[_Point]:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("controlPoints", []), list):
        raise ConfigError(f"{path} holds a markup without a list of control points")
    frame = _FRAMES.get(str(entry.get("coordinateSystem", "LPS")).upper())
    if frame is None:
        raise ConfigError(
            f"markups of {path} are in {entry['coordinateSystem']!r:.20}; expected LPS or RAS"
        )
    if entry.get("coordinateUnits", "mm") not in ("mm", "[mm]"):
        raise ConfigError(f"markups of {path} are in {entry['coordinateUnits']!r:.20}, not in mm")
    name = str(entry.get("name", ""))
    return [
        _point(point, name, frame, path)
        for point in entry.get("controlPoints", [])
        if not isinstance(point, Mapping) or point.get("positionStatus", "defined") == "defined"
    ]


def _point(point: object, list_name: str, frame: str, path: Path) -> _Point:
    if not isinstance(point, Mapping) or "position" not in point:
        raise ClickError(f"{path.name} holds a point without position: {point!r:.80}")
    label, description = str(point.get("label", "")), str(point.get("description", ""))
    sign = _is_positive(list_name, label, description)
    click = click_from_json({"lps": point["position"], "positive": sign})
    assert isinstance(click, LpsClick)
    if frame == "RAS":
        x, y, z = flip_lps_ras(click.point_lps).tolist()
        click = LpsClick((x, y, z), sign)
    number = _ROUND.search(f"{label} {description}")
    return _Point(click, int(number[1]) if number else None)


def _is_positive(list_name: str, label: str, description: str) -> bool:
    if _NEGATIVE.search(list_name) or _POSITIVE.search(list_name):
        return not _NEGATIVE.search(list_name)
    texts = (label, description)
    return not any(_NEGATIVE.search(text) or text.strip().startswith("-") for text in texts)
