"""OpenVINO in torch's place on a CPU, in exact float32: twice as fast as torch alone.

OpenVINO converts the transformers model inside an encoder from a trace, with every hidden state as
an output and time left open. Batches are of one utterance, so nothing is padded and no mask is
needed; a CPU gains nothing from larger ones. Features agree with torch's to 1e-5 (to 1e-6 where it
was measured), which is looked at on noise of two lengths before the first utterance.

Only encoders that call a whole transformers model with one tensor are served; others stay with
torch, and the tables say which computed what.
"""

import importlib.util
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self

from paralbench.errors import MissingExtraError, ParalbenchError
from paralbench.upstreams.base import Batching, Encoder, HiddenStates

if TYPE_CHECKING:
    import numpy as np
    import torch

BACKEND = "openvino"
TOLERANCE = 1e-5  # relative L2 difference of time means from torch's, as between batches
PROBES = (24_000, 40_123)  # samples of the two lengths of noise

# What may stand beside the one tensor in a call: it chooses the form of the output.
_FORM = frozenset({"output_hidden_states", "output_attentions", "return_dict"})


def require_openvino() -> None:
    """Raise where OpenVINO is not installed.

    Raises:
        MissingExtraError: it is not; the message gives the pip command.
    """
    if importlib.util.find_spec("openvino") is None:
        raise MissingExtraError("the backend 'openvino'", "openvino")


def with_openvino(encoder: Encoder) -> Encoder:
    """The encoder computed by OpenVINO, or itself where it has no model that can be converted.

    Args:
        encoder: on the CPU, in float32. Its model is converted, and the encoder is not to be used
            by itself any more.

    Raises:
        MissingExtraError: OpenVINO is not installed.
        ParalbenchError: OpenVINO cannot convert the model.
    """
    require_openvino()
    probe = _Probe(encoder)
    return OpenVinoEncoder(encoder, probe) if probe.usable else encoder


class _Probe:
    """What an encoder does on noise of two lengths, computed by torch.

    Attributes:
        calls: what its transformers model was called with, if once per length and in a way that
            can be converted: the tensor's shape.
        means: each layer's time mean, per length.
    """

    def __init__(self, encoder: Encoder):
        from paralbench.upstreams import probing

        model: Any = getattr(encoder, "model", None)
        self.model = model if _of_transformers(model) else None
        self.calls: list[tuple[torch.Tensor, ...]] = []
        self.waveforms: list[tuple[torch.Tensor, torch.Tensor]] = []
        self.means: list[list[torch.Tensor]] = []
        self._strange = False
        if self.model is None:
            return
        lengths = [
            min(max(samples, encoder.min_samples), encoder.window_samples) for samples in PROBES
        ]
        hook = self.model.register_forward_pre_hook(self._called, with_kwargs=True)
        try:
            for seed, length in enumerate(lengths):
                self.waveforms.append(probing.noise([length], seed))
                self.means.append(probing.time_means(encoder.forward(*self.waveforms[-1])))
        finally:
            hook.remove()

    def _called(self, _model: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
        import torch

        given = {name: value for name, value in options.items() if value is not None}
        plain = len(arguments) == 1 and isinstance(arguments[0], torch.Tensor)
        if plain and set(given) <= _FORM:
            self.calls.append(arguments)
        else:
            self._strange = True

    @property
    def usable(self) -> bool:
        """Whether the model was called once per utterance, with one tensor of one rank."""
        ranks = {arguments[0].dim() for arguments in self.calls}
        return not self._strange and len(self.calls) == len(PROBES) and len(ranks) == 1

    @property
    def shape(self) -> list[int]:
        """The input's shape; -1 where it depends on the utterance's length."""
        one, other = (arguments[0].shape for arguments in self.calls)
        return [a if a == b else -1 for a, b in zip(one, other, strict=True)]


class OpenVinoEncoder:
    """An encoder whose transformers model is run by OpenVINO; see :func:`with_openvino`."""

    batching: Batching = "single"
    backend: str = BACKEND

    def __init__(self, encoder: Encoder, probe: _Probe):
        self.n_layers, self.dim = encoder.n_layers, encoder.dim
        self.min_samples, self.window_samples = encoder.min_samples, encoder.window_samples
        self.weights_key = encoder.weights_key
        self.padded_samples: int = getattr(encoder, "padded_samples", 0)
        self._encoder: Any = encoder
        self._means: list[list[torch.Tensor]] | None = probe.means
        self._waveforms = probe.waveforms
        self._encoder.model = _Model(probe.model, probe.calls[-1], probe.shape)

    def prepare(self, waveform: "np.ndarray") -> "np.ndarray":
        """As the encoder does."""
        return self._encoder.prepare(waveform)

    def forward(self, waveforms: "torch.Tensor", lengths: "torch.Tensor") -> HiddenStates:
        """Encode one utterance; see :class:`paralbench.upstreams.base.Encoder`.

        Raises:
            ParalbenchError: OpenVINO's features are not torch's; the first call looks.
        """
        if self._means is not None:
            self._check(self._means)
            self._means, self._waveforms = None, []
        return self._encoder.forward(waveforms, lengths)

    def _check(self, means: "list[list[torch.Tensor]]") -> None:
        from paralbench.upstreams import probing

        worst = max(
            probing.relative_difference(one, other)
            for given, wanted in zip(self._waveforms, means, strict=True)
            for one, other in zip(
                wanted, probing.time_means(self._encoder.forward(*given)), strict=True
            )
        )
        if not worst <= TOLERANCE:
            raise ParalbenchError(
                f"the backend 'openvino' gives features that differ from torch's by {worst:.1e} on "
                f"noise; at most {TOLERANCE:.0e} is allowed. Use the backend 'torch'."
            )

    def to(self, device: "torch.device", dtype: "torch.dtype") -> Self:
        """Stay where it is.

        Raises:
            ParalbenchError: another device than the CPU, or another type than float32.
        """
        import torch

        if device.type != "cpu" or dtype != torch.float32:
            raise ParalbenchError(
                f"the backend 'openvino' computes on the cpu in fp32, not on {device} in {dtype}. "
                "Use the backend 'torch'."
            )
        return self


class _Model:
    """Stands in for a transformers model: called with one tensor, it returns hidden states.

    Args:
        model: it is traced and converted.
        example: what it was called with last.
        shape: of its input; -1 where the size is open.
    """

    def __init__(self, model: Any, example: "tuple[torch.Tensor, ...]", shape: list[int]):
        self.config, self.dtype = model.config, model.dtype
        self._n_states = 0
        self._converted: Any = self._convert(model, example[0], shape)
        self._request: Any = None

    def _convert(self, model: Any, example: "torch.Tensor", shape: list[int]) -> Any:
        import torch

        openvino, frontends, decoder = _import_openvino()

        class States(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.model = model

            def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
                output = self.model(
                    x, output_hidden_states=True, output_attentions=False, return_dict=True
                )
                return (*output.hidden_states, output.last_hidden_state)

        frontend = frontends.FrontEndManager().load_by_framework("pytorch")
        failures: tuple[type[Exception], ...] = (
            RuntimeError,
            frontends.GeneralFailure,
            frontends.NotImplementedFailure,
            frontends.OpConversionFailure,
            frontends.OpValidationFailure,
        )
        try:
            with _quietly(), torch.no_grad():
                # The example is a tensor of inference mode, which tracing cannot take.
                traced = decoder.TorchScriptPythonDecoder(States(), example_input=example.clone())
                converted = frontend.convert(frontend.load(traced))
        except failures as error:
            raise ParalbenchError(
                f"OpenVINO cannot convert {type(model).__name__}; use the backend 'torch'. "
                f"{str(error).strip()}"
            ) from error
        converted.reshape(openvino.PartialShape(shape))
        self._n_states = len(converted.outputs) - 1
        return converted

    def _compile(self) -> Any:
        import torch

        openvino, _, _ = _import_openvino()
        settings = {
            # Where the CPU has bfloat16, OpenVINO would use it.
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,  # another process may be pinned to the same cores
            # Of code made for a length, 5000 pieces by default: 2 MB more with every new length.
            "CPU_RUNTIME_CACHE_CAPACITY": 50,
        }
        compiled = openvino.Core().compile_model(self._converted, "CPU", settings)
        self._converted = None  # the compiled model has weights of its own
        return compiled.create_infer_request()

    def __call__(self, x: "torch.Tensor", **_form: Any) -> SimpleNamespace:
        """Hidden states of a batch of one, as transformers returns them."""
        import torch

        if self._request is None:
            self._request = self._compile()
        self._request.infer([x.contiguous().numpy()])
        # Copies: the request writes the next utterance's into the same memory.
        states = [
            torch.from_numpy(self._request.get_output_tensor(index).data.copy())
            for index in range(self._n_states + 1)
        ]
        return SimpleNamespace(hidden_states=tuple(states[:-1]), last_hidden_state=states[-1])


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the warnings of tracing, such as of sizes that become constants.

    Whether they matter is found out by running the result on two lengths.
    """
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(before)


def _of_transformers(model: Any) -> bool:
    if "transformers" not in sys.modules:  # then no model is of its
        return False
    from transformers import PreTrainedModel

    return isinstance(model, PreTrainedModel)


def _import_openvino() -> tuple[Any, Any, Any]:
    """OpenVINO, its front ends and its decoder of torch's traces, without its telemetry.

    Importing OpenVINO reports to its makers over the network, unless a file in the user's home
    says otherwise. Where the package that does so is missing, OpenVINO goes without.
    """
    telemetry = "openvino_telemetry"
    hidden: Any = None
    if telemetry not in sys.modules:
        sys.modules[telemetry] = hidden  # the import system takes None for "cannot be imported"
    try:
        import openvino
        from openvino import frontend
        from openvino.frontend.pytorch import ts_decoder
    finally:
        if sys.modules.get(telemetry) is None:
            del sys.modules[telemetry]
    return openvino, frontend, ts_decoder
