"""Writes a network as an ONNX file and runs it: all that we ask of ONNX and ONNX Runtime.

The TorchScript exporter is used, not the newer one: for the same five random networks of the
default space at 1024x512 it took 0.5 to 5.2 s a network, median 0.8, instead of 4.0 to 8.8,
median 4.6 (one core, torch 2.13). ``onnxscript`` then folds what it leaves behind: 418 nodes
became 232 in 0.4 s.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import onnxscript.optimizer
import torch
from numpy.typing import NDArray
from torch import Tensor

from nas.streaming import StreamingForm

#: The oldest that has all we need: tool chains of cars lag behind.
OPSET = 17
_QUIET = 4
_LOGGERS = ("torch.onnx", "onnxscript", "onnx_ir")


def write_onnx(
    form: StreamingForm,
    inputs: Sequence[Tensor],
    path: Path,
    *,
    input_names: Sequence[str],
    output_names: Sequence[str],
) -> onnx.ModelProto:
    """Write one file with the weights inside and the shape of every tensor; prints nothing.

    Normalisations are folded into the convolutions before them.
    """
    with _silence(), torch.no_grad():
        torch.onnx.export(
            form.eval(),
            tuple(inputs),
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=list(input_names),
            output_names=list(output_names),
        )
        model = _simplified(onnx.load(path))
    model.producer_name = "neurall-search"
    onnx.checker.check_model(model)
    onnx.save_model(model, path)
    return model


class OnnxRunner:
    """ONNX Runtime on the CPU with as many threads as torch uses."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = _QUIET
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Outputs by name."""
        names = [output.name for output in self._session.get_outputs()]
        feeds: dict[str, NDArray[np.generic]] = {
            name: value.contiguous().numpy() for name, value in inputs.items()
        }
        values = self._session.run(names, feeds)
        return {name: torch.from_numpy(v) for name, v in zip(names, values, strict=True)}


def _simplified(model: onnx.ModelProto) -> onnx.ModelProto:
    """Constants folded, equal weights joined, shapes of all tensors noted.

    ``ConstantOfShape`` is left alone by default, to keep models small; the exporter makes the
    few numbers of a padding with it.
    """
    onnxscript.optimizer.fold_constants(
        model, should_fold=lambda node: True if node.op_type == "ConstantOfShape" else None
    )
    return onnxscript.optimizer.optimize(model)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Neither prints nor warnings: the exporter warns of its own age and of every trace."""
    levels = {name: logging.getLogger(name).level for name in _LOGGERS}
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
