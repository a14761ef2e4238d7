"""Words per second from text pieces to word states: this project, the published way, and two peers.

The model is a random BERT of mBERT's shape (12 blocks of 768, vocabulary 119,547), the sentences are random
pieces with the length distribution of UD English-EWT's dev split and 1.5 pieces a word, so that nothing has
to be downloaded. All ways get the same pieces.

*paper style* is the way of the released code of Xu et al. (2023), written anew: the whole model for every
batch of 8 unsorted sentences, all hidden states stacked, and a Python loop that picks each word's piece.
*pipeline* and *sentence-transformers* give the last layer only and do not pool words. ``twice_vs_once`` is
the time of mini-decoder, which comes with the package, for sentences that are read twice over that for the
same sentences read once.
"""

import importlib.util
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from side_by_side import EWT_DECILES, arguments, interleaved, report

VOCABULARY = 119_547
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def random_texts(sentences: int) -> tuple[list[str], list[np.ndarray]]:
    """Texts of made-up words ("a17b4": a first piece and a continuation), and the words' spans."""
    rng = np.random.default_rng(0)
    lengths = (
        np.interp(rng.random(sentences), np.linspace(0, 1, len(EWT_DECILES)), EWT_DECILES).round().astype(int)
    )
    texts, spans = [], []
    for length in lengths:
        words = []
        for continuations in rng.poisson(0.52, length):
            numbers = rng.integers(0, 50_000, continuations + 1)
            words.append(f"a{numbers[0]}" + "".join(f"b{number}" for number in numbers[1:]))
        ends = np.cumsum([len(word) + 1 for word in words]) - 1
        texts.append(" ".join(words))
        spans.append(np.stack([ends - [len(word) for word in words], ends], 1).astype(np.int32))
    return texts, spans


def make_model(folder: Path, layers: int) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, BertTokenizerFast

    vocabulary = {token: code for code, token in enumerate(SPECIAL)}
    for number in range(50_000):
        vocabulary[f"a{number}"] = len(vocabulary)
        vocabulary[f"##b{number}"] = len(vocabulary)
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=1000))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    BertTokenizerFast(tokenizer_object=tokenizer, model_max_length=512).save_pretrained(folder)
    torch.manual_seed(0)
    BertModel(BertConfig(vocab_size=VOCABULARY, num_hidden_layers=layers)).save_pretrained(folder)


def paper_style(model: Any, sentences: list[Any], layer: int, pad: int = 0) -> torch.Tensor:
    """First-piece states of one layer, as published. [words, dim]"""
    words = []
    with torch.no_grad():
        for at in range(0, len(sentences), 8):
            batch = sentences[at : at + 8]
            longest = max(len(s.ids) for s in batch)
            ids = torch.full((len(batch), longest), pad)
            mask = torch.zeros_like(ids)
            for row, s in enumerate(batch):
                ids[row, : len(s.ids)] = torch.from_numpy(s.ids.astype(np.int64))
                mask[row, : len(s.ids)] = 1
            found = model(
                input_ids=ids.to(model.device),
                attention_mask=mask.to(model.device),
                output_hidden_states=True,
            )
            states = torch.stack(found.hidden_states)[layer].cpu()
            for row, s in enumerate(batch):
                for place in s.begin.tolist():
                    words.append(states[row, place])
    return torch.stack(words)


def ours(model: Any, sentences: list[Any], layer: int) -> torch.Tensor:
    parts = [
        part.words[layer].float().cpu()
        for part in model.word_states(sentences, (layer,), pooling="first", batch_pieces=512)
    ]
    return torch.cat(parts)


def twice_vs_once(name: str, texts: list[str], spans: list[np.ndarray], rounds: int) -> float:
    """Time of a decoder's last layer where each sentence is read twice, over that where it is read once."""
    from concept_align.models.load import load_model
    from concept_align.models.pieces import repeated

    model = load_model(name, device="cpu")
    cut = {read: model.pieces_many(*repeated(texts, spans, read)) for read in ("once", "twice")}
    fit = [place for place, both in enumerate(cut["twice"]) if len(both.ids) <= model.max_pieces]
    some = {read: [pieces[place] for place in fit] for read, pieces in cut.items()}
    ways = {read: lambda own=own: ours(model, own, model.layers) for read, own in some.items()}
    seconds = interleaved(ways, rounds=rounds)
    return seconds["twice"] / seconds["once"]


def gemm_rate(dtype: torch.dtype, device: str) -> float:
    """FLOP/s of the linear maps of a block on 512 pieces, in the fastest setting found for the dtype."""
    best, rows = 0.0, 512 if device == "cpu" else 16_384
    for precision in ("highest", "medium") if dtype == torch.float32 and device == "cpu" else ("highest",):
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision(precision)
        x, h = (torch.randn(rows, n, dtype=dtype, device=device) for n in (768, 3072))
        up, down, square = (
            torch.nn.Linear(a, b, dtype=dtype, device=device)
            for a, b in ((768, 3072), (3072, 768), (768, 768))
        )
        flops = 2 * rows * (2 * 768 * 3072 + 4 * 768 * 768)

        def block(x=x, h=h, up=up, down=down, square=square) -> None:
            with torch.inference_mode():
                for _ in range(10):
                    up(x), down(h), square(x), square(x), square(x), square(x)
                if device != "cpu":
                    torch.cuda.synchronize()

        best = max(best, 10 * flops / interleaved({"gemm": block}, rounds=5)["gemm"])
        torch.set_float32_matmul_precision(before)
    return best


def useful_flops(sentences: list[Any], layers: int) -> float:
    """What the product needs: ``layers`` blocks over real pieces, no padding."""
    linear = 2 * (4 * 768 * 768 + 2 * 768 * 3072)
    return float(sum(layers * len(s.ids) * (linear + 4 * 768 * len(s.ids)) for s in sentences))


def has_fast_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 faster than float32: some only emulate it."""
    return gemm_rate(torch.bfloat16, "cpu") > 1.2 * gemm_rate(torch.float32, "cpu")


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--layer", type=int, default=7, help="the middle layer that is wanted, of 12")
    options = parser.parse_args()
    from concept_align.models.load import load_model

    texts, spans = random_texts(64 if options.quick else 160)
    words = sum(len(span) for span in spans)
    with tempfile.TemporaryDirectory() as folder:
        make_model(Path(folder), 12)
        model = load_model(folder, dtype="float32", device=options.device)
        low = (
            load_model(folder, dtype="bfloat16", device=options.device)
            if options.device != "cpu" or has_fast_bfloat16()
            else None
        )
        from transformers import AutoModel

        plain = AutoModel.from_pretrained(folder).eval().to(options.device)
        pieces = [model.cutter.cut(text, span) for text, span in zip(texts, spans, strict=True)]
        ways: dict[str, Callable[[], Any]] = {
            "paper style": lambda: paper_style(plain, pieces, options.layer),
            "ours, fp32": lambda: ours(model, pieces, options.layer),
        }
        if low is not None:
            ways["ours, bf16"] = lambda: ours(low, pieces, options.layer)
        add_peers(ways, folder, texts, options.device)
        reference, fast = paper_style(plain, pieces, options.layer), ours(model, pieces, options.layer)
        error = float((reference - fast).norm() / reference.norm())
        seconds = interleaved(ways, rounds=3 if options.quick else 7)
        limit = gemm_rate(torch.float32, options.device)
        rate = useful_flops(pieces, options.layer) / seconds["ours, fp32"]
        figures: dict[str, Any] = {
            "words_per_s": words / seconds["ours, fp32"],
            "vs_paper_style": seconds["paper style"] / seconds["ours, fp32"],
            "relative_error": f"{error:.1e}",
            "share_of_gemm_limit": rate / limit,
            "gemm_gflops": limit / 1e9,
            "threads": torch.get_num_threads(),
            "device": torch.cuda.get_device_name() if options.device == "cuda" else options.device,
            "twice_vs_once": twice_vs_once("mini-decoder", texts, spans, rounds=3 if options.quick else 7),
        }
        if low is not None:
            error16 = float((reference - ours(low, pieces, options.layer)).norm() / reference.norm())
            limit16 = gemm_rate(torch.bfloat16, options.device)
            figures |= {
                "bf16_vs_paper_style": seconds["paper style"] / seconds["ours, bf16"],
                "bf16_words_per_s": words / seconds["ours, bf16"],
                "bf16_relative_error": f"{error16:.1e}",
                "bf16_share_of_gemm_limit": useful_flops(pieces, options.layer)
                / seconds["ours, bf16"]
                / limit16,
                "bf16_gemm_gflops": limit16 / 1e9,
            }
        for name in ("pipeline", "sentence-transformers"):
            key = f"vs_{name.replace('-', '_')}"
            figures[key] = seconds[name] / seconds["ours, fp32"] if name in seconds else "not installed"
    report(
        f"words per second, layer {options.layer} of 12, {len(texts)} sentences, {words} words",
        {name: f"{words / value:9,.0f}" for name, value in seconds.items()},
        figures,
        only_json=options.json,
    )


def add_peers(ways: dict[str, Callable[[], Any]], folder: str, texts: list[str], device: str) -> None:
    from transformers import AutoModel, AutoTokenizer, FeatureExtractionPipeline

    pipeline = FeatureExtractionPipeline(
        model=AutoModel.from_pretrained(folder).eval(),
        tokenizer=AutoTokenizer.from_pretrained(folder),
        device=device,
    )
    ways["pipeline"] = lambda: pipeline(texts, batch_size=8, return_tensors=True)
    if importlib.util.find_spec("sentence_transformers"):
        from sentence_transformers import SentenceTransformer

        peer = SentenceTransformer(folder, device=device)
        ways["sentence-transformers"] = lambda: peer.encode(
            texts, batch_size=32, output_value="token_embeddings"
        )


if __name__ == "__main__":
    main()
