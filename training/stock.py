"""Stock tokenizers and configs as all the course's models have them; what differs is passed in."""

from typing import Any

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import GPT2Config, PreTrainedTokenizerFast

from training.chat import END

PAD = "<|pad|>"
BERT_SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def bert_tokenizer(model: models.Model, length: int) -> PreTrainedTokenizerFast:
    """Lowercase text between [CLS] and [SEP]; the model's vocabulary begins with BERT_SPECIALS."""
    pad, unknown, first, last, mask = BERT_SPECIALS
    level = Tokenizer(model)
    level.normalizer = normalizers.BertNormalizer(lowercase=True)
    level.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ids = {token: level.token_to_id(token) for token in (first, last)}
    level.post_processor = processors.BertProcessing((last, ids[last]), (first, ids[first]))
    return PreTrainedTokenizerFast(
        tokenizer_object=level,
        pad_token=pad,
        unk_token=unknown,
        cls_token=first,
        sep_token=last,
        mask_token=mask,
        model_max_length=length,
        model_input_names=["input_ids", "attention_mask"],
    )


def gpt2_tokenizer(level: Tokenizer, length: int, **more: Any) -> PreTrainedTokenizerFast:
    """GPT-2's conventions: end-of-text begins, ends, and stands for what is unknown."""
    return PreTrainedTokenizerFast(
        tokenizer_object=level,
        bos_token=END,
        eos_token=END,
        unk_token=END,
        pad_token=PAD,
        model_max_length=length,
        clean_up_tokenization_spaces=False,
        **more,
    )


def gpt2_config(tokenizer: PreTrainedTokenizerFast, **sizes: Any) -> GPT2Config:
    """No dropout, and embeddings that are not tied: tied, heads that copy take many more steps to form."""
    return GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=tokenizer.model_max_length,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        tie_word_embeddings=False,
        bos_token_id=tokenizer.eos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **sizes,
    )
