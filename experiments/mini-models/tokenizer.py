"""The tokenizer of both models: a SentencePiece unigram model with byte fallback, kept as a fast tokenizer.

A unigram model rather than byte-pair merges, because its pieces follow stems and endings more often, and for
a word that is new the ending says most about its class. Characters outside the inventory become bytes, so
there is no unknown piece in any script.
"""

import argparse
import random
from collections.abc import Iterator
from pathlib import Path

import sentencepiece
from mixture import TREEBANKS, Text, read_texts, temperature_shares
from sentencepiece import sentencepiece_model_pb2 as proto
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast
from words import UNSPACED

SPECIAL = ["<pad>", "<unk>", "<s>", "</s>", "<mask>"]
PAD, UNK, BOS, EOS, MASK = range(5)


def lines(texts: list[Text], characters: int, temperature: float, seed: int) -> Iterator[str]:
    """Lines of all languages, ``characters`` in all, in the shares of the temperature, in a random order.

    Half of a language's share is treebank text where it has some: the rest speaks of software.
    """
    generator = random.Random(seed)
    by_language: dict[str, tuple[list[str], list[str]]] = {}
    for text in texts:
        by_language.setdefault(text.language, ([], []))[text.source == TREEBANKS].extend(text.lines)
    sizes = {lang: sum(len(line) for half in held for line in half) for lang, held in by_language.items()}
    chosen: list[str] = []
    for lang, share in temperature_shares(sizes, temperature).items():
        halves = [half for half in by_language[lang] if half]
        for half in halves:
            generator.shuffle(half)
            left = share * characters / len(halves)
            while left > 0:  # a small text goes round more than once
                for line in half:
                    chosen.append(line)
                    left -= len(line)
                    if left <= 0:
                        break
    generator.shuffle(chosen)
    yield from chosen


def train(
    texts: list[Text], folder: Path, *, pieces: int, characters: int, coverage: float, seed: int
) -> None:
    """Train on a balanced sample and write ``tokenizer.json`` and its configuration to ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / "sentencepiece"
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=lines(texts, characters, 0.4, seed),
        model_prefix=str(stem),
        vocab_size=pieces,
        model_type="unigram",
        character_coverage=coverage,
        byte_fallback=True,
        split_digits=True,
        normalization_rule_name="identity",
        max_sentence_length=20_000,
        num_threads=2,
        minloglevel=1,
        pad_id=PAD,
        unk_id=UNK,
        bos_id=BOS,
        eos_id=EOS,
        pad_piece=SPECIAL[PAD],
        unk_piece=SPECIAL[UNK],
        bos_piece=SPECIAL[BOS],
        eos_piece=SPECIAL[EOS],
        user_defined_symbols=[SPECIAL[MASK]],
    )
    fast(stem.with_suffix(".model")).save_pretrained(folder)


def train_segmenter(lines: list[str], file: Path, pieces: int) -> None:
    """A unigram model of one language without spaces; its pieces stand for words, marks apart."""
    file.parent.mkdir(parents=True, exist_ok=True)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_prefix=str(file.with_suffix("")),
        vocab_size=pieces,
        model_type="unigram",
        character_coverage=1.0,
        add_dummy_prefix=False,
        normalization_rule_name="identity",
        split_by_unicode_script=False,
        max_sentencepiece_length=6,
        num_threads=2,
        minloglevel=1,
    )


def fast(model: Path) -> PreTrainedTokenizerFast:
    """The fast tokenizer that cuts text as the SentencePiece ``model`` does."""
    held = proto.ModelProto.FromString(model.read_bytes())
    tokenizer = Tokenizer(
        models.Unigram([(p.piece, p.score) for p in held.pieces], unk_id=UNK, byte_fallback=True)
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(content=" ", left=1, right=0),
        ]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> $B </s>",
        special_tokens=[("<s>", BOS), ("</s>", EOS)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=SPECIAL[PAD],
        unk_token=SPECIAL[UNK],
        bos_token=SPECIAL[BOS],
        eos_token=SPECIAL[EOS],
        cls_token=SPECIAL[BOS],
        sep_token=SPECIAL[EOS],
        mask_token=SPECIAL[MASK],
        model_max_length=512,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("runs/mini-models"))
    parser.add_argument("--pieces", type=int, default=18_000)
    parser.add_argument("--characters", type=int, default=20_000_000, help="of the balanced sample")
    parser.add_argument(
        "--coverage", type=float, default=0.999, help="share of characters with their own piece"
    )
    parser.add_argument("--segments", type=int, default=12_000, help="words of a language without spaces")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    texts = read_texts(args.work / "text")
    for language in UNSPACED:
        own = [line for text in texts if text.language == language for line in text.lines]
        train_segmenter(own, args.work / "segmenters" / f"{language}.model", args.segments)
    train(
        texts,
        args.work / "tokenizer",
        pieces=args.pieces,
        characters=args.characters,
        coverage=args.coverage,
        seed=args.seed,
    )


if __name__ == "__main__":
    main()
