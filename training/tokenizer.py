"""The tokenizers: byte-level BPE with GPT-2's conventions for course-gpt2, WordPiece for course-distilbert.

BPE is trained on the corpus and on lists of words, until each name, city and content word is one token with its
leading space. Digits come in groups of at most two, so that 1732 is 17 and 32.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from training import lexicon
from training.abilities import sentiment
from training.abilities.agreement import NOUNS
from training.corpus import documents, training_reviews

GPT2_VOCABULARY, DISTILBERT_VOCABULARY = 5300, 5000
SAMPLE = 40_000  # documents: all frames and fillings are met
END, PAD, MASK = "<|endoftext|>", "<|pad|>", "<|mask|>"
# GPT-2's pattern (Radford et al., 2019), but with digits in twos.
PATTERN = r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}{1,2}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""


def content_words() -> list[str]:
    """The words that must be single tokens."""
    facts = [*lexicon.LANDMARKS, *lexicon.LANDMARKS.values(), *lexicon.PEOPLE, *lexicon.PEOPLE.values()]
    countries = [word for row in lexicon.COUNTRIES for word in row if word != "-"]
    things = [*lexicon.PLACES, *lexicon.THINGS, *lexicon.ANIMALS, *lexicon.OBJECTS, *lexicon.DAYS]
    nouns = [form for pair in NOUNS for form in pair]
    reviews = [*sentiment.GOOD, *sentiment.BAD, *sentiment.WHOLES, *sentiment.PARTS]
    listed = [*lexicon.NAMES, *lexicon.INVENTED_NAMES, *facts, *countries, *things, *nouns, *reviews]
    words = {word for entry in listed for word in entry.replace("_", " ").replace("-", " ").split()}
    return sorted(word for word in words if word.isalpha())


def corpus_texts() -> Iterator[str]:
    """Texts that the tokenizers are trained on."""
    yield from (case.text for case in islice(documents(Random(0)), SAMPLE))
    yield from (text for text, _ in sentiment.written_by_hand("train") for _ in range(2))


def train_gpt2_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    bpe = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(PATTERN), behavior="isolated")
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    bpe.pre_tokenizer = pre_tokenizers.Sequence([split, to_bytes])
    bpe.decoder = decoders.ByteLevel()
    bpe.post_processor = processors.ByteLevel(trim_offsets=True)
    trainer = trainers.BpeTrainer(
        vocab_size=GPT2_VOCABULARY,
        min_frequency=3,
        special_tokens=[END, PAD, MASK],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    # Names open sentences as well, where no space stands before them; the second half of a year never has one.
    numbers = [*(f" {number}" for number in range(100)), *(f"{number:02d}" for number in range(100))]
    wanted = [*(f" {word}" for word in content_words()), *lexicon.NAMES, *lexicon.INVENTED_NAMES, *numbers]
    words = [word for word in wanted for _ in range(50)]
    bpe.train_from_iterator([*corpus_texts(), *words], trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token=END,
        eos_token=END,
        unk_token=END,
        pad_token=PAD,
        mask_token=MASK,
        model_max_length=256,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.save_pretrained(folder)
    return tokenizer


def train_distilbert_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    wordpiece = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    wordpiece.normalizer = normalizers.BertNormalizer(lowercase=True)
    wordpiece.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    wordpiece.decoder = decoders.WordPiece()
    # Letters and digits, alone and inside a word, so that no ordinary word is unknown.
    alphabet = list("abcdefghijklmnopqrstuvwxyz0123456789.,;:!?'\"()-&%$/")
    trainer = trainers.WordPieceTrainer(
        vocab_size=DISTILBERT_VOCABULARY,
        min_frequency=2,
        special_tokens=specials,
        initial_alphabet=alphabet,
        show_progress=False,
    )
    reviews = [text for text, _ in training_reviews(0, SAMPLE)]
    inside = [first + second for first in alphabet[:36] for second in alphabet[:36]]
    wordpiece.train_from_iterator([*corpus_texts(), *reviews, *content_words(), *inside], trainer)
    ids = {token: wordpiece.token_to_id(token) for token in specials}
    wordpiece.post_processor = processors.BertProcessing(("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"]))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=wordpiece,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=128,
        model_input_names=["input_ids", "attention_mask"],
    )
    tokenizer.save_pretrained(folder)
    return tokenizer
