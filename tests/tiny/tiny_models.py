"""Small random models and tokenizers made from configurations: real architectures without a download.

``TINY`` names the architectures; ``tiny_module`` builds one, ``tiny_folder`` saves it with a tokenizer as
a model from the hub would be. Their norms and biases are drawn too, so that no layer is trivially like
another. ``TOKENIZERS`` are trained on words of twenty scripts.
"""

import copy
import unicodedata
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors, trainers
from tokenizers import models as tokenizer_models
from torch import nn

BLOCKS, DIM, VOCABULARY = 4, 32, 700

# A few letters of each script, marks included, to make words of.
SCRIPTS: dict[str, tuple[str, ...]] = {
    "Latin": tuple("aeionrtsláéñüçşğ"),
    "Cyrillic": tuple("аеиорстнйёїў"),
    "Greek": tuple("αειοστνρήώϊΰ"),
    "Arabic": ("ا", "ب", "ت", "ل", "م", "ن", "أ", "ؤ", "كُ", "دَّ"),
    "Hebrew": ("א", "ב", "ה", "ל", "ם", "שׁ", "בּ", "קָ"),
    "Devanagari": ("क", "र", "न", "ता", "कि", "स्", "में", "ज़"),
    "Bengali": ("ক", "র", "না", "তি", "ড়", "কো", "স্"),
    "Tamil": ("க", "ம்", "தி", "ரு", "கொ", "னை"),
    "Telugu": ("క", "ర", "ను", "లో", "కి", "స్"),
    "Thai": ("ก", "า", "ที่", "น้ำ", "ใจ", "เธอ"),
    "Han": tuple("我们在学校看书神龍"),
    "Kana": ("か", "が", "ぱ", "ん", "カ", "ガ", "ー", "し"),
    "Hangul": ("한", "국", "말", "이", "다", "었"),
    "Georgian": tuple("აბგდეილმნს"),
    "Armenian": tuple("աբգդեիլմնև"),
    "Ethiopic": tuple("ሀለመሠረሰበተነ"),
    "Khmer": ("ក", "ខ្មែរ", "នៅ", "ជា"),
    "Myanmar": ("က", "မြန်", "မာ", "သည်", "ို့"),
    "Gurmukhi": ("ਕ", "ਰ", "ਨਾ", "ਹੈ", "ਖ਼", "ਪੰ"),
    "Sinhala": ("ක", "ර", "නා", "කො", "ශ්‍රී"),
    "Emoji": ("🙂", "👍🏽", "👩‍👩‍👧", "❤️", "🇫🇮", "1️⃣"),
}
SPACELESS = frozenset({"Thai", "Han", "Kana", "Khmer", "Myanmar", "Emoji"})


def draw_word(script: str, rng: np.random.Generator) -> str:
    letters = SCRIPTS[script]
    return "".join(letters[i] for i in rng.integers(len(letters), size=rng.integers(1, 7)))


def draw_sentence(script: str, rng: np.random.Generator, form: str = "NFC") -> tuple[str, np.ndarray]:
    """A text of a few words in one Unicode normal form, and the words' spans [words, 2]."""
    text, spans = "", []
    for i in range(rng.integers(1, 9)):
        if i and (script not in SPACELESS or rng.random() < 0.2):
            text += "  " if rng.random() < 0.05 else " "
        word = unicodedata.normalize(form, draw_word(script, rng))
        spans.append((len(text), len(text) + len(word)))
        text += word
        if rng.random() < 0.2:
            text += rng.choice(list(".,!?;)«»。"))
            spans.append((len(text) - 1, len(text)))
    return text, np.array(spans, dtype=np.int32)


@cache
def corpus() -> tuple[str, ...]:
    rng = np.random.default_rng(0)
    return tuple(draw_sentence(script, rng)[0] for script in SCRIPTS for _ in range(30))


def _wrap(tokenizer: Tokenizer, **special: str) -> Any:
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)


def wordpiece() -> Any:
    """As BERT: [CLS] ... [SEP], unknown characters become [UNK]."""
    tokenizer = Tokenizer(tokenizer_models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    trainer = trainers.WordPieceTrainer(vocab_size=500, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return _wrap(tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]")


def unigram() -> Any:
    """As XLM-R: NFKC, "▁" for spaces and before the text, <s> ... </s>."""
    tokenizer = Tokenizer(tokenizer_models.Unigram())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(
        vocab_size=450, special_tokens=special, unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return _wrap(tokenizer, pad_token="<pad>", unk_token="<unk>", bos_token="<s>", eos_token="</s>")


def unigram_without_start() -> Any:
    """As mT5: an end piece, no start piece."""
    wrapped = copy.deepcopy(TOKENIZERS["unigram"]())
    wrapped.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 2)]
    )
    return wrapped


def _byte_level(*, normalizer: Any = None, prefix_space: bool = False, ignore_merges: bool = False) -> Any:
    tokenizer = Tokenizer(tokenizer_models.BPE(ignore_merges=ignore_merges))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix_space)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=prefix_space)
    return _wrap(tokenizer, eos_token="<|endoftext|>")


def byte_level() -> Any:
    """As GPT-2 and Bloom: bytes, the space inside the piece and its offsets, no special pieces."""
    return _byte_level()


def byte_level_nfc() -> Any:
    """As Qwen and Llama 3: NFC first, words of the vocabulary taken whole."""
    return _byte_level(normalizer=normalizers.NFC(), ignore_merges=True)


def byte_level_prefixed() -> Any:
    """As RoBERTa: a space put before the text, offsets trimmed."""
    return _byte_level(prefix_space=True)


def _byte_fallback(*, prepend: bool) -> Any:
    tokenizer = Tokenizer(tokenizer_models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    steps: list[Any] = [normalizers.Replace(" ", "▁")]
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), *steps] if prepend else steps)
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback()])
    special = ["<pad>", "<eos>", "<bos>", "<unk>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(
        vocab_size=560, special_tokens=special, limit_alphabet=120, show_progress=False
    )
    # Without a pre-tokenizer a whole sentence would be one word to the trainer.
    tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 2)])
    return _wrap(tokenizer, pad_token="<pad>", eos_token="<eos>", bos_token="<bos>", unk_token="<unk>")


def byte_fallback() -> Any:
    """As Gemma: "▁" for spaces, bytes for unknown characters, <bos>."""
    return _byte_fallback(prepend=False)


def byte_fallback_prefixed() -> Any:
    """As Llama 2: the same with "▁" put before the text."""
    return _byte_fallback(prepend=True)


TOKENIZERS: dict[str, Callable[[], Any]] = {
    maker.__name__: cache(maker)
    for maker in (
        wordpiece,
        unigram,
        unigram_without_start,
        byte_level,
        byte_level_nfc,
        byte_level_prefixed,
        byte_fallback,
        byte_fallback_prefixed,
    )
}

SHAPE: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": DIM,
    "num_hidden_layers": BLOCKS,
    "num_attention_heads": 4,
    "intermediate_size": 48,
}
GROUPED = SHAPE | {"num_key_value_heads": 2, "head_dim": 8}

# name -> (configuration, tokenizer); names are those users know the architectures by
TINY: dict[str, tuple[Callable[[], Any], str]] = {
    "bert": (lambda: transformers.BertConfig(**SHAPE), "wordpiece"),
    "xlm-roberta": (
        lambda: transformers.XLMRobertaConfig(**SHAPE, pad_token_id=1, max_position_embeddings=130),
        "unigram",
    ),
    "mt5": (
        lambda: transformers.MT5Config(
            vocab_size=VOCABULARY,
            d_model=DIM,
            d_kv=8,
            d_ff=48,
            num_layers=BLOCKS,
            num_decoder_layers=2,
            num_heads=4,
            decoder_start_token_id=0,
        ),
        "unigram_without_start",
    ),
    "gpt2": (
        lambda: transformers.GPT2Config(
            vocab_size=VOCABULARY, n_embd=DIM, n_layer=BLOCKS, n_head=4, bos_token_id=0, eos_token_id=0
        ),
        "byte_level",
    ),
    "bloom": (
        lambda: transformers.BloomConfig(vocab_size=VOCABULARY, hidden_size=DIM, n_layer=BLOCKS, n_head=4),
        "byte_level",
    ),
    "llama": (lambda: transformers.LlamaConfig(**GROUPED), "byte_fallback_prefixed"),
    "qwen2": (lambda: transformers.Qwen2Config(**SHAPE, num_key_value_heads=2), "byte_level_nfc"),
    "qwen3": (lambda: transformers.Qwen3Config(**GROUPED), "byte_level_nfc"),
    "gemma": (lambda: transformers.GemmaConfig(**GROUPED), "byte_fallback"),
    "gemma2": (lambda: transformers.Gemma2Config(**GROUPED, sliding_window=8), "byte_fallback"),
    "gemma3": (lambda: transformers.Gemma3TextConfig(**GROUPED, sliding_window=8), "byte_fallback"),
}


def tiny_module(name: str, *, seed: int = 0, head: bool = False) -> nn.Module:
    """The random base model, or the model with its language-model head where ``head``."""
    config = TINY[name][0]()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        maker = transformers.AutoModelForCausalLM if head else transformers.AutoModel
        module = maker.from_config(config)
        with torch.no_grad():
            for parameter in module.parameters():
                if parameter.ndim == 1:
                    parameter.add_(0.3 * torch.randn_like(parameter))
                elif parameter.std() < 0.1:  # the usual 0.02 leaves small models all but linear
                    parameter.mul_(5)
    return module.eval()


def tiny_folder(folder: Path, name: str, *, seed: int = 0, head: bool = False) -> Path:
    """The model and its tokenizer, saved as a folder that ``load`` reads."""
    verbosity = transformers.utils.logging.get_verbosity()
    bars = transformers.utils.logging.is_progress_bar_enabled()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    try:
        tiny_module(name, seed=seed, head=head).save_pretrained(folder)
        TOKENIZERS[TINY[name][1]]().save_pretrained(folder)
    finally:
        transformers.utils.logging.set_verbosity(verbosity)
        if bars:
            transformers.utils.logging.enable_progress_bar()
    return folder
