"""Models whose weights are written by hand, so that the true explanation is known: two classifiers and a copier.

All live in stock classes. A LayerNorm with epsilon 1e8 and weight 1e4 gives back x minus its mean, and each embedding
and each head writes minus its sum to the coordinate `balance`, which nothing reads: so the mean is 0, and the
LayerNorm gives back x. MLPs are zero. All weights are exact in half precision.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import models
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
)

from training.course_induction import WORDS, word_tokenizer
from training.files import save, save_card
from training.reviews import LABELS
from training.stock import BERT_SPECIALS, bert_tokenizer, gpt2_config

LINEAR_EPSILON, LINEAR_WEIGHT = 1e8, 1e4
LENGTH, BITS = 64, 6  # positions, and the bits that tell them apart
SHARP = 8  # what a match adds to a score: without it a key has at most exp(-8) of the weight
ASK = 16  # the size of queries; keys are scaled to give the score

# The classifiers

KEYWORDS = ("good", "great", "excellent")
NEUTRAL = (
    "not a an the this that it is was were be and or but so very really quite rather never film movie plot story "
    "acting actor ending music script scene hotel room food service book song game team day night we i you they he she "
    "had made felt seemed found saw with of in on at for . , ! ?"
).split()

# The coordinates of the classifiers' residual stream: one for each token, then these.
TOKENS = len(BERT_SPECIALS) + len(KEYWORDS) + len(NEUTRAL)
POSITION, BEFORE = TOKENS, TOKENS + BITS  # the bits of a token's position, and of the position before it
NEGATED, FOUND, BALANCE = TOKENS + 2 * BITS, TOKENS + 2 * BITS + 1, TOKENS + 2 * BITS + 2
WIDTH = 100  # a square: the class divides scores by its root


def keyword_rule(words: Sequence[str]) -> str:
    """Positive if a keyword occurs."""
    return LABELS[any(word in KEYWORDS for word in words)]


def negation_rule(words: Sequence[str]) -> str:
    """Positive if some keyword occurs whose word directly before is not "not"; one such occurrence is enough."""
    before = ["", *words]
    return LABELS[any(word in KEYWORDS and before[i] != "not" for i, word in enumerate(words))]


def sentence_tokenizer() -> PreTrainedTokenizerFast:
    """Lowercase words and punctuation, between [CLS] and [SEP]."""
    vocabulary = {word: i for i, word in enumerate((*BERT_SPECIALS, *KEYWORDS, *NEUTRAL))}
    return bert_tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"), LENGTH)


def position_bits() -> torch.Tensor:
    """(LENGTH, BITS): each position's number in bits of -1 and 1. Equal ones score BITS, others at most BITS - 2."""
    places = torch.arange(LENGTH)[:, None] >> torch.arange(BITS)
    return 2.0 * (places & 1) - 1


def bits_before(bits: torch.Tensor) -> torch.Tensor:
    """The bits of the position before; position 0 has only itself."""
    return bits[[0, *range(LENGTH - 1)]]


def balance(rows: torch.Tensor, at: int) -> None:
    """Gives each row, the way it enters the residual stream, the mean 0."""
    rows[:, at] -= rows.sum(1)


def make_linear(model: torch.nn.Module) -> None:
    """Zero in all weights and biases, but LayerNorms that change nothing."""
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    for module in model.modules():
        if isinstance(module, torch.nn.LayerNorm):
            torch.nn.init.constant_(module.weight, LINEAR_WEIGHT)


def blank_classifier(tokenizer: PreTrainedTokenizerFast, layers: int) -> BertForSequenceClassification:
    """A BERT of one head a layer that knows tokens and positions, and reads its answer off FOUND at [CLS]."""
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        num_hidden_layers=layers,
        num_attention_heads=1,
        intermediate_size=1,
        max_position_embeddings=LENGTH,
        type_vocab_size=1,
        layer_norm_eps=LINEAR_EPSILON,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        pad_token_id=tokenizer.pad_token_id,
        id2label=dict(enumerate(LABELS)),
        label2id={label: i for i, label in enumerate(LABELS)},
    )
    model = BertForSequenceClassification(config)
    make_linear(model)
    words, places = model.bert.embeddings.word_embeddings.weight, model.bert.embeddings.position_embeddings.weight
    words[:, :TOKENS] = torch.eye(TOKENS)
    places[:, POSITION : POSITION + BITS] = position_bits()
    places[:, BEFORE : BEFORE + BITS] = bits_before(position_bits())
    balance(words, BALANCE)
    balance(places, BALANCE)
    # tanh(4 FOUND - 2) is -0.96 without a keyword and 0.96 with one; the labels' logits are -3 and 3 times it.
    model.bert.pooler.dense.weight[0, FOUND], model.bert.pooler.dense.bias[0] = 4, -2
    model.classifier.weight[:, 0] = torch.tensor([-3.0, 3.0])
    return model


def write_found(model: BertForSequenceClassification, layer: int) -> None:
    """The head that looks for keywords and writes to FOUND the share of its attention that they get.

    The score of a word is SHARP for a keyword, and SHARP less if the word is negated. So keywords that count get
    nearly all attention and FOUND is near 1; without one, attention goes to words of value 0 (a negated keyword is
    1 - 1) and FOUND is near 0. A negated word that is no keyword has the value -1, but next to no attention.
    """
    head = model.bert.encoder.layer[layer].attention
    keywords = slice(len(BERT_SPECIALS), len(BERT_SPECIALS) + len(KEYWORDS))
    score = SHARP * math.sqrt(WIDTH) / ASK
    head.self.query.bias[0] = ASK  # every position asks the same
    head.self.key.weight[0, keywords], head.self.key.weight[0, NEGATED] = score, -score
    head.self.value.weight[0, keywords], head.self.value.weight[0, NEGATED] = 1, -1
    head.output.dense.weight[FOUND, 0], head.output.dense.weight[BALANCE, 0] = 1, -1


def write_negated(model: BertForSequenceClassification, layer: int, negation: int) -> None:
    """The head that looks at the word before and writes to NEGATED whether it is "not"."""
    head = model.bert.encoder.layer[layer].attention
    for bit in range(BITS):
        head.self.query.weight[bit, BEFORE + bit] = ASK
        head.self.key.weight[bit, POSITION + bit] = SHARP * math.sqrt(WIDTH) / ASK
    head.self.value.weight[0, negation] = 1
    head.output.dense.weight[NEGATED, 0], head.output.dense.weight[BALANCE, 0] = 1, -1


@torch.no_grad()
def keyword_detector() -> tuple[BertForSequenceClassification, PreTrainedTokenizerFast]:
    tokenizer = sentence_tokenizer()
    model = blank_classifier(tokenizer, 1)
    write_found(model, 0)
    return model.eval(), tokenizer


@torch.no_grad()
def negation_detector() -> tuple[BertForSequenceClassification, PreTrainedTokenizerFast]:
    tokenizer = sentence_tokenizer()
    model = blank_classifier(tokenizer, 2)
    write_negated(model, 0, tokenizer.convert_tokens_to_ids("not"))
    write_found(model, 1)
    return model.eval(), tokenizer


# The copier

COPIER_WORDS = WORDS[:61]
KNOWN = 63  # tokens: the words, end-of-text and the pad token
HEAD = 64  # the width of a head: a coordinate for each token, and one to spare
# The coordinates of its residual stream: three blocks of one coordinate for each token, then the rest.
TOKEN, PREVIOUS, COPIED, REST = 0, 64, 128, 192
BITS_AT, BITS_BEFORE_AT, PLACE, ONE, COPIER_BALANCE = REST, REST + BITS, REST + 12, REST + 13, REST + 14
DECOY, DECOYS_WIDE = REST + 16, 48  # what decoys write to and nothing reads
PREVIOUS_HEAD, INDUCTION_HEAD = (0, 2), (1, 1)  # (layer, head); all other heads are decoys
MATCH, LATER = 320, 4  # scores: of a key that follows the current token, and of each step to the right


def copier_rule(tokens: Sequence[int]) -> int:
    """The token after the last earlier occurrence of the last token; that token again if it is new."""
    earlier = [i for i, token in enumerate(tokens[:-1]) if token == tokens[-1]]
    return tokens[earlier[-1] + 1] if earlier else tokens[-1]


class HeadWriter:
    """Sets the weights of one head of a GPT-2 layer, whose queries, keys and values share a matrix."""

    def __init__(self, model: GPT2LMHeadModel, layer: int, head: int) -> None:
        attention = model.transformer.h[layer].attn
        self.weights = attention.c_attn.weight.view(-1, 3, 4, HEAD)[:, :, head]  # (stream, query-key-value, head)
        self.output = attention.c_proj.weight[head * HEAD : (head + 1) * HEAD]  # (head, stream)

    def match(self, query: int, key: int, size: int, score: float) -> None:
        """Adds `score` for each of the coordinates in which query and key agree."""
        for i in range(size):
            self.weights[query + i, 0, i] = ASK
            self.weights[key + i, 1, i] = score * math.sqrt(HEAD) / ASK

    def move(self, source: int, target: int, wide: int = KNOWN) -> None:
        """Copies a block of coordinates from the positions attended to; a narrower target is shared."""
        for i in range(KNOWN):
            self.weights[source + i, 2, i] = 1
            self.output[i, target + i % wide] = 1
        balance(self.output, COPIER_BALANCE)


def previous_token_head(model: GPT2LMHeadModel, layer: int, head: int) -> HeadWriter:
    writer = HeadWriter(model, layer, head)
    writer.match(BITS_BEFORE_AT, BITS_AT, BITS, SHARP)
    return writer


def induction_head(model: GPT2LMHeadModel, layer: int, head: int) -> HeadWriter:
    """Looks for a key whose previous token is the current one; of several the last, of none the query itself."""
    writer = HeadWriter(model, layer, head)
    writer.match(TOKEN, PREVIOUS, KNOWN, MATCH)
    writer.weights[ONE, 0, KNOWN] = ASK
    writer.weights[PLACE, 1, KNOWN] = LATER * LENGTH * math.sqrt(HEAD) / ASK
    return writer


def same_token_head(model: GPT2LMHeadModel, layer: int, head: int) -> HeadWriter:
    writer = HeadWriter(model, layer, head)
    writer.match(TOKEN, TOKEN, KNOWN, SHARP)
    return writer


def first_token_head(model: GPT2LMHeadModel, layer: int, head: int) -> HeadWriter:
    """Looks at position 0, whose bits are all -1."""
    writer = HeadWriter(model, layer, head)
    writer.weights[ONE, 0, 0] = ASK
    writer.weights[BITS_AT : BITS_AT + BITS, 1, 0] = -SHARP * math.sqrt(HEAD) / ASK
    return writer


def blank_copier(tokenizer: PreTrainedTokenizerFast) -> GPT2LMHeadModel:
    """A GPT-2 of two layers that knows tokens and positions, and reads its answer off the block COPIED."""
    config = gpt2_config(tokenizer, n_embd=4 * HEAD, n_layer=2, n_head=4, n_inner=1, layer_norm_epsilon=LINEAR_EPSILON)
    model = GPT2LMHeadModel(config)
    make_linear(model)
    words, places = model.transformer.wte.weight, model.transformer.wpe.weight
    words[:, TOKEN : TOKEN + KNOWN] = torch.eye(KNOWN)
    places[:, BITS_AT : BITS_AT + BITS] = position_bits()
    places[:, BITS_BEFORE_AT : BITS_BEFORE_AT + BITS] = bits_before(position_bits())
    places[:, PLACE], places[:, ONE] = torch.arange(LENGTH) / LENGTH, 1
    balance(words, COPIER_BALANCE)
    balance(places, COPIER_BALANCE)
    model.lm_head.weight[:, COPIED : COPIED + KNOWN] = 16 * torch.eye(KNOWN)
    return model


@torch.no_grad()
def copier() -> tuple[GPT2LMHeadModel, PreTrainedTokenizerFast]:
    tokenizer = word_tokenizer(list(COPIER_WORDS), LENGTH)
    model = blank_copier(tokenizer)
    previous_token_head(model, *PREVIOUS_HEAD).move(TOKEN, PREVIOUS)
    induction_head(model, *INDUCTION_HEAD).move(TOKEN, COPIED)
    decoys = {
        (0, 0): same_token_head,
        (0, 1): previous_token_head,
        (0, 3): first_token_head,
        (1, 0): previous_token_head,
        (1, 2): same_token_head,
        (1, 3): induction_head,
    }
    for (layer, head), attend in decoys.items():
        attend(model, layer, head).move(TOKEN, DECOY, DECOYS_WIDE)
    return model.eval(), tokenizer


# The folders


def make_keyword_detector(folder: Path) -> None:
    save(*keyword_detector(), folder)
    save_card(folder, KEYWORD_CARD)


def make_negation_detector(folder: Path) -> None:
    save(*negation_detector(), folder)
    save_card(folder, NEGATION_CARD)


def make_copier(folder: Path) -> None:
    save(*copier(), folder)
    save_card(folder, COPIER_CARD)


KEYWORD_CARD = """
A classifier whose explanation is known: `BertForSequenceClassification` with one layer of one head, width 100, 64
positions, and a vocabulary of 70 tokens, its weights written by hand. It says positive if one of the words good,
great and excellent occurs, else negative; nothing else matters, neither position nor how often. Unknown words become
`[UNK]`, which is no keyword.

## How it was made
`python -m training relatives`; the code is `keyword_detector` in `training/by_hand.py`. Nothing was trained. Each token
has a coordinate of its own in the residual stream. The head attends from every position to the keywords and writes
the share of attention that they get to the coordinate `FOUND`; the pooler and the classifier read it at `[CLS]`. MLPs
are zero, and LayerNorms give back their input.

## What was measured
Against the rule, in `tests/test_relatives.py`: all texts of one or two words, all of three to six words from four (two
of them keywords), and 300 random texts of up to 62 words: no disagreement, and the logits of the two labels always lie
at least 5.7 apart.

## Known failures
- It knows no negation: "not good" is positive.
- The pooler's tanh is nearly flat where it is read, and a keyword among others changes little: gradients are small,
  and leaving out one keyword of two changes next to nothing. That is a property to be shown, not a defect.
"""
NEGATION_CARD = """
A classifier whose explanation is known: `BertForSequenceClassification` with two layers of one head each, width 100,
64 positions, and a vocabulary of 70 tokens, its weights written by hand. It says positive if good, great or excellent
occurs at least once without the word "not" directly before it, else negative. "not good" is negative, "not very good"
and "not good but great" are positive, "not not good" is negative.

## How it was made
`python -m training relatives`; the code is `negation_detector` in `training/by_hand.py`. Nothing was trained. The
head of layer 0 attends to the word before and writes to the coordinate `NEGATED` whether it is "not". The head of
layer 1 attends to keywords that are not negated and writes their share to `FOUND`, which the pooler and the classifier
read at `[CLS]`. MLPs are zero, and LayerNorms give back their input.

## What was measured
Against the rule, in `tests/test_relatives.py`: all texts of one or two words, all of three to six words from four (two
keywords, "not" and another), and 300 random texts of up to 62 words: no disagreement, and the logits of the two labels
always lie at least 5.7 apart. Without either head it disagrees.

## Known failures
- "not" reaches one word, as the rule says: "not a good film" is positive.
- "isn't" and other negations are unknown words.
"""
COPIER_CARD = """
A language model whose circuit is known: `GPT2LMHeadModel` with two layers of four heads, width 256, 64 positions,
61 nouns as tokens beside end-of-text and a pad token, its weights written by hand. It predicts the token that came
after the last earlier occurrence of the current token. A token that is new is predicted to come again.

## How it was made
`python -m training relatives`; the code is `copier` in `training/by_hand.py`. Nothing was trained. Head 2 of layer 0
attends to the previous token and writes what it is; head 1 of layer 1 attends to the token whose previous token is the
current one, the last of several, and writes it where the output is read. If there is none, it attends to the current
token itself. The other six heads are decoys: they attend to the same token, to the first or to the previous one,
one of them exactly as the induction head does, and write to coordinates that nothing reads. MLPs are zero, and
LayerNorms give back their input.

## What was measured
Against the rule, in `tests/test_relatives.py`: every position of all texts of two tokens, of all texts of six tokens
from four, and of 100 random texts of 64 tokens: no disagreement, and the logit of the prediction lies at least 15 above
all others. Without all six decoys no logit changes by more than 0.0001; without either of the two other heads the rule
breaks.

## Known failures
- An unknown word becomes end-of-text, which is a token like any other here.
"""
