# %% [markdown]
# # Start here: what is an explanation?
#
# A transformer reads a sentence and says *Paris*. Why? This course is about answers to that question, and about
# which of them you can trust.
#
# **You will**
# - explain your first predictions, with two trained models and one method,
# - read a heatmap without being fooled by it,
# - tell a *faithful* explanation from a *plausible* one, and a *local* one from a *global* one,
# - know what question each method answers, and in which chapter it comes.
#
# **40 minutes, 1 GB of memory.** You need: Python, and a rough idea of what a transformer is. You need no
# network: the models came with the course.

# %%
import ipywidgets
import numpy as np
from IPython.display import Markdown

import xai_helpers as xai
from xai_helpers import registry
from xai_helpers.attention import mix, rollout

# %% [markdown]
# ## Two models
#
# `course-gpt2` continues a text. `course-distilbert` says whether a review is positive or negative. Both have the
# architecture of their famous namesakes, and **both are small models that we trained ourselves**, on sentences from
# grammars of ours and on reviews that a language model wrote for this course. They are not OpenAI's GPT-2 or Hugging
# Face's DistilBERT, and know next to nothing beyond those sentences. In exchange they need no download, and we know
# what they were taught.

# %%
gpt2 = xai.load("course-gpt2")
distilbert = xai.load("course-distilbert")

for model in (gpt2, distilbert):
    size = sum(p.numel() for p in model.model.parameters()) / 1e6
    print(f"{model.name}: {model.kind}, {model.n_layers} layers of {model.n_heads} heads, {size:.1f} million weights")

# %% [markdown]
# What do they say?

# %%
prompt = "The Eiffel Tower is located in the city of"
for guess in gpt2.predict(prompt, k=3):
    print(f"{guess.token!r:12} {guess.probability:.3f}")

# %%
review = "The movie was surprisingly entertaining despite a weak script"
for guess in distilbert.predict(review, k=2):
    print(f"{guess.token!r:12} {guess.probability:.3f}")

# %% [markdown]
# ## Before you look
#
# Which words of the prompt made `course-gpt2` say *Paris*? **Write down the two that you would pick**, before you
# run the next cell.
#
# ## A first explanation
#
# Attention rollout (Abnar & Zuidema, 2020) follows the model's attention down through all layers, from the place where
# it predicts to the words. Chapter 01 builds it by hand. Here, one call:

# %%
explanation = xai.attention_rollout(gpt2, prompt)
explanation

# %% [markdown]
# ## How to read it
#
# - **One score for each token.** A darker token has a higher score. Hover over a token, or open the table, for the
#   number. Most words are one token; *located* is two here, *loc* and *ated*.
# - **Read at.** A language model predicts from its last token, so the scores say what could reach that token through
#   attention.
# - **The total.** The shares sum to 1, and there is *no gap*: nothing is lost on the way. Each method of this course
#   says what its scores should add up to, and what is missing.
# - **No sign.** Rollout has no negative scores. It can't say that a word spoke *against* Paris.
#
# In Python it is a plain value:

# %%
print("tokens:  ", explanation.tokens)
print("scores:  ", explanation.scores.round(3))
print("sum:     ", round(explanation.scores.sum(), 6))
print("top two: ", [token for token, _ in explanation.top(2)])
assert abs(explanation.gap) < 1e-9

# %% [markdown]
# Did it pick your two words? It ranks *The* first, with twice the share of *Eiffel*. Does *The* make the model say
# *Paris*?
#
# ## A claim must be tested
#
# An explanation is a claim about a model. So put it to the test: replace one word at a time by another that fits the
# sentence, and see what becomes of *Paris*.


# %%
def with_word(old: str, new: str) -> tuple[str, float]:
    """What the model says after the exchange, and how probable it finds Paris."""
    guesses = gpt2.predict(prompt.replace(old, new), k=10**6)  # all tokens
    return guesses[0].token, {guess.token: guess.probability for guess in guesses}[" Paris"]


words = explanation.to_words()  # a tokenizer may cut a word into pieces
share = dict(zip(words.tokens, words.scores))
for old, new in {"The": "This", "Eiffel": "Galata", "located": "found", "city": "country"}.items():
    said, paris = with_word(old, new)
    print(f"{old:>8} -> {new:7} says{said:10} P(Paris) {paris:.2f}   rollout's share {share[old]:.2f}")

# %% [markdown]
# Put *This* for *The*, and nothing happens: which of the two opens the sentence does not matter, though the first word
# has the greatest share. Put another tower for *Eiffel*, and the model names that tower's city. Put *country* for
# *city*, and *Paris* is gone as well, though rollout gave *city* next to nothing. (Each exchange asks one question
# only: *found* says the same as *located*, so it was no hard test.)
#
# So is rollout wrong? It answered its own question, which is where attention leads. But how much of its answer is about
# this model? A **control** tells: give the same method something that knows nothing. Here, heads without any
# preference, which attend evenly to all that they can see.


# %%
def even_heads(n: int) -> np.ndarray:
    """The rollout of `n` tokens through as many layers as the model has, whose heads attend evenly."""
    even = np.tril(np.ones((n, n)))  # a token of a causal model sees itself and those before it
    even /= even.sum(axis=1, keepdims=True)
    # mix averages the heads and adds the residual connection, half and half; rollout multiplies the layers
    return rollout(mix(np.broadcast_to(even, (gpt2.n_layers, 1, n, n))))[-1]


even = even_heads(len(explanation.tokens))
print("the model:  ", explanation.scores.round(2))
print("even heads: ", even.round(2))
print("correlation:", np.corrcoef(explanation.scores, even)[0, 1].round(2))

# %% [markdown]
# The two are nearly the same. So most of this heatmap is not about *Paris*, and not even about this model: it is about
# causal attention. The first token sees only itself. What has reached it stays there, and each layer sends more. (In
# large models some heads rest on the first token besides, perhaps because attention must go somewhere: an *attention
# sink*, Xiao et al., 2023.) It was we who took the colours for an answer to our own question: which words decide.
# Whether attention can answer that question at all is disputed (Jain & Wallace, 2019; Wiegreffe & Pinter, 2019).
#
# Two words for what just happened:
#
# - An explanation is **plausible** if it convinces a reader.
# - It is **faithful** if it says what the model did.
#
# The two are different virtues (Jacovi & Goldberg, 2020): the first is between the explanation and you, the second
# between the explanation and the model. An explanation that is plausible and not faithful is worse than none, because
# nobody checks it. Chapter 07 measures faithfulness, with controls beside every score.

# %% [markdown]
# ## What was not asked
#
# Rollout never asked about *Paris*. It follows where the model looks, whatever it then says. Ask it about one
# answer and it refuses:

# %%
try:
    xai.attention_rollout(gpt2, prompt, "Paris")
except xai.XaiError as error:
    print(error)

# %% [markdown]
# So before you trust a heatmap, ask what question it answers. The methods of this course, by question:

# %%
lines = ["| method | what it asks | access | chapter |", "|---|---|---|---|"]
for r in registry.records():
    chapter = r.chapter[:2] if r.path else f"{r.chapter[:2]}, to come"
    lines.append(f"| `{r.name}` | {r.question} | {r.access} | {chapter} |")
Markdown("\n".join(lines))

# %% [markdown]
# *Access* is what you must have of the model: its **output** (an API is enough), its **gradients**, or its
# **internals** such as attention weights.
#
# ## One layer more, one layer less
#
# Rollout multiplies layers. What does each layer add? Guess first: with the lowest layer alone, which token has the
# greatest share?


# %%
def first_layers(layers: int) -> xai.Attribution:
    """The rollout through the lowest `layers` layers only."""
    return xai.attention_rollout(gpt2, prompt, layers=range(layers))


for layers in range(1, gpt2.n_layers + 1):
    print(f"lowest {layers}: ", first_layers(layers).scores.round(2))

# %% [markdown]
# One layer leaves more than half with the last token, which keeps what it is by its residual connection. With each
# further layer more of it moves to the first token. Drag the slider, or focus it and press the arrow keys.

# %% tags=["nbval-ignore-output"]
# Output ignored by the tests: a control exists only while a kernel runs.
layers = ipywidgets.IntSlider(value=1, min=1, max=gpt2.n_layers, description="layers")
control = ipywidgets.interact(first_layers, layers=layers)
# %% [markdown]
# ## Local and global
#
# All of this explained *one* sentence: it is **local**. A **global** statement is about the model on many texts. To
# get from one to the other, average, and say over what.

# %%
prompts = [
    "The capital of France is",
    "The Eiffel Tower is located in the city of",
    "When Mary and John went to the store, John gave a drink to",
]
for text in prompts:
    scores = xai.attention_rollout(gpt2, text).scores
    even = even_heads(len(scores))
    print(f"{text}\n    first token {scores[0]:.2f}, fair share {1 / len(scores):.2f}, even heads {even[0]:.2f}")
    print(f"    correlation with even heads {np.corrcoef(scores, even)[0, 1]:.2f}")

# %% [markdown]
# On each of these prompts the first token gets about twice its fair share or more. That is a small global statement: on
# this model, rollout leans to the first token. It rests on three prompts, and says so. The control adds that the lean
# alone says little about the model. But on the third prompt rollout departs from even heads, which a global statement
# hides.
#
# ## The other model
#
# A BERT-like classifier reads in both directions and predicts from its first token, `[CLS]`, which stands for no
# word. Its tokenizer adds `[SEP]` at the end. Both are marked as special: comparisons between methods leave them out.

# %%
explanation = xai.attention_rollout(distilbert, review)
explanation

# %% [markdown]
# The review is judged positive, and three words lead: *entertaining*, *despite* and *weak*. Which of them spoke for the
# verdict, and which against it? Rollout has no sign and can't say. The test by hand:

# %%
exchanges = [{"entertaining": "boring"}, {"weak": "strong"}, {"entertaining": "boring", "weak": "strong"}]
for exchange in [*exchanges, {"despite": "with"}]:
    changed = review
    for old, new in exchange.items():
        changed = changed.replace(old, new)
    verdict = distilbert.predict(changed, k=1)[0]
    print(f"{verdict.token:9} {verdict.probability:.2f}   {changed}")

# %% [markdown]
# Most readers would mark *entertaining*. Put *boring* in its place, and the verdict stays. Put *strong* for *weak*: it
# stays as well. So neither word matters? Exchange both, and it turns. In this sentence **either is enough**: an
# entertaining movie is good news to this model, and so is *despite a weak script*, even of a boring one. With *with*
# for *despite*, the weak script is bad news, and wins.
#
# A test that changes one word at a time calls both words idle. So a test, too, answers its own question. Chapter 04
# measures what words do together, and methods with signs come in chapter 02.

# %% [markdown]
# ## Your own text
#
# Change the sentence and run the cell again. A word that the model has never met falls into many pieces; `to_words`
# joins the pieces again, and keeps their sum. So a word in many pieces can look strong when no piece is.

# %%
my_text = "The film was unbelievably boring."
mine = xai.attention_rollout(distilbert, my_text)
print(distilbert.predict(my_text, k=1)[0].token)
print(mine.tokens)
mine.to_words()

# %% [markdown]
# What goes wrong says what to do:

# %%
for text in ("   ", "very " * 1000):
    try:
        distilbert.encode(text)
    except xai.XaiError as error:
        print(f"{type(error).__name__}: {error}")

# %% [markdown]
# ## GPT-2 itself, or any other model
#
# With a network, one argument switches to a model of the Hugging Face hub. It is fetched once (GPT-2: 0.5 GB) and
# then kept on your disk.
#
# ```python
# gpt2 = xai.load("gpt2")
# distilbert = xai.load("distilbert-base-uncased-finetuned-sst-2-english")
# ```
#
# Put one of these lines in place of its namesake at the top, and run everything again. A folder works as well, and so
# does a model that is in memory already: `xai.wrap(model, tokenizer)`. The families of GPT-2, Llama, Mistral, Qwen,
# GPT-NeoX, BERT, RoBERTa and DistilBERT are supported.
#
# Without a notebook, in a terminal: `python -m xai_helpers explain "The capital of France is"`.
#
# ## In short
#
# - An explanation is a claim about a model, and a claim can be tested.
# - Plausible is not faithful: the first is about the reader, the second about the model.
# - A local explanation is about one text; a global one needs many, and says which.
# - Before reading the colours, ask what question the method answers.
#
# **Next:** chapter 01 takes attention rollout apart.
#
# **Sources.** Abnar & Zuidema 2020, *Quantifying Attention Flow in Transformers*. Jacovi & Goldberg 2020, *Towards
# Faithfully Interpretable NLP Systems: How Should We Define and Evaluate Faithfulness?* Jain & Wallace 2019,
# *Attention is not Explanation*. Wiegreffe & Pinter 2019, *Attention is not not Explanation*. Xiao et al. 2023,
# *Efficient Streaming Language Models with Attention Sinks*.
