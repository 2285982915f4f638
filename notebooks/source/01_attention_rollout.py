# %% [markdown]
# # Attention rollout: where can information come from?
#
# A transformer moves information between tokens in one place only: attention. So it is natural to look there first.
# One layer's weights are easy to show. But a model has many layers, and what token 9 reads from token 7 may have come
# from token 2. Attention rollout follows such paths.
#
# **You will**
# - read an attention map, and name the patterns that heads fall into,
# - compute attention rollout by hand on three tokens, and hold it to its laws,
# - compare raw attention, rollout and attention flow on the same sentence, beside a control,
# - test whether attention explains an answer, by changing it and running the model again,
# - find out what is wrong with a published rollout.
#
# **70 minutes, and 45 more for the exercises; 1 GB of memory.** You need: chapter 00, matrix products, and what
# attention weights are.

# %% tags=["bootstrap"]
import xai_helpers.course as course

course.start()

# %%
import networkx as nx
import numpy as np

import xai_helpers as xai
from xai_helpers import laws, viz
from xai_helpers.attention import attention_weights, even_attention, mix, rollout
from xai_helpers.editing import edited_attention, evenly, permuted
from xai_helpers.viz import plots

model = xai.load("course-gpt2")
cat = "The cat sat on the mat because it was very tired"
tower = "The Eiffel Tower is located in the city of"

# %% [markdown]
# As in chapter 00, `course-gpt2` is a small model that we trained ourselves. Nothing below is about OpenAI's GPT-2.
#
# ## Before you look
#
# The model continues the second sentence with *Paris*. From which two words does its last layer read most, where it
# makes that prediction? Pick them, then commit.

# %%
course.pick("eiffel-tower-last-layer", model)

# %% [markdown]
# Keep your guess in mind: further down you will see another layer.
#
# ## One head at a time
#
# Attention weights are numbers that the model computes anyway. There is one matrix for each layer and head: row *i*
# says how token *i* (the *query*) spreads its attention over the tokens (the *keys*).

# %%
attention = attention_weights(model, cat)
print("layers, heads, queries, keys:", attention.shape)
print(
    "rows sum to 1:", laws.row_sums(attention) < 1e-6
)  # the model computes in single precision
print("largest weight on a later token:", laws.no_look_ahead(attention))

# %% [markdown]
# Two laws already: each row sums to 1, and in a causal model no token reads a later one. Here is one head in full. Rows
# read, columns are read.

# %%
first_head = xai.raw_attention(model, cat, layer=0, head=0)
plots.token_matrix(first_head)

# %% [markdown]
# Nearly all weight lies just left of the diagonal: this head reads the **previous token**. What do the others do?
#
# ## A gallery of heads
#
# A common taxonomy sorts heads by where most of their attention goes: to the token **itself**, to the **previous
# token**, to the **first token**, to what followed an earlier occurrence (**induction**), evenly to all (**uniform**),
# or none of these (**mixed**). The number is the **entropy** in nats, averaged over rows: 0 for a head that reads one
# token per row, log(n) for a row that reads n tokens evenly. (A perfectly even head stays below log(11), for its early
# rows see few tokens.)

# %%
from xai_helpers.attention import attention_entropy, head_patterns

patterns = head_patterns(model, cat)
captions = [[f"{head.pattern}, {head.entropy:.2f}" for head in layer] for layer in patterns]
print(f"a perfectly even head: {attention_entropy(even_attention(11)):.2f} nats")
plots.attention_gallery(attention, xai.raw_attention(model, cat).tokens, captions)

# %% [markdown]
# Nine of the sixteen heads are *mixed*: the taxonomy has no name for them. And a name belongs to a head **on a
# text**. Give the same model names that come twice:

# %%
for layer, heads in enumerate(head_patterns(model, "Mary Tom Anna Lucy Mary Tom Anna Lucy")):
    print(f"layer {layer}:", ", ".join(f"{head.pattern} {head.entropy:.2f}" for head in heads))

# %% [markdown]
# All four heads of layer 1 are induction heads now: they read what followed the same name the first time. On the cat
# sentence three of them had no name. Where the line is drawn is a convention, too. Here a pattern gives the name if it
# holds more than half of the attention, after correcting for chance.
#
# ## Two hops, by hand
#
# One layer is one hop. Take three tokens and two layers. Below, token 1 reads token 0. Above, token 2 reads token 1.
# No head ever lets token 2 read token 0, and yet information from token 0 can reach it, in two hops. The product of
# the two matrices finds the path:

# %%
below = np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
above = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
print("token 2 reads token 0 directly:", below[2, 0], "below,", above[2, 0], "above")
print("token 2 in two hops:", (above @ below)[2])

# %% [markdown]
# But attention is not all that a layer does. The **residual connection** carries each token's own vector past
# attention, unchanged. Abnar & Zuidema (2020) give it half of the weight: each layer's matrix becomes ½ *A* + ½ *I*.
# Then the layers are multiplied, the upper one on the left.

# %%
identity = np.eye(3)
by_hand = (0.5 * above + 0.5 * identity) @ (0.5 * below + 0.5 * identity)
print(by_hand)
ours = rollout(mix(np.stack([below, above])[:, None]))  # one head per layer
assert np.allclose(by_hand, ours)

# %% [markdown]
# Read the last row. Half of token 2 never moved. A quarter comes from token 1, which it read above, after token 1 had
# kept half of itself below. A quarter comes from token 0, in two hops: one half times one half.
#
# **The laws.** Rows of each mixed matrix sum to 1, so rows of the product do. Nothing comes from a later token. And one
# layer alone gives back that layer's mix.

# %%
result = xai.attention_rollout(model, cat)
print("rows sum to 1:", laws.row_sums(result.matrix) < 1e-12)
print("largest weight on a later token:", laws.no_look_ahead(result.matrix))
one_layer = xai.attention_rollout(model, cat, layers=[2])
assert np.allclose(one_layer.matrix, 0.5 * np.eye(11) + 0.5 * attention[2].mean(axis=0))

# %% [markdown]
# ## Attention flow
#
# Rollout shares out what arrives: going down, a token's weight is split among all that it reads. **Attention flow**,
# from the same paper, asks instead: if weights were the widths of pipes, how much *could* be pushed through from one
# token at the bottom to the top? That is a maximum flow. A path is as wide as its narrowest pipe, and each token may
# use the whole network for itself.
#
# On the toy: from the top of token 2 a pipe of one half leads to token 1, and from there one of one half to token 0.

# %%
from xai_helpers.attention import maximum_flows

mixed = mix(np.stack([below, above])[:, None])
print("rollout of token 2:", rollout(mixed)[2])
print("flow to token 2:   ", maximum_flows(mixed, position=2))

# %% [markdown]
# The narrowest pipe to token 0 lets one half through, where rollout gives a quarter. Flow is never below rollout,
# because rollout's own shares already fit through the pipes. And its scores need not sum to 1: they are not shares of
# anything.
#
# Does our solver find the true maximum? networkx solves the same network. (For rollout there is no such second opinion
# among the libraries of this course. BertViz, sometimes named for it, draws raw attention and multiplies nothing.)

# %%
from xai_helpers.attention import flow_capacities

layers, n = mix(attention), len(result.tokens)
network = nx.from_scipy_sparse_array(flow_capacities(layers), create_using=nx.DiGraph)
top = len(layers) * n + n - 1  # nodes count from below, layer by layer
theirs = [nx.maximum_flow_value(network, top, j, capacity="weight") for j in range(n)]
flow = maximum_flows(layers, n - 1)
assert np.allclose(np.array(theirs) / 1e6, flow)  # capacities are in millionths
assert (flow >= result.scores - 1e-5).all()
print(f"networkx agrees on all {n}; least surplus of flow {(flow - result.scores).min():.2f}")

# %% [markdown]
# ## Three methods, and a control
#
# Now the real sentence, read at *it*: the word that has to find out what it stands for. Beside rollout and flow stands
# the control of chapter 00: the same method on heads that attend evenly, which know nothing.


# %%
def columns(text: str, query: int, layer: int = model.n_layers - 1):
    """One layer's raw attention, rollout and flow, each beside its control, at one token."""
    weights = attention_weights(model, text)
    tokens = [unit.text for unit in model.encode(text).units]
    mixed = mix(weights)
    even = mix(np.broadcast_to(even_attention(len(tokens)), weights.shape))
    scores = {
        f"raw, layer {layer}": weights[layer].mean(0)[query],
        "rollout": rollout(mixed)[query],
        "rollout, even": rollout(even)[query],
        "flow": maximum_flows(mixed, query).round(2),
        "flow, even": maximum_flows(even, query).round(2),
    }
    return plots.side_by_side(tokens, scores, title=f"read at {tokens[query]!r}")


# %%
columns(cat, 7)

# %% [markdown]
# Three methods, three questions.
# - **Raw attention** of the last layer looks at *the* and *because*. One hop, from states that are no longer words:
#   what stands above *because* in layer 3 holds whatever layers 0 to 2 have put there.
# - **Rollout** leads with *The*, and so does its control: the fall from the first token on is the control's. Where
#   the two differ, rollout says something about this model: *because* has more than twice the control's share, *cat*
#   less.
# - **Flow** lets nearly everything through to the early words, and so does its control. *because* stands out again.
#
# None of the three singles out *cat*, which a reader would say *it* stands for. That is no fault of theirs. They report
# on weights, and nothing has shown that this model resolves the pronoun at all.

# %%
columns(tower, -1)

# %% [markdown]
# On the fact, rollout and control are close to each other once more. The next sentence is one where they part. Its
# answer is *Mary*, and in chapter 00 you saw a dark line from *Mary* to the last token, in layer 1. So look at layer 1.

# %%
mary = "When Mary and John went to the store, John gave a drink to"
columns(mary, -1, layer=1)

# %% [markdown]
# In layer 1 the last token reads *Mary* more than anything. In the rollout *Mary* has less than even heads give it:
# one layer's line is diluted by the other three. What stands out from the control is the second *John* and *gave*,
# with more than four and more than five times its share. So this rollout is a finding about the model, that paths of
# attention lead there, but not about the answer. *John* may even matter because it is **not** the answer; a method
# without a sign can't tell.
#
# ## Every choice is a choice of answer
#
# How much weight has the residual connection? Do heads count by their mean, or does the strongest one decide? Are weak
# weights noise to be dropped? Rollout answers none of these by itself, and its scores depend on all of them:

# %%
for residual in (0.0, 0.5, 0.9):
    print(
        f"residual {residual}:",
        xai.attention_rollout(model, tower, residual=residual).scores.round(2),
    )
for fuse in ("mean", "max", "min"):
    print(f"fuse {fuse:7}:", xai.attention_rollout(model, tower, fuse=fuse).scores.round(2))
for discard in (0.0, 0.5, 0.9):
    print(
        f"discard {discard}: ",
        xai.attention_rollout(model, tower, discard=discard).scores.round(2),
    )

# %% [markdown]
# Without a residual connection nothing holds a token back, and seven tenths end up at the first one. With 0.9 two
# thirds stay at the last. Dropping nine tenths of the weights leaves four fifths to the first token. Even the order
# changes: *is* is before *city* at residual 0.5, and behind it at 0.9. Only the fusion matters little here. A rollout
# without its options is half a result, so ours records them (`result.options`).
#
# Try it, beside a control that feels every option: **shuffled heads**, the model's own weights, each row given to the
# tokens that it sees in random order. They are as sharp as the model's heads, and look anywhere. The first panel is the
# rollout: can you find a setting under which *cat* leads in it, the word that *it* stands for? (A
# discard ratio of 0.1 drops nothing here: a tenth of eight weights is less than one.)


# %%
from xai_helpers.attention import shuffled_attention


def beside_control(text: str, layers: tuple[int, int], query: int, **options):
    """The rollout of some layers, read at one token, beside the mean of twenty shuffled."""
    weights = attention_weights(model, text)[layers[0] : layers[1] + 1]
    tokens = [unit.text for unit in model.encode(text).units]
    if query >= len(tokens):
        raise xai.XaiError(f"the text ends at token {len(tokens) - 1}")
    own = rollout(mix(weights, **options))[query]
    draws = [mix(shuffled_attention(weights, seed), **options) for seed in range(20)]
    shuffled = np.mean([rollout(draw)[query] for draw in draws], axis=0)
    scores = {"rollout": own, "shuffled heads": shuffled, "difference": own - shuffled}
    return plots.side_by_side(
        tokens, scores, title=f"read at token {query}, {tokens[query]!r}"
    )


# %%
labels = {"fuse": "head fusion", "query": "query token"}
labels |= {"discard": "discard ratio", "residual": "residual weight"}
viz.explore(
    beside_control,
    text=cat,
    layers=viz.Span(0, model.n_layers - 1),
    fuse=["mean", "max", "min"],
    discard=(0.0, 0.9, 0.1),
    residual=(0.0, 1.0, 0.1),
    query=(0, 10),
    start={"residual": 0.5, "query": 7},
    labels=labels,
)

# %% [markdown]
# Let us search for you: 480 settings, and the word that leads in each.

# %%
from collections import Counter
from itertools import combinations_with_replacement, product

ranges = combinations_with_replacement(range(model.n_layers), 2)  # from one layer to another
options = product(ranges, ("mean", "max", "min"), (0, 0.3, 0.6, 0.9), (0, 0.2, 0.5, 0.8))
leaders = Counter()
for (first, last), fuse, discard, residual in options:
    mixed = mix(attention[first : last + 1], fuse=fuse, discard=discard, residual=residual)
    leaders[result.tokens[rollout(mixed)[7].argmax()]] += 1
print(leaders.most_common())

# %% [markdown]
# Of the eight words that *it* can see, seven lead under some setting; *cat* leads under none. Had somebody wished for
# *mat*, two of the settings would have shown it. Whoever tries settings until a picture pleases explains a wish. Choose
# the options before you look, and report them.
#
# ## Is attention an explanation?
#
# All of this is about weights. Does the *answer* depend on them? Jain & Wallace (2019), on recurrent models with one
# layer of attention, permuted the weights, searched for others that leave the output as it is, and compared them with
# gradients: often the output hardly changed, and agreement was weak. *Attention is not Explanation*. Wiegreffe & Pinter
# (2019) replied that weights found for one text after training are no trained model, and proposed tests of when
# attention is informative. *Attention is not not Explanation*. Neither studied a model like ours. So change the
# attention, run the model, look.
#
# `edited_attention` lets the model go on with other weights. `evenly(model, layer)` is one such edit: in that layer,
# each token attends evenly to all that it can see.

# %%
course.ask("even-layer")


# %%
def with_even_layers(text: str, answer: str) -> list[float]:
    """The answer's probability with even attention in layer 0, 1, ..."""
    target, values = xai.Target(answer, output="probability"), []
    for layer in range(model.n_layers):
        with edited_attention(model, evenly(model, layer)):
            values.append(round(model.value(text, target), 2))
    return values


for text, answer in ((tower, "Paris"), ("The capital of France is", "Paris"), (mary, "Mary")):
    print(f"{answer:5} by layer: {with_even_layers(text, answer)}  after {text!r}")

# %% [markdown]
# Look at layers 2 and 3: made even, their attention leaves all three answers standing. So a heatmap of the last layer
# is poor evidence for any of them, however clear it looks. Layer 1 is another matter: each answer is lost. And in
# layer 0 *Paris* survives after the tower and not after the capital. **Whether attention matters depends on the layer
# and on the sentence.** (Even is one change of many, and a strange one that the model never met. What survives it may
# still fall to another; what falls shows that these weights mattered, not how.)
#
# Now head by head. `permuted` keeps a head's weights at the last token, and permutes which token gets which. The mean
# of twenty permutations:

# %%
paris = xai.Target("Paris", output="probability")
before = model.value(tower, paris)
lost = np.zeros((model.n_layers, model.n_heads))
for layer, head in np.ndindex(*lost.shape):
    for seed in range(20):
        with edited_attention(model, permuted(model, layer, head, seed=seed)):
            lost[layer, head] += (before - model.value(tower, paris)) / 20
plots.head_grid(
    lost,
    title="P(Paris) lost when a head's last row is permuted",
    label="mean loss of probability",
)

# %% [markdown]
# Most squares are empty. The largest is the previous-token head of layer 0, though even attention in all of layer 0
# did little harm. So the model need not read *city*, the word before the last, there; it is led astray when a
# **wrong** word takes that place.
#
# And layer 1? Even attention there lost the answer, but each of its heads costs little. You have met this in chapter
# 00, with words: one at a time, neither seemed to matter. So permute all four heads together:

# %%
from xai_helpers.editing import chained

together = []
for seed in range(20):
    edits = [
        permuted(model, layer=1, head=head, seed=20 * head + seed)
        for head in range(model.n_heads)
    ]
    with edited_attention(model, chained(*edits)):
        together.append(model.value(tower, paris))
print(f"P(Paris), heads of layer 1 permuted, one alone: at least {before - lost[1].max():.2f}")
print(f"all four together: {np.mean(together):.2f}")

# %% [markdown]
# Together they are lost: **heads stand in for each other**, and a test of one head at a time can't see it. So where
# does the layer that matters look, where it makes the prediction?

# %%
xai.raw_attention(model, tower, layer=1)

# %% [markdown]
# *Eiffel* and *Tower*: the planted words, which the last layer's attention did not show, nor rollout through all
# layers.
#
# Is a classifier any different? Here is the review of chapter 00 on `course-distilbert`: even attention in one layer
# at a time, and then in all of them.

# %%
distilbert = xai.load("course-distilbert")
review = "The movie was surprisingly entertaining despite a weak script"
positive = xai.Target("positive", output="probability")
edits = [evenly(distilbert, layer) for layer in range(distilbert.n_layers)]
print(f"as it is: {distilbert.value(review, positive):.2f}")
for layer, edit in enumerate([*edits, chained(*edits)]):
    with edited_attention(distilbert, edit):
        name = f"layer {layer}" if layer < len(edits) else "all layers"
        print(f"{name} even: {distilbert.value(review, positive):.2f}")

# %% [markdown]
# Even attention in layer 0 costs over a third of the verdict's probability, in layers 1 and 2 nothing. One at a time, none
# turns the verdict; all three together do. Another model, another finding.
#
# So is attention an explanation? It *can* be a part of one, where changing it changes the answer. That has to be shown;
# the weight itself does not show it. Chapter 02 asks gradients how much each weight matters; chapter 09 replaces
# activations instead of weights.
#
# ## Where it breaks
#
# A book chapter on explaining transformers prints this row as the rollout of GPT-2 on the cat sentence, read at *it*.
# (We teach from the mistake, and leave the author out.)

# %%
published = {
    "The": 0.203,
    "cat": 0.421,
    "sat": 0.118,
    "on": 0.042,
    "the": 0.038,
    "mat": 0.087,
    "because": 0.061,
}
published |= {"it": 0.014, "was": 0.010, "very": 0.004, "tired": 0.002}
row = np.array(list(published.values()))
print("sum of the row:", row.sum().round(3))
print("on tokens after 'it':", row[8:].sum().round(3))
print("ours on tokens after 'it':", result.matrix[7, 8:].sum())

# %% [markdown]
# It looks right. It names the cat, and it sums to 1, so the first law holds. But GPT-2 is causal: *it* can't read
# *was*, *very* and *tired*, which come later. **No causal model can produce this row**, whatever its weights. The
# second law finds that, and the first does not: a law that holds proves little, a law that breaks proves much.
#
# The code beside that row has three more bugs, and they are your first three exercises.
#
# ## Does it transfer?
#
# GPT-2 small has 12 layers where ours has 4. What would rollout look like there? The control can be asked without
# downloading anything, for it needs no model:

# %%
for depth in (1, 4, 12, 24):
    row = rollout(mix(np.broadcast_to(even_attention(10), (depth, 1, 10, 10))))[-1]
    print(f"{depth:2} layers: first token {row[0]:.2f}, next {row[1]:.2f}, last {row[-1]:.2f}")

# %% [markdown]
# The deeper the model, the more of **this control** goes to the first token: with 24 layers, nearly all of it. In large
# models many heads rest on the first token besides. So in a deep decoder a high share of the first token says little;
# always show the control. Which layers matter and which head looks where may be quite different there. Put
# `xai.load("gpt2")` in place of the model at the top, and see for yourself.
#
# In encoders such as BERT every token sees every other, so even heads favour no token but the one that reads.
#
# ## Exercise 1 (easy, 5 minutes): the word that is never found
#
# The code beside the published row looks for its word with `tokens.index("it") if "it" in tokens else 7`. GPT-2's
# tokenizer writes the blank before a word into the token, as *Ġ*: the token is `"Ġit"`, the test never succeeds, and
# 7 is right by luck. Write a function that finds **all** places of a word among such pieces, with or without the *Ġ*.
# Case counts: *The* is not *the*.


# %% tags=["exercise"]
def positions(pieces: list[str], word: str) -> list[int]:
    """The places of the pieces that are this word, with or without a leading Ġ."""
    # solution
    return [place for place, piece in enumerate(pieces) if piece.removeprefix("Ġ") == word]
    # end solution


# %% tags=["check"]
course.check("find-a-word", positions)

# %% [markdown]
# ## Exercise 2 (medium, 15 minutes): a batch
#
# The same code begins each layer with `attn.squeeze(0)`, to get rid of the batch. With two texts in the batch nothing
# is squeezed, and the matrices no longer fit. Write rollout for a batch: heads averaged, the residual connection
# counted half, the upper layer on the left.


# %% tags=["exercise"]
def rollout_of_batch(attentions: list[np.ndarray]) -> np.ndarray:
    """For each layer, from below, weights (batch, heads, n, n); rollout (batch, n, n)."""
    # solution
    n = attentions[0].shape[-1]
    result = np.eye(n)
    for layer in attentions:
        result = (0.5 * layer.mean(axis=1) + 0.5 * np.eye(n)) @ result
    return result
    # end solution


# %% tags=["check"]
course.check("rollout-of-a-batch", rollout_of_batch)

# %% [markdown]
# ## Exercise 3 (medium, 15 minutes): the row that vanished
#
# To drop weak weights the same code takes one quantile of the **whole matrix** and sets all that is below it to zero.
# In a causal model that is unfair to late rows, whose weights are spread over many tokens. A row can lose all of
# them; it is then divided by its sum, zero:

# %%
weights = np.array(
    [[1, 0, 0, 0], [0.25, 0.75, 0, 0], [0.5, 0.3, 0.2, 0], [0.25, 0.25, 0.25, 0.25]]
)
kept = weights * (weights >= np.quantile(weights, 0.8))
with np.errstate(invalid="ignore"):
    print(kept / kept.sum(axis=-1, keepdims=True))

# %% [markdown]
# Write it row by row. Of a row's *m* positive weights, drop the floor(share × *m*) weakest, and divide what is left by
# its sum. (`share` is below 1, so at least one weight stays. You need not care about ties.)


# %% tags=["exercise"]
def discard(attention: np.ndarray, share: float) -> np.ndarray:
    """(n, n) attention without the weakest weights of each row, each row summing to 1 again."""
    # solution
    result = attention.copy()
    for row in result:
        positive = np.flatnonzero(row > 0)
        weakest = positive[np.argsort(row[positive])][: int(share * len(positive))]
        row[weakest] = 0
    return result / result.sum(axis=-1, keepdims=True)
    # end solution


# %% tags=["check"]
course.check("discard-by-row", discard)

# %% [markdown]
# ## Exercise 4 (medium, 10 minutes): even at any length
#
# A published classifier of heads calls one *uniform* if 1 minus n times the standard deviation of the **whole matrix**
# is above 0.8. In a causal model a perfectly even head fails that test, and the longer the text, the worse:

# %%
for n in (4, 11, 40):
    print(f"n = {n:2}: {1 - even_attention(n).std() * n:.2f}")

# %% [markdown]
# Write a measure that is 1 for a perfectly even head and 0 for one whose rows each read one token, **at any length**:
# a row's entropy divided by the log of the number of tokens that it sees, averaged over the rows that see at least
# two. (A token that is seen has a positive weight here.)


# %% tags=["exercise"]
def evenness(attention: np.ndarray) -> float:
    """How even the rows of (n, n) attention are: 0 to 1."""
    # solution
    shares = []
    for row in attention:
        seen = row[row > 0]
        if len(seen) >= 2:
            shares.append(-(seen * np.log(seen)).sum() / np.log(len(seen)))
    return float(np.mean(shares))
    # end solution


# %% tags=["check"]
course.check("evenness", evenness)

# %% [markdown]
# ## Exercise 5 (open)
#
# Take a sentence of your own, and a head that has a name on it by `head_patterns`. Permute its weights at the last
# token, as above, and do the same with a *mixed* head. Which matters more? There is no check: write down what you
# expect before you look.
#
# ## Quiz

# %%
course.ask("rollout-or-raw")

# %%
course.ask("rows-that-sum-to-one")

# %%
course.ask("flow-above-rollout")

# %%
course.ask("even-last-layer")

# %%
course.ask("one-head-at-a-time")

# %%
course.ask("deep-rollout")

# %% [markdown]
# ## In short
#
# - Raw attention is one hop of one layer. Rollout multiplies layers, with the residual connection mixed in; flow asks
#   how much could get through.
# - None of them sees values, MLPs, the sign, or the answer.
# - Residual weight, fusion and discarding change the result. Report them.
# - In causal models much of a rollout is causality itself. Put a control beside it.
# - Whether attention matters to an answer is an experiment: change it, and look at the answer. Heads stand in for each
#   other, so change several at once.
#
# **Next:** chapter 02 asks which attention weights the answer is sensitive to.
#
# **Sources.** Abnar & Zuidema 2020, *Quantifying Attention Flow in Transformers*. Jain & Wallace 2019, *Attention is
# not Explanation*. Wiegreffe & Pinter 2019, *Attention is not not Explanation*. Clark et al. 2019, *What Does BERT
# Look At?* (patterns of heads). Olsson et al. 2022, *In-context Learning and Induction Heads*. Xiao et al. 2023,
# *Efficient Streaming Language Models with Attention Sinks*.
