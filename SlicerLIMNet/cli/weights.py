"""`limnet weights`: what weights there are, whether they are whole; import and shrink others."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SlicerLIMNet.cli.engine import EngineMaker
from SlicerLIMNet.cli.output import check_can_write
from SlicerLIMNet.cli.terminal import print_json
from SlicerLIMNet.errors import WeightsError
from SlicerLIMNet.io.write_aside import write_aside

if TYPE_CHECKING:
    from torch import nn

_ROLES = {"ritm": "prompt", "xmem": "memory"}
_LICENCE = "as its authors published it"
_MOST_NAMES = 20

_EPILOG = """\
examples:
  limnet weights list
  limnet weights verify
  limnet weights import --kind ritm coco_lvis_h32_itermask.pth
  limnet weights import --kind xmem XMem.pth -o elsewhere/paper-memory.safetensors
  limnet weights shrink my-weights/prompt.safetensors -o small/prompt.safetensors
"""


def add_parser(commands: Any, everywhere: argparse.ArgumentParser) -> None:
    """Add the command and its actions to the parser."""
    parser = commands.add_parser(
        "weights",
        help="list, import, verify or shrink weights",
        description="List, import, verify or shrink the weights of the networks.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    _add_list(actions, everywhere)
    _add_import(actions, everywhere)
    _add_verify(actions, everywhere)
    _add_shrink(actions, everywhere)


def list_weights(arguments: argparse.Namespace, _: EngineMaker) -> None:
    """Print the weights files that presets can use."""
    rows = [_facts(path) for path in _installed()]
    if arguments.json:
        print_json(rows)
        return
    for row in rows:
        print(f"{row['file']}\n  {_description(row)}")
    if not rows:
        print(f"there are no weights in {' or '.join(map(str, _folders()))}")


def import_weights(arguments: argparse.Namespace, _: EngineMaker) -> None:
    """Convert a published checkpoint, and print what in it did not match."""
    from SlicerLIMNet.networks.weights import (
        load_weights,
        save_weights,
        user_models_folder,
        write_checksums,
    )

    output = arguments.output
    if output is None:
        output = user_models_folder() / f"paper-{_ROLES[arguments.kind]}.safetensors"
    output.parent.mkdir(parents=True, exist_ok=True)
    check_can_write(output)
    module, configuration, unmatched, missing = _read_published(arguments.kind, arguments.file)
    with write_aside(output) as aside:
        save_weights(
            aside,
            module,
            network=arguments.kind,
            configuration=configuration,
            trained_on=f"imported from {arguments.file.name}",
            preset="paper",
            licence=_LICENCE,
        )
        load_weights(aside, arguments.kind)  # what cannot be read back does not replace anything
    if output.parent.resolve() == user_models_folder().resolve():
        write_checksums(output.parent)
    _report_import(arguments, output, unmatched, missing)


def verify_weights(arguments: argparse.Namespace, _: EngineMaker) -> None:
    """Build every network from its file, and compare checksums.

    Raises:
        WeightsError: A file is missing, damaged, or does not fit its network.
    """
    from SlicerLIMNet.networks.weights import load_weights, read_checksums

    files = arguments.files or [*_installed(), *_lost()]
    if not files:
        raise WeightsError(f"there are no weights in {' or '.join(map(str, _folders()))}")
    faults = []
    for path in files:
        try:
            load_weights(path)
        except WeightsError as error:
            faults.append(str(error))
            continue
        is_listed = path.name in read_checksums(path.parent)
        print(f"{path}: whole{'' if is_listed else ', but no checksum is known'}")
    if faults:
        raise WeightsError("\n".join(faults))


def shrink_weights(arguments: argparse.Namespace, _: EngineMaker) -> None:
    """Write a weights file in eight bits.

    Raises:
        WeightsError: The file is missing or damaged.
        OutputError: The other one cannot be written.
    """
    from SlicerLIMNet.networks.weights import load_weights, save_weights

    output = arguments.output
    check_can_write(output)
    module, info = load_weights(arguments.file)
    stored = info.metadata
    save_weights(
        output,
        module,
        network=info.network,
        configuration=info.configuration,
        trained_on=stored.get("trained_on", ""),
        preset=stored.get("preset", "light"),
        licence=stored.get("licence", ""),
        eight_bits=True,
    )
    before, after = (path.stat().st_size / 1e6 for path in (arguments.file, output))
    print(f"wrote {output}: {after:.1f} MB in place of {before:.1f} MB")


def _read_published(
    kind: str, path: Path
) -> tuple[nn.Module, dict[str, Any], Sequence[str], Sequence[str]]:
    """Return a network of published weights, its configuration, and names that did not match."""
    if kind == "ritm":
        from SlicerLIMNet.networks.import_ritm import load_published_ritm
        from SlicerLIMNet.networks.prompt_network import RitmNetwork

        ritm = load_published_ritm(path)
        prompt = RitmNetwork(ritm.size)
        prompt.load_state_dict(ritm.state_dict)
        return prompt, {"size": ritm.size}, ritm.unmatched, ritm.missing
    from SlicerLIMNet.networks.import_xmem import load_published_xmem
    from SlicerLIMNet.networks.memory_network import XMemNetwork

    xmem = load_published_xmem(path)
    memory = XMemNetwork(*xmem.channels)
    memory.load_state_dict(xmem.state_dict)
    names = ("key_channels", "value_channels", "hidden_channels")
    return memory, dict(zip(names, xmem.channels, strict=True)), xmem.unmatched, ()


def _report_import(
    arguments: argparse.Namespace, output: Path, unmatched: Sequence[str], missing: Sequence[str]
) -> None:
    if arguments.json:
        content = {"output": str(output), "unmatched": [*unmatched], "missing": [*missing]}
        print_json(content)
        return
    print(f"wrote {output}")
    _print_names("in the file, but of no use here", unmatched)
    _print_names("not in the file, and without effect", missing)


def _print_names(what: str, names: Sequence[str]) -> None:
    print(f"{len(names)} tensors {what}{':' if names else ''}")
    for name in names[:_MOST_NAMES]:
        print(f"  {name}")
    if len(names) > _MOST_NAMES:
        print(f"  and {len(names) - _MOST_NAMES} more (--json lists all)")


def _folders() -> list[Path]:
    from SlicerLIMNet.networks.weights import models_folder, user_models_folder

    return [models_folder(), user_models_folder()]


def _installed() -> list[Path]:
    return [path for folder in _folders() for path in sorted(folder.glob("*.safetensors"))]


def _lost() -> Iterable[Path]:
    """Yield files that a list of checksums names and that are not there."""
    from SlicerLIMNet.networks.weights import read_checksums

    for folder in _folders():
        listed = (folder / name for name in read_checksums(folder))
        yield from (path for path in listed if not path.is_file())


def _facts(path: Path) -> dict[str, Any]:
    """Return what a file says about itself, or what is wrong with it."""
    from SlicerLIMNet.networks.weights import read_info

    try:
        info = read_info(path)
    except WeightsError as error:
        return {"file": str(path), "fault": str(error)}
    stored = info.metadata
    return {
        "file": str(path),
        "network": info.network,
        "preset": stored.get("preset", ""),
        "parameters": int(stored.get("parameters", 0)),
        "bytes": path.stat().st_size,
        "trained_on": stored.get("trained_on", ""),
        "licence": stored.get("licence", ""),
        "configuration": dict(info.configuration),
        "sha256": info.sha256,
    }


def _description(row: dict[str, Any]) -> str:
    if "fault" in row:
        return row["fault"]
    millions, megabytes = row["parameters"] / 1e6, row["bytes"] / 1e6
    return (
        f"{row['network']}, preset {row['preset']}, {millions:.2f}M parameters, {megabytes:.1f} MB,"
        f" {row['trained_on']}, licence: {row['licence']}, sha256 {row['sha256'][:12]}"
    )


def _add_list(actions: Any, everywhere: argparse.ArgumentParser) -> None:
    parser = actions.add_parser("list", parents=[everywhere], help="show the weights that are here")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=list_weights)


def _add_import(actions: Any, everywhere: argparse.ArgumentParser) -> None:
    parser = actions.add_parser(
        "import",
        parents=[everywhere],
        help="convert weights that the authors of RITM or XMem publish (.pth)",
        description="Convert published weights (.pth); nothing in the file is executed.",
    )
    parser.add_argument("--kind", choices=tuple(_ROLES), required=True, help="whose weights")
    parser.add_argument("file", type=Path, metavar="FILE", help="as published")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="OUT",
        help="file to write (default: paper-prompt or paper-memory .safetensors in the user's "
        "data folder, where the preset `paper` finds it)",
    )
    parser.add_argument("--json", action="store_true", help="print what did not match as JSON")
    parser.set_defaults(run=import_weights)


def _add_verify(actions: Any, everywhere: argparse.ArgumentParser) -> None:
    parser = actions.add_parser(
        "verify", parents=[everywhere], help="build every network, compare checksums"
    )
    parser.add_argument(
        "files",
        nargs="*",
        type=Path,
        metavar="FILE",
        help="weights files (default: all that are installed)",
    )
    parser.set_defaults(run=verify_weights)


def _add_shrink(actions: Any, everywhere: argparse.ArgumentParser) -> None:
    parser = actions.add_parser(
        "shrink",
        parents=[everywhere],
        help="store weights in eight bits, half the size",
        description="Store weights in eight bits a number, with a step for every output channel.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="weights file; it stays as it is")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="OUT", required=True, help="file to write"
    )
    parser.set_defaults(run=shrink_weights)
