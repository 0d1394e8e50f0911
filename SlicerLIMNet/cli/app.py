"""`limnet app`: the effect in a browser, for whoever has no Slicer at hand, or no screen."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import platformdirs

from SlicerLIMNet.cli.engine import DEVICES, EngineMaker
from SlicerLIMNet.cli.terminal import say
from SlicerLIMNet.domain.config import PRESETS
from SlicerLIMNet.errors import LIMNetError

_PACKAGES = ("slicer", "trame_slicer", "trame_rca", "aiohttp", "PIL", "pooch")
_ENGINE_THREAD = "LIMNet"
_EPILOG = """\
The page shows slice views and a 3D view as Slicer has them, and the effect LIMNet beside them:
click on a structure, propagate, correct, download. All work stays on this machine; a page that was
closed, or a server that was killed, is gone on with when the page is opened again.

With --host other than 127.0.0.1 a token is needed, and everybody who knows it may read the volumes
in --folder.

examples:
  limnet app
  limnet app ct.nii.gz
  limnet app --folder /data/study --port 8800 --no-browser
"""


class AppUnavailable(LIMNetError):  # noqa: N818 - what is the case
    """The app cannot be served as asked."""


def add_parser(commands: Any, everywhere: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "app",
        parents=[everywhere],
        help="the effect in a browser, with Slicer's slice views and 3D view",
        description="Serve a page on this machine in which the effect LIMNet runs as in Slicer.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "volume",
        nargs="?",
        type=Path,
        metavar="VOLUME",
        help="image file or folder of a DICOM series to begin with; the page can open others",
    )
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument(
        "--sample", action="store_true", help="begin with the torso CT of `limnet demo`"
    )
    begin.add_argument("--phantom", action="store_true", help="begin with the made phantom")
    parser.add_argument(
        "--folder",
        type=Path,
        metavar="FOLDER",
        help="volumes are opened by path from here and below, and from nowhere else (default: the "
        "folder of VOLUME, else the current one)",
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="where to listen (default: %(default)s)",
    )
    parser.add_argument(
        "--port", type=_port, default=8765, metavar="N", help="0 takes a free one (default: 8765)"
    )
    parser.add_argument(
        "--token", metavar="TEXT", help="who does not know it gets nothing; auto makes one"
    )
    parser.add_argument(
        "--preset",
        default="light",
        choices=tuple(PRESETS),
        help="networks to begin with (default: %(default)s)",
    )
    parser.add_argument(
        "--device", default="auto", choices=DEVICES, help="to begin with (default: %(default)s)"
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=_home() / "App",
        metavar="FOLDER",
        help="where sessions and uploads are kept (default: %(default)s)",
    )
    parser.add_argument(
        "--max-upload-mib",
        type=_positive,
        default=2048,
        metavar="N",
        help="largest upload, and most that a zip may hold (default: %(default)s)",
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open the page")
    parser.add_argument("--testing", action="store_true", help=argparse.SUPPRESS)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, _engines: EngineMaker) -> None:
    """Serve the app until Ctrl-C.

    Raises:
        AppUnavailable: A package is missing, the port is taken, or an option makes no sense.
    """
    _check_packages()
    from LIMNetSegmentApp.AppError import AppError
    from LIMNetSegmentApp.Drawing import checkDrawing
    from LIMNetSegmentApp.SlicerModules import prepare

    prepare()
    from LIMNetSegmentApp.AppServer import serve

    try:
        checkDrawing()
        serve(_options(arguments), read_source, lambda text: print(text, flush=True))
    except AppError as error:
        raise AppUnavailable(str(error).removesuffix(".")) from error
    except OSError as error:
        raise AppUnavailable(
            f"cannot listen on {arguments.host}, port {arguments.port} "
            f"({error.strerror or error}); choose another with --port"
        ) from error
    say("limnet app: ended; what was done is kept, and offered when the page is opened again")
    _end_at_once_if_busy()


def _end_at_once_if_busy() -> None:
    """End the process where the engine is in the middle of a step, which nothing can stop.

    Python would take torch away from under it. Everything is written already.
    """
    if any(thread.name == _ENGINE_THREAD for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def read_source(source: str) -> Any:
    """Return `LIMNetSegmentApp.Loading.Loaded` of a path, of `sample` or of `phantom`.

    Raises:
        LIMNetError: It cannot be segmented.
        OSError: It cannot be read.
    """
    from LIMNetSegmentApp.Loading import Loaded
    from SlicerLIMNet.evaluation.demo_input import demo_input, phantom_input
    from SlicerLIMNet.io.volumes import read_volume

    if source == "phantom":
        return Loaded(phantom_input().volume, source)
    if source != "sample":
        return Loaded(read_volume(source), source)
    said: list[str] = []
    fell_back: list[bool] = []

    def phantom() -> Any:
        fell_back.append(True)
        return phantom_input()

    volume = demo_input(said.append, phantom=phantom).volume
    if fell_back:
        return Loaded(volume, "phantom", said[-1])
    return Loaded(replace(volume, name="torso CT"), "sample")


def _home() -> Path:
    """Return the user's folder of LIMNet: there imported weights lie, too."""
    given = os.environ.get("LIMNET_HOME")
    return Path(given) if given else Path(platformdirs.user_data_dir("limnet", appauthor=False))


def _options(arguments: argparse.Namespace) -> Any:
    from LIMNetSegmentApp.Access import Access
    from LIMNetSegmentApp.AppOptions import MIB, AppOptions

    volume = None if arguments.volume is None else arguments.volume.resolve()
    if volume is not None and not volume.exists():
        raise AppUnavailable(f"there is no {arguments.volume}")
    folder = arguments.folder or (Path.cwd() if volume is None else volume.parent)
    return AppOptions(
        dataFolder=arguments.data.resolve(),
        folder=folder,
        volume=volume,
        start="sample" if arguments.sample else "phantom" if arguments.phantom else "",
        host=arguments.host,
        port=arguments.port,
        token=Access.newToken() if arguments.token == "auto" else arguments.token,
        preset=arguments.preset,
        device=arguments.device,
        maxUploadBytes=arguments.max_upload_mib * MIB,
        opensBrowser=not arguments.no_browser,
        isTesting=arguments.testing,
    )


def _check_packages() -> None:
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing or importlib.util.find_spec("LIMNetSegmentApp") is None:
        what = ", ".join(missing) or "LIMNetSegmentApp"
        raise AppUnavailable(
            f"{what} is missing; install what the app needs with: pip install 'SlicerLIMNet[app]' "
            "(Python 3.10 to 3.13)"
        )


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"expected a port, 0 to 65535, not {text!r:.20}")
    return int(text)


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, not {text!r:.20}")
    return int(text)
