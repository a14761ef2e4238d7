"""A model from the hub, a folder or a GGUF file, behind the protocol.

Only the base model is loaded, without its language-model head; of an encoder-decoder only the encoder.
No model's own code is ever run; a model that has such is refused, unless transformers took the code over.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import torch
import transformers
from torch import nn
from transformers.models.auto import modeling_auto
from transformers.models.auto.tokenization_auto import get_tokenizer_config

from ..errors import ModelError
from ..types import ModelKind
from .faults import explained, quiet, unwatched
from .frozen import FrozenModel
from .origin import Origin, locate, weights_fingerprint
from .protocol import LanguageModel
from .sizes import refuse_counts, refuse_sizes
from .states import TransformersModel

_Model = TypeVar("_Model", bound=FrozenModel)
_DTYPES = {
    "float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16,
    "fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16,
}  # fmt: skip


def load_model(
    model: str | Path | LanguageModel | tuple[Any, Any],
    *,
    revision: str | None = None,
    dtype: str = "auto",
    device: str = "auto",
    device_map: str | None = None,
    offline: bool = False,
    fast_matmul: bool = True,
) -> LanguageModel:
    """A frozen language model behind one protocol, whatever its architecture.

    Args:
        model: ``"mini-encoder"``, ``"mini-decoder"`` (shipped), a Hugging Face model id, a folder, a
            ``.gguf`` file; or a loaded ``(model, tokenizer)`` pair of transformers, which stays on its
            device and is known by a hash of its weights. A :class:`LanguageModel` is given back as it is.
        revision: commit, tag or branch of a hub model.
        dtype: of computation; auto is float32 on the CPU, bfloat16 on GPUs that have it.
        device: auto is CUDA, else MPS, else the CPU.
        device_map: ``"auto"`` spreads a model that fits on no single device, and overrides ``device``.
        offline: never contact the hub.
        fast_matmul: let float32 products on the CPU go through oneDNN where that is exact.

    Raises ModelError, with a remedy, for anything that stands in the way.

    Example:
        >>> import concept_align as ca
        >>> model = ca.load_model("mini-encoder")
        >>> model.kind, model.layers, model.dim
        ('encoder', 4, 256)
    """
    if isinstance(model, tuple):
        return _in_memory(*model, fast=fast_matmul)
    if not isinstance(model, str | Path):
        return model
    architecture, name = "", str(model)

    def read(origin: Origin, config: Any, kind: torch.dtype) -> nn.Module:
        nonlocal architecture
        module, architecture = read_base(origin, config, kind, device_map)
        return module

    def probed(module: nn.Module, tokenizer: Any, origin: Origin) -> TransformersModel:
        module.config.use_cache = False  # type: ignore[union-attr]
        return TransformersModel(
            module,
            tokenizer,
            name=name,
            revision=origin.revision,
            architecture=architecture,
            fast=fast_matmul,
        )

    return opened(name, read, probed, revision, dtype, device, device_map, offline)


def read_base(
    origin: Origin, config: Any, kind: torch.dtype, device_map: str | None = None
) -> tuple[nn.Module, str]:
    """The part of a model that reads text, without its head, and what the whole of it is called."""
    loaded = None
    if (
        getattr(config, "is_encoder_decoder", False)
        and config.model_type in modeling_auto.MODEL_FOR_TEXT_ENCODING_MAPPING_NAMES
    ):
        with suppress(ValueError):  # T5Gemma's is for configurations of encoders alone
            loaded = pretrained(transformers.AutoModelForTextEncoding, origin, config, kind, device_map)
    module, missing = loaded or pretrained(transformers.AutoModel, origin, config, kind, device_map)
    complain_of([key for key in missing if "pooler" not in key], origin)
    return _text_part(module, config), type(module).__name__


def _in_memory(module: Any, tokenizer: Any, *, fast: bool) -> TransformersModel:
    """A pair that the caller has loaded; its module is used as it is, less its head."""
    if not isinstance(module, nn.Module) or not callable(tokenizer):
        raise ModelError("not a pair of a model and its tokenizer", remedy="give (model, tokenizer)")
    base = getattr(module, "base_model", module)
    config: Any = base.config
    name = Path(getattr(config, "_name_or_path", "") or type(base).__name__).name
    with quiet(), explained(name):
        text = _text_part(base, config)
        return TransformersModel(
            text,
            tokenizer,
            name=name,
            revision=weights_fingerprint(text),
            architecture=type(base).__name__,
            fast=fast,
        )


def opened(
    name: str,
    read: Callable[[Origin, Any, torch.dtype], nn.Module],
    probed: Callable[[nn.Module, Any, Origin], _Model],
    revision: str | None,
    dtype: str,
    device: str,
    device_map: str | None,
    offline: bool,
) -> _Model:
    """What ``probed`` makes of the module that ``read`` makes of the files called ``name``, on its device."""
    place = choose_device(device)
    kind = choose_dtype(dtype, place)
    with quiet(), explained(name):
        origin = locate(name, revision, offline)
        config = configuration(origin)
        notes = own_code(origin, config)
        tokenizer = transformers.AutoTokenizer.from_pretrained(origin.path, **loading_options(origin))
        module = read(origin, config, kind)
        model = probed(module if device_map is not None else module.to(place), tokenizer, origin)
        model.notes = (*notes, *model.notes)
        return model


def own_code(origin: Origin, config: Any) -> list[str]:
    """Notes of the code that comes with the model and that transformers has taken over.

    ModelError where it has not: transformers would pass by the code without a word and give other answers.
    """
    ours = {key: value for key, value in loading_options(origin).items() if key != "trust_remote_code"}
    told = {} if origin.gguf else get_tokenizer_config(origin.path, **ours)
    of_tokenizer = told.get("auto_map") if isinstance(told, dict) else None
    notes = []
    for where, named in (("config.json", getattr(config, "auto_map", None)),
                         ("tokenizer_config.json", of_tokenizer)):  # fmt: skip
        entries = named.items() if isinstance(named, dict) else [("AutoTokenizer", named)] if named else ()
        for kind, classes in entries:
            if kind.endswith(("Classification", "QuestionAnswering", "MultipleChoice")):
                continue  # heads that are not loaded
            for name in filter(None, classes if isinstance(classes, list | tuple) else [classes]):
                if not taken_over(str(name), config):
                    raise ModelError(
                        f"its {kind} is code of its own ({name} in {where}), which is never run",
                        where=origin.path,
                        remedy="use a model whose code is in transformers; where transformers' own class "
                        f"gives the same answers, take auto_map out of a copy's {where}",
                    )
                notes.append(f"{name.partition('--')[2] or name} is not run: transformers has that class")
    return notes


def taken_over(name: str, config: Any) -> bool:
    """Whether transformers has the class ``name`` (``modeling_phi3.Phi3Model``) beside that of ``config``."""
    module, _, wanted = name.rpartition("--")[2].rpartition(".")
    package = type(config).__module__.rpartition(".")[0]
    try:
        there = dir(import_module(f"{package}.{module}"))
    except (ImportError, ValueError):
        return False
    return wanted.lower() in {one.lower() for one in there}


def choose_device(device: str) -> torch.device:
    """The device called ``device``; ModelError where the machine has none such."""
    mps = torch.backends.mps.is_available()
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if mps else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise ModelError(
            f"there is no device {device!r}", option="device", remedy="use auto, cpu, cuda, cuda:1 or mps"
        ) from error
    cuda = torch.cuda.is_available() and (chosen.index or 0) < torch.cuda.device_count()
    if (chosen.type == "cuda" and not cuda) or (chosen.type == "mps" and not mps):
        raise ModelError(f"this machine has no {device}", option="device", remedy="use auto or cpu")
    return chosen


def choose_dtype(dtype: str, device: torch.device) -> torch.dtype:
    """The dtype called ``dtype``; auto is float32 on the CPU and bfloat16 on GPUs that have it."""
    if dtype == "auto":
        half = device.type == "cuda" and torch.cuda.is_bf16_supported()
        return torch.bfloat16 if half else torch.float32
    if dtype not in _DTYPES:
        remedy = "use auto, float32, bfloat16 or float16"
        raise ModelError(f"there is no dtype {dtype!r}", option="dtype", remedy=remedy)
    return _DTYPES[dtype]


def loading_options(origin: Origin) -> dict[str, Any]:
    options: dict[str, Any] = {"trust_remote_code": False, "local_files_only": origin.offline}
    if origin.gguf:
        options["gguf_file"] = origin.gguf
    if origin.commit:
        options["revision"] = origin.commit
    return options


def configuration(origin: Origin) -> Any:
    """The model's configuration; ModelError where it asks for more than its weights could fill."""
    options = loading_options(origin)
    told, _ = transformers.PretrainedConfig.get_config_dict(origin.path, **options)
    refuse_counts(told, origin)
    config = transformers.AutoConfig.from_pretrained(origin.path, **options)
    refuse_sizes(config, origin)
    return config


def configured_kind(config: Any) -> ModelKind:
    """Whether the configuration is of a decoder; a loaded model is asked itself."""
    text = config.get_text_config()  # of a multimodal one, the part about text
    causal = text.model_type in modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    masked = text.model_type in modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES
    both_ways = getattr(text, "use_bidirectional_attention", False) in (True, "all")  # not of images alone
    if getattr(config, "is_encoder_decoder", False) or both_ways:
        return "encoder"
    return "decoder" if causal and not masked else "encoder"


def pretrained(
    loader: Any, origin: Origin, config: Any, dtype: torch.dtype, device_map: str | None
) -> tuple[nn.Module, list[str]]:
    """The weights in the class that ``loader`` chooses, and the names of those that are not there."""
    options = loading_options(origin) | {"output_loading_info": True}
    # transformers 5 renamed torch_dtype; both mean the dtype the weights are read into.
    options["dtype" if int(transformers.__version__.split(".")[0]) >= 5 else "torch_dtype"] = dtype
    if device_map is not None:
        options["device_map"] = device_map
    if not origin.gguf:
        options["config"] = config
    with unwatched() if origin.gguf else nullcontext():
        module, loaded = loader.from_pretrained(origin.path, **options)
    return module, sorted(loaded["missing_keys"])


def complain_of(missing: Sequence[str], origin: Origin) -> None:
    """ModelError if there are ``missing`` weights."""
    if missing:
        what = f"{len(missing)} weights are missing and would be random, {missing[0]} first"
        remedy = "the files belong to another architecture or are not whole: fetch the model again"
        raise ModelError(what, where=origin.path, remedy=remedy)


def _text_part(module: nn.Module, config: Any) -> nn.Module:
    """The encoder of an encoder-decoder, the language model of a multimodal model, or the model itself."""
    if getattr(config, "is_encoder_decoder", False):
        encoder = module.get_encoder()  # type: ignore[operator]
        if not isinstance(encoder, transformers.PreTrainedModel):
            what = f"the encoder of {type(module).__name__} is no model of its own"
            raise ModelError(what, remedy="use another model")
        return encoder
    if config.get_text_config() is not config:
        return module.get_decoder()  # type: ignore[operator]
    return module
