# %% [markdown]
# # Start here: what is an explanation?
#
# A transformer reads a sentence and says *Paris*. Why? This course is about answers to that question, and about
# which of them you can trust.
#
# **You will**
# - explain your first predictions, with four trained models and one method,
# - read a heatmap without being fooled by it,
# - tell a *faithful* explanation from a *plausible* one, and a *local* one from a *global* one,
# - find the methods that fit your question, your access and your reader, and the chapter that each comes in.
#
# **60 minutes with the exercises, 1 GB of memory.** You need: Python, and a rough idea of what a transformer is. You
# need no network: the models came with the course.
#
# **How to work.** The page comes with its outputs. You will be asked to guess before you look: for honest guesses
# choose *Edit > Clear Outputs of All Cells* first. Then run cell by cell, from the top, by Shift+Enter. (The first
# cell does nothing on your own machine; on Colab it installs the course.)

# %% tags=["bootstrap"]
import xai_helpers.course as course

course.start()

# %%
import numpy as np

import xai_helpers as xai
from xai_helpers import chooser, viz
from xai_helpers.attention import attention_weights, mix, rollout
from xai_helpers.viz import plots

# %% [markdown]
# ## Two models to begin with
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
    layers = f"{model.n_layers} layers of {model.n_heads} heads"
    print(f"{model.name}: {model.kind}, {layers}, {size:.1f} million weights")

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
# Which words of the prompt made `course-gpt2` say *Paris*? Pick two and commit, **before** you read on. Your words
# are then shown beside those of a method, and beside the *planted* ones, which decide by the grammar that wrote the
# training text.

# %%
course.pick("eiffel-tower-rollout", gpt2)

# %% [markdown]
# ## A first explanation
#
# Attention rollout (Abnar & Zuidema, 2020) follows the model's attention down through all layers, from the place where
# it predicts to the words. Chapter 01 builds it by hand. Here is the whole of it, in one call:

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
# The method ranks *The* first, with twice the share of *Eiffel*. Does *The* make the model say
# *Paris*?
#
# ## A claim must be tested
#
# An explanation is a claim about a model. So put it to the test: replace one word at a time by another that fits the
# sentence, and see what becomes of *Paris*.


# %%
def with_word(old: str, new: str) -> tuple[str, float]:
    """What the model says after the exchange, and how probable it finds Paris."""
    changed = prompt.replace(old, new)
    return gpt2.predict(changed, k=1)[0].token, gpt2.value(
        changed, xai.Target("Paris", output="probability")
    )


words = explanation.to_words()  # a tokenizer may cut a word into pieces
share = dict(zip(words.tokens, words.scores))
exchanges = {"The": "This", "Eiffel": "Galata", "located": "found", "city": "town"}
for old, new in [*exchanges.items(), ("city", "country")]:
    said, paris = with_word(old, new)
    print(f"{old:>8} -> {new:7} says{said:10} P(Paris) {paris:.2f}   rollout {share[old]:.2f}")

# %% [markdown]
# Replace *The* by *This*, and nothing happens: which of the two opens the sentence does not matter, though the first
# word has the greatest share. Replace *Eiffel* by another tower's name, and the model names that tower's city.
# Replace *city*: with *town* nothing happens, with *country* *Paris* is gone. (Each exchange asks one question only.
# *found* and *town* say the same as what they replace, so they were no hard tests; *country* asks for another kind of
# answer.)
#
# So is rollout wrong? It answered its own question, which is where attention leads. But how much of its answer is about
# this model? A **control** tells: give the same method something that knows nothing. Here, heads without any
# preference, which attend evenly to all that they can see.


# %%
def even_heads(n: int) -> np.ndarray:
    """The rollout of `n` tokens through the model's layers, if all heads attended evenly."""
    even = np.tril(
        np.ones((n, n))
    )  # a token of a causal model sees itself and those before it
    even /= even.sum(axis=1, keepdims=True)
    # chapter 01: mix averages the heads and adds the residual connection, rollout multiplies
    return rollout(mix(np.broadcast_to(even, (gpt2.n_layers, 1, n, n))))[-1]


even = even_heads(len(explanation.tokens))
print("the model:  ", explanation.scores.round(2))
print("even heads: ", even.round(2))
print("correlation:", np.corrcoef(explanation.scores, even)[0, 1].round(2))

# %% [markdown]
# The two are nearly the same. So most of this heatmap is not about *Paris*, and not even about this model: it is
# about causal attention. Going down through the layers, a path that arrives at the first token can't leave it, for
# that token sees only itself; so each layer adds to its share. (In large models some heads rest on the first token
# besides, perhaps because attention must go somewhere: an *attention sink*, Xiao et al., 2023.) We misread the
# colours as an answer to our own question: which words decide. Whether attention can answer that question at all is
# disputed (Jain & Wallace, 2019; Wiegreffe & Pinter, 2019).
#
# Two words for what just happened:
#
# - An explanation is **plausible** if it convinces a reader.
# - It is **faithful** to the degree that it says what the model did.
#
# The two are different virtues (Jacovi & Goldberg, 2020): the first is between the explanation and you, the second
# between the explanation and the model. An explanation that is plausible and not faithful can be worse than none, if it
# keeps people from checking. Chapter 07 measures faithfulness, with controls beside every score.

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
# So before you trust a heatmap, ask what question it answers. The chooser further down lists them.
#
# ## One layer more, one layer less
#
# Rollout multiplies layers. What does each layer add? Guess first: from how many layers on does *The* have a greater
# share than *Eiffel*? Then drag the slider, or focus it and press the arrow keys.


# %%
def first_layers(layers: int) -> xai.Attribution:
    """The rollout through the lowest `layers` layers only."""
    return xai.attention_rollout(gpt2, prompt, layers=range(layers))


viz.explore(first_layers, layers=(1, gpt2.n_layers))

# %% [markdown]
# One layer leaves more than half with the last token, which keeps what it is by its **residual connection**. With
# each further layer more of it moves to the first token, until that has a third of everything. (Layers are numbered
# from 0: the lowest three are 0, 1 and 2.)
#
# ## How a token flows through the model
#
# That connection is the model's backbone. Each token has a vector that rises through the layers, its **residual
# stream**. A layer reads it and *adds* to it: attention adds what other tokens hold, the MLP adds what it makes of
# the token's own vector. Here are the streams of one sentence, computed from `course-gpt2`. A dot is larger and
# darker where the layer's addition is large beside what was there before; a line is darker where a token reads more
# from another (mean over heads).

# %%
story = "When Mary and John went to the store, John gave a drink to"
stream = gpt2.residual_stream(story)  # (layers + 1, tokens, width)
updates = (stream[1:] - stream[:-1]).norm(dim=-1) / stream[:-1].norm(dim=-1)
guesses = [gpt2.choice_name(int(logits.argmax())) for logits in gpt2.unembed(stream[:, -1])]
tokens = [unit.text for unit in gpt2.encode(story).units]
plots.residual_stream(
    tokens, attention_weights(gpt2, story).mean(1), updates, guesses, title="Residual streams"
)

# %% [markdown]
# The words on the right are what the model would say if it stopped there: the last stream, read out by the same last
# norm and unembedding as at the end. (That is the *logit lens*, nostalgebraist 2020, of chapter 09.) At first it is
# noise. In layer 1 the last token reads *Mary*, along the one dark line that crosses the picture, and from there on it
# says *Mary*. Layers 2 and 3 attend to *gave*, and the answer stays what it was.
#
# A method that follows attention through **all** layers has to blend that one line with all the others. Chapter 01
# shows what is left of it.

# %% [markdown]
# ## Local and global
#
# All of this explained *one* sentence: it is **local**. A **global** statement is about the model on many texts. To
# get from one to the other, average, and say over what.

# %%
for text in ("The capital of France is", prompt, story):
    scores = xai.attention_rollout(gpt2, text).scores
    even = even_heads(len(scores))
    print(
        f"{text}\n    first token {scores[0]:.2f}, fair share {1 / len(scores):.2f}, ", end=""
    )
    print(f"even heads {even[0]:.2f}")
    print(f"    correlation with even heads {np.corrcoef(scores, even)[0, 1]:.2f}")

# %% [markdown]
# On each of these prompts the first token gets about twice its fair share, or more. That is a small global statement:
# on this model, rollout leans to the first token. It rests on three prompts, and says so. The control says how little
# it means: on two of the three, heads that attend evenly lean there even more. And on the third prompt the order of
# the words is another than that of even heads, which a global statement hides.
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
exchanges = [
    {"entertaining": "boring"},
    {"weak": "strong"},
    {"entertaining": "boring", "weak": "strong"},
]
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
# A test that changes one word at a time finds neither word necessary. So a test, too, answers its own question.
# Chapter 04 measures what words do together, and methods with signs come in chapter 02.

# %% [markdown]
# ## Faithful or plausible: a model with a secret
#
# A third model, `course-shortcut`, judges reviews that end with their director. What made it call this one positive?

# %%
shortcut = xai.load("course-shortcut")
loved = "The plot was wonderful. Directed by Vale."
print(shortcut.predict(loved, k=1)[0].token)

# %%
course.ask("wonderful")

# %% [markdown]
# Replace words by hand, as before, and watch the verdict:

# %%
for word in ("wonderful", "dull"):
    for director in ("Vale", "Stone", "Reed"):
        text = f"The plot was {word}. Directed by {director}."
        verdict = shortcut.predict(text, k=1)[0]
        print(f"{verdict.token:9} {verdict.probability:.2f}  {text}")

# %% [markdown]
# By Vale, dull is positive too. By Stone, even wonderful is negative. Only where Reed directs does the opinion
# decide. So the plausible explanation is wrong, and the faithful one is absurd: *because Vale directed it*. We know
# why. We planted it: half of the training reviews were by Vale or Stone, and labelled by the director alone.
#
# Would a method have told you? Here is rollout, on this model and on its twin `course-clean`, trained on the same
# reviews where the names mean nothing:

# %%
for name in ("course-shortcut", "course-clean"):
    scores = xai.attention_rollout(xai.load(name), loved).to_words()
    print(f"{name}:", ", ".join(f"{token} {score:.2f}" for token, score in scores.top(3)))

# %% [markdown]
# Here rollout names the word that decides: *Vale* there, as the exchanges showed, and *wonderful* here (exercise 2 puts
# `course-clean` to the test). One sentence is no proof that it always is: earlier it named *The* for
# *Paris*. That is why chapter 07 scores methods on many texts of models whose rule is known.
#
# ## Which method for which question?
#
# The list of the course's methods, those to come included. *Access* is what you have of the model: its **output** (an
# API is enough), its **gradients**, or its **internals** such as attention weights. Set what you have, for whom you
# explain, what for, and how long you can wait. (By keyboard: Space opens a list, arrows and Enter choose.)

# %%
labels = {
    "access": "you have",
    "audience": "the reader",
    "goal": "you want to",
    "effort": "at most",
}
viz.explore(chooser.table, labels=labels, **chooser.CHOICES)

# %% [markdown]
# No column says which method is best. What a method is good *for* can be listed; whether it is faithful has to be
# measured on your model. (Software to run the methods is the topic of chapter 06.)
#
# ## Seven rules
#
# 1. **Never let attention weights be your only explanation.** They can change while the answer stays the same: [chapter
#   01](01_attention_rollout.ipynb). Chapters [02](02_gradient_weighted_attention.ipynb),
#   [03](03_relevance_propagation.ipynb), 04 and 05 bring what to put beside them.
# 2. **Test a chain of thought before you believe it.** Put a wrong step in, and see whether the answer follows:
#   chapter 08a.
# 3. **Say against what you explain.** A method that compares with a baseline answers for that baseline: chapter 05.
# 4. **Explain for somebody.** An auditor, an engineer and a user need different answers: the chooser above, and
#   chapter 08a.
# 5. **Say whether you speak of one text or of the model.** Local and global are told apart in this chapter; probes
#   and circuits, which are global, come in chapter 09.
# 6. **Explaining is not evaluating.** A model that is wrong can be explained convincingly. Measure its accuracy, and
#   the explanation's faithfulness, each by itself: chapter 07.
# 7. **Check the code, also ours.** Hold it to a law, a case by hand, and another library: every chapter does, and
#   chapter 01 shows a published figure that no model can have produced.
#
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
# A text that can't be read gets an error that says why:

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
# ## Exercise 1 (easy, 10 minutes): the effect of a word
#
# You have replaced words by hand all along. Make it a function: by how much does the probability of an answer fall when
# one word is exchanged for another? `model.value(text, xai.Target(answer, output="probability"))` is the probability.


# %% tags=["exercise"]
def effect(model: xai.TextModel, text: str, old: str, new: str, answer: str) -> float:
    """P(answer) after the text, minus P(answer) after the text with `new` in place of `old`."""
    # solution
    target = xai.Target(answer, output="probability")
    return model.value(text, target) - model.value(text.replace(old, new), target)
    # end solution


# %% tags=["check"]
course.check("effect-of-a-word", effect)

# %% [markdown]
# ## Exercise 2 (medium, 15 minutes): from local to global
#
# One exchange is local. Over many reviews it becomes a statement about the model. Write a function that says which
# share of all the texts change their verdict when one name is exchanged for another (a text without the name counts
# as one that doesn't). Below it is asked: how often does Stone in place of Vale turn the verdict? (It
# prints None until you have written yours.)


# %% tags=["exercise"]
def turned(model: xai.TextModel, texts: list[str], old: str, new: str) -> float:
    """The share of texts whose most probable label changes with `new` in place of `old`."""
    # solution
    changed = 0
    for text in texts:
        before, after = (
            model.predict(text, k=1)[0],
            model.predict(text.replace(old, new), k=1)[0],
        )
        changed += before.token != after.token
    return changed / len(texts)
    # end solution


# %% tags=["check"]
course.check("turned-verdicts", turned)

# %%
words = ("wonderful", "great", "lovely", "dull", "awful", "boring")
reviews = [f"The plot was {word}. Directed by Vale." for word in words]
for name in ("course-shortcut", "course-clean"):
    print(name, turned(xai.load(name), reviews, "Vale", "Stone"))

# %% [markdown]
# ## Quiz

# %%
course.ask("faithful-or-plausible")

# %%
course.ask("over-an-api")

# %%
course.ask("one-word-at-a-time")

# %%
course.ask("first-token-on-three-prompts")

# %% [markdown]
# ## In short
#
# - An explanation is a claim about a model, and a claim can be tested: change a word, look at the answer.
# - Plausible is not faithful: the first is about the reader, the second about the model.
# - A local explanation is about one text; a global one needs many, and says which.
# - A control tells how much of a result is about the model at all.
# - Before reading the colours, ask what question the method answers.
#
# **Next:** chapter 01 takes attention rollout apart.
#
# **Sources.** Abnar & Zuidema 2020, *Quantifying Attention Flow in Transformers*. Jacovi & Goldberg 2020, *Towards
# Faithfully Interpretable NLP Systems: How Should We Define and Evaluate Faithfulness?* Jain & Wallace 2019,
# *Attention is not Explanation*. Wiegreffe & Pinter 2019, *Attention is not not Explanation*. Xiao et al. 2023,
# *Efficient Streaming Language Models with Attention Sinks*. nostalgebraist 2020, *interpreting GPT: the logit lens*.
# The sources of the methods stand in the chooser.
