"""``reprise export``: the model as ONNX or as a torch.export program."""

from __future__ import annotations

import argparse
from pathlib import Path

from reprise.commands.output import add_quiet
from reprise.commands.trust import add_trust

EXAMPLES = """
reprise export                                    (models/model.onnx)
reprise export --format torch --output model.pt2
"""
ENDINGS = {"onnx": ".onnx", "torch": ".pt2"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument(
        "--format", choices=tuple(ENDINGS), default="onnx",
        help="ONNX, or a program for torch.export.load (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--model", type=Path, default=Path("models"), metavar="DIR",
        help="the folder with model.json and model.safetensors (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="(default: model.onnx or model.pt2 beside the model)"
    )
    parser.add_argument(
        "--prepared", type=Path, default=Path("data/prepared"), metavar="DIR",
        help="its test rows check the result (default: %(default)s)",
    )  # fmt: skip
    add_trust(parser)
    add_quiet(parser)


def run(arguments: argparse.Namespace) -> None:
    """Export, check and say what was checked."""
    from reprise.model.card import read_card

    card = read_card(arguments.model)  # a missing model is told before torch is loaded
    from reprise.export.export import export

    output = arguments.output or arguments.model / f"model{ENDINGS[arguments.format]}"
    done = export(arguments.model, arguments.prepared, arguments.format, output, trust=arguments.trust_code)
    if arguments.quiet:
        return
    print(f"{output}: {arguments.format}, raw values in, {done.outputs} out; SHA-256 {done.sha256}")
    if card.threshold is not None:
        print(
            f"note: the model predicts class {card.classes[1]!r} from probability {card.threshold:.9g} on; "
            "probabilities come out, so that is left to who takes them (threshold in the metadata)"
        )
    print(f"checked on {done.rows} {done.kind}: largest difference from PyTorch {done.difference:.3g}")
