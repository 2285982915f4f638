"""The tokenizers: byte-level BPE with GPT-2's conventions for course-gpt2, WordPiece for course-distilbert.

BPE is trained on the corpus and on lists of words, until each name, city and content word is one token with its
leading space. Digits come in groups of at most two, so that 1732 is 17 and 32.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from random import Random

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from training import lexicon, review_words
from training.abilities import contexts, general, greater_than, professions, tagged
from training.abilities.agreement import NOUNS
from training.abilities.sentiment import review
from training.chat import END, TEMPLATE
from training.corpus import documents
from training.reviews import written_by_hand
from training.stock import BERT_SPECIALS, PAD, bert_tokenizer, gpt2_tokenizer

GPT2_VOCABULARY, DISTILBERT_VOCABULARY = 7800, 6500
POSITIONS = 256
PUNCTUATION, ENDINGS = list(".,;:!?'\"()-&%$/"), 300
SAMPLE = 40_000  # documents: all frames and fillings are met
MASK = "<|mask|>"
# GPT-2's pattern (Radford et al., 2019), but with digits in twos.
PATTERN = r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}{1,2}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""


def content_words() -> list[str]:
    """The words that must be single tokens."""
    facts = [*lexicon.LANDMARKS, *lexicon.LANDMARKS.values(), *lexicon.PEOPLE, *lexicon.PEOPLE.values()]
    countries = [word for row in lexicon.COUNTRIES for word in row if word != "-"]
    things = [*lexicon.PLACES, *lexicon.THINGS, *lexicon.ANIMALS, *lexicon.OBJECTS, *lexicon.DAYS]
    nouns = [form for pair in NOUNS for form in pair]
    reviews = [*review_words.GOOD, *review_words.BAD, *review_words.WHOLES, *review_words.PARTS]
    people = [*lexicon.NAMES, *lexicon.INVENTED_NAMES, *professions.WORDS]
    others = [*greater_than.EVENTS, *general.FOODS, *general.DRINKS, *contexts.COLOURS]
    listed = [*people, *facts, *countries, *things, *nouns, *reviews, *others, *tagged.WORDS, *lexicon.NEW_WORDS]
    words = {word for entry in listed for word in entry.replace("_", " ").replace("-", " ").split()}
    return sorted(word for word in words if word.isalpha())


def corpus_texts() -> Iterator[str]:
    """Texts that the tokenizers are trained on."""
    yield from (case.text for case in islice(documents(Random(0)), SAMPLE))
    yield from (text for text, _ in written_by_hand("train") for _ in range(2))


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
    openers = [*lexicon.NAMES, *lexicon.INVENTED_NAMES, *tagged.OPENING_WORDS]
    wanted = [*(f" {word}" for word in content_words()), *openers, *numbers]
    words = [word for word in wanted for _ in range(80)]
    bpe.train_from_iterator([*corpus_texts(), *words], trainer)
    tokenizer = gpt2_tokenizer(bpe, POSITIONS, mask_token=MASK, chat_template=TEMPLATE)
    tokenizer.save_pretrained(folder)
    return tokenizer


def word_pieces(texts: Iterable[str], specials: Sequence[str]) -> dict[str, int]:
    """Special tokens, letters (alone and inside a word, so that no ordinary word is unknown), words and endings.

    The library's own trainer gives a slightly different vocabulary in every run, since it walks through a hash table.
    """
    words = Counter(word for text in texts for word in re.findall(r"[a-z0-9]+", text.lower()))
    frequent = [word for word, count in words.items() if count >= 2]
    endings = Counter(f"##{word[-size:]}" for word in frequent for size in range(2, 6) if word[:-size] in words)
    alphabet = list("abcdefghijklmnopqrstuvwxyz0123456789")
    inside = [f"##{letter}" for letter in alphabet]
    common_endings = sorted(endings, key=lambda ending: (-endings[ending], ending))[:ENDINGS]
    common_words = sorted(frequent, key=lambda word: (-words[word], word))
    pieces = dict.fromkeys([*specials, *alphabet, *PUNCTUATION, *inside, *common_endings, *common_words])
    return {piece: i for i, piece in enumerate(islice(pieces, DISTILBERT_VOCABULARY))}


def train_distilbert_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    rng = Random(0)
    made = [review(rng, "train", "")[0] for _ in range(SAMPLE)]
    by_hand = [text for text, _ in written_by_hand("train")]
    vocabulary = word_pieces([*made, *by_hand], BERT_SPECIALS)
    tokenizer = bert_tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"), POSITIONS)
    tokenizer.backend_tokenizer.decoder = decoders.WordPiece()
    tokenizer.save_pretrained(folder)
    return tokenizer
