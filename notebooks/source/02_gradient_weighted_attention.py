# %% [markdown]
# # Gradient-weighted attention: which attention did the answer depend on?
#
# Chapter 01 ended with an experiment: change a layer's attention, and see whether the answer survives. Where the
# model looked and what the answer needed were two different things. A **gradient** asks something close to the second
# question, for all attention weights at once: if this weight grew a little, how would the answer change?
#
# **You will**
# - compute the gradient of an answer by an attention weight, by hand and by autograd, and check it,
# - weigh attention by it, for one answer against another, and read the signs,
# - carry it through the layers (Chefer, Gur & Wolf), and put a control beside it,
# - hold the gradient's prediction against what really happens,
# - take gradients at the words themselves: saliency and input × gradient,
# - find out why a published "gradient of attention" is none.
#
# **70 minutes, and 40 more for the exercises; 1 GB of memory.** You need: chapter 01, and what `backward` does in
# PyTorch.

# %% tags=["bootstrap"]
import xai_helpers.course as course

course.start()

# %%
import captum.attr
import numpy as np
import torch

import xai_helpers as xai
from xai_helpers import laws, viz
from xai_helpers.attention import even_attention, rollout, shuffled_attention
from xai_helpers.editing import edited_attention
from xai_helpers.gradient_attention import attention_gradients, positive_mean
from xai_helpers.viz import plots

model = xai.load("course-gpt2")
tower = "The Eiffel Tower is located in the city of"
mary = "When Mary and John went to the store, John gave a drink to"

# %% [markdown]
# `course-gpt2` is our own small model, not OpenAI's GPT-2.
#
# ## Before you look
#
# The model says *Paris*. Rollout, which knows nothing of the answer, gave most to *The*. Now we ask about one answer
# against another: why *Paris* and not *London*? Pick the two words that you expect to matter to that difference.

# %%
course.pick("paris-or-london", model)

# %% [markdown]
# ## A gradient, by hand
#
# Take one head that reads three tokens. It mixes their **values**, weighted by its attention. Then an answer reads
# the mixture: its logit is the product with a vector *u*, the answer's column of the unembedding.

# %%
values = np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 2.0]])  # three tokens, two dimensions
attention = np.array([0.5, 0.2, 0.3])
u = np.array([-1.0, 2.0])  # the answer's column of the unembedding

logit = attention @ values @ u
gradient = values @ u  # the logit is linear in the weights: these are its slopes
print("logit:   ", logit.round(2))
print("gradient:", gradient)
print("product: ", attention * gradient)

# %% [markdown]
# The first token has the most attention and a negative gradient: more attention there would *lower* the logit. The
# second has the least attention and the largest gradient. Attention says where the head looks; the gradient says what
# the answer makes of it. Their product is what each token brings: −0.5, +0.8 and +0.3. Here the three add up to the
# logit exactly, for in this toy nothing but the weighted sum stands between the head and the answer.
#
# Autograd finds the same slopes:

# %%
weights = torch.tensor(attention, requires_grad=True)
(slopes,) = torch.autograd.grad(weights @ torch.tensor(values) @ torch.tensor(u), weights)
assert np.allclose(slopes, gradient)
assert np.isclose((attention * gradient).sum(), logit)

# %% [markdown]
# ## On the model
#
# The target is a **contrast**: the logit of *Paris* minus the logit of *London*. `attention_gradients` runs the model
# once, forward and backward, and returns every weight with its gradient.

# %%
contrast = xai.Target("Paris", versus="London")
found = attention_gradients(model, tower, [contrast])
tokens = [unit.text for unit in found.encoded.units]
product = found.weights * found.gradients[0]
print("the target's value:", round(found.values[0], 2))
print("layers, heads, queries, keys:", product.shape)

# %% [markdown]
# Is that really the gradient? Change one weight by hand, a little up and a little down, and look at the answer. (In
# double precision, so that a small difference is not lost in rounding.) Only this one weight is changed, after the
# softmax; its row no longer sums to 1. That is what a gradient by one weight means, and no token loses what another
# gains.

# %%
precise = xai.load("course-gpt2", dtype=torch.float64)
place = {"layer": 1, "head": 0, "query": 9, "key": 1}  # "of" reads "Eiffel"


def nudged(h: float) -> float:
    """The target's value with one attention weight changed by h."""

    def edit(weights: torch.Tensor, at: int) -> torch.Tensor:
        changed = weights.clone()
        if at == place["layer"]:
            changed[0, place["head"], place["query"], place["key"]] += h
        return changed

    with edited_attention(precise, edit):
        return precise.value(tower, contrast)


# %%
slope = (nudged(1e-5) - nudged(-1e-5)) / 2e-5
exact = attention_gradients(precise, tower, [contrast]).gradients[(0, *place.values())]
print("finite difference:", round(slope, 5))
print("gradient:         ", round(exact, 5))

# %% [markdown]
# **The laws.** The answer is read at the last token. In the last layer, only the row of that token can still reach it,
# so all other rows have gradient exactly zero. And above the diagonal, where a causal model's attention is zero, so is
# the product.

# %%
others = found.gradients[0, -1, :, :-1]
print("gradient in other rows of the last layer:", np.abs(others).max())
print("product above the diagonal:", laws.no_look_ahead(product))
print("gradient above the diagonal:", round(laws.no_look_ahead(found.gradients[0]), 1))

# %% [markdown]
# The bare gradient above the diagonal is *not* zero. It answers a strange question: what if *Eiffel* could read
# *Tower*, which comes later? In this model it can't. Multiplying by the attention keeps the gradient to what happened.
#
# ## Heads that pull in opposite directions
#
# What does each head bring to *Paris* against *London*, in the row where the answer is read, that of the last token,
# *of*?

# %%
per_head = product[:, :, -1].sum(axis=-1)
plots.head_grid(per_head, title="Attention × gradient, row 'of'", label="logit difference")

# %% [markdown]
# Layer 1 stands out, as it did in chapter 01, where making its attention even lost the answer. But now there are signs:
# two of its heads speak for *Paris*, two against. And heads can disagree about a word:

# %%
for key in (1, 2):
    brought = product[1, :, -1, key]
    print(f"{tokens[key]!r}, heads of layer 1: {brought.round(2)}", end="  ")
    print(f"mean {brought.mean():+.2f}, mean positive part {brought.clip(min=0).mean():+.2f}")

# %% [markdown]
# About *Eiffel* the one head that disagrees is weak, and both means say the same. About *Tower* heads are strong on
# both sides: its mean speaks for *London*, its positive part for *Paris*. Taking the positive part first keeps what
# speaks for the answer and throws away what speaks against it. `attention_x_gradient` takes the mean over heads and
# layers, of both signs, or with `positive=True` of the positive part alone (as Grad-SAM does; Barkan et al., 2021).

# %%
xai.attention_x_gradient(model, tower, contrast)

# %% [markdown]
# *Eiffel* leads by far, and *The*, which led the rollout, is near zero. *Tower* has a minus. Keep that in mind; we
# shall test it.
#
# ## Another answer, another map
#
# Attention has no target; the product has. One forward pass serves several targets:

# %%
targets = [xai.Target("Mary", versus="John"), xai.Target("John", versus="Mary"), "Mary"]
several = attention_gradients(model, mary, targets)
names = [unit.text for unit in several.encoded.units]
brought = several.weights * several.gradients  # targets, layers, heads, queries, keys
maps = brought[:, 1, :, -1].mean(axis=1)  # layer 1, mean of its heads, last row
columns = dict(zip(["Mary, not John", "John, not Mary", "Mary"], maps))
plots.side_by_side(
    names, columns, title="Layer 1, attention × gradient, last row", shared=True
)

# %% [markdown]
# The first two are each other's mirror image, for so are the targets. *Mary* speaks for *Mary*, and the first *John*
# speaks against. In the third panel, without a contrast, *John* has less than a quarter of that: most of what it did
# in the first panel was to raise the logit of *John*, and not to lower the logit of *Mary*. Two questions, two
# answers. Say which one you asked.
#
# ## Does it hold? Cut and see
#
# If the way from a weight to the answer were a straight line, the product would be what the answer loses when the
# weight is cut to zero. (That is what *to first order* means: as if everything were straight.) So cut: for each
# token, let the last token not read it in layer 1, with all heads, and see what becomes of the difference. What was
# cut is not given to other tokens.


# %%
def cut(layer: int, key: int, heads: list[int] | None = None):
    """An edit: in one layer, the last token does not read one token, with some heads or all."""

    def edit(weights: torch.Tensor, at: int) -> torch.Tensor:
        changed = weights.clone()
        if at == layer:
            changed[:, range(model.n_heads) if heads is None else heads, -1, key] = 0.0
        return changed

    return edit


# %%
def lost(text: str, target: xai.Target, layer: int) -> np.ndarray:
    """What the target loses when the last token does not read token 0, 1, ..."""
    before, after = model.value(text, target), []
    for key in range(len(model.encode(text).units)):
        with edited_attention(model, cut(layer, key)):
            after.append(model.value(text, target))
    return before - np.array(after)


# %% [markdown]
# Guess before you run the next cell:

# %%
course.ask("predicted-and-lost")

# %%
predicted = product[1, :, -1].sum(axis=0)
plots.side_by_side(
    tokens,
    {"predicted by the gradient": predicted, "lost when cut": lost(tower, contrast, 1)},
    title="Paris, not London: layer 1, last token",
    shared=True,
)

# %% [markdown]
# The gradient names the right word, and is far off in how much: it predicts 3.6 of the 10.3, and cutting *Eiffel*
# costs 8.2. For *Tower* it predicts that *Paris* gains 1.2, and next to nothing happens. Why? Cut one head at a time:

# %%
for head in range(model.n_heads):
    with edited_attention(model, cut(1, tokens.index("Tower"), [head])):
        loss = found.values[0] - model.value(tower, contrast)
    print(f"head {head}: predicted {product[1, head, -1, 2]:+.2f}, lost {loss:+.2f}")

# %% [markdown]
# Head 3 does speak for *London* here, nearly as much as predicted: a minus can stand the test. But head 0 speaks for
# *Paris*, twice as much as the gradient says, and together they cancel.
#
# A gradient is the slope **here**, and a cut leads far away from here. What happens on the way? Let layer 1 read
# *Eiffel* with a part of its weights only:

# %%
for part in (1.0, 0.9, 0.7, 0.5, 0.3, 0.1, 0.0):

    def weaker(weights: torch.Tensor, at: int, part: float = part) -> torch.Tensor:
        changed = weights.clone()
        changed[:, :, -1, 1] *= part if at == 1 else 1.0
        return changed

    with edited_attention(model, weaker):
        print(f"{part:.0%} of the weights: {model.value(tower, contrast):.1f}")

# %% [markdown]
# The first tenth costs 0.4, as the gradient says. The last costs three times as much: the road gets steeper. How good
# is the gradient in the other layers?

# %%
for layer in range(model.n_layers):
    first_order, true = product[layer, :, -1].sum(axis=0), lost(tower, contrast, layer)
    worst = np.abs(first_order - true).argmax()
    print(
        f"layer {layer}: correlation {np.corrcoef(first_order, true)[0, 1]:.2f}, worst for "
        f"{tokens[worst]!r}: predicted loss {first_order[worst]:+.2f}, true {true[worst]:+.2f}"
    )

# %% [markdown]
# In the last two layers the prediction is good: little that could bend lies between them and the answer (and little
# is at stake: a tenth of a logit). In layer 0, where all other layers follow, it predicts a gain for *city*, a loss
# below zero, where the cut is a loss. So read an early layer's gradient with care, and where it matters, cut.
#
# ## Through all layers
#
# The product of one layer is one hop, as raw attention was. Chefer, Gur & Wolf (2021) carry it through the layers, as
# rollout carries attention. In each layer, the positive part of attention × gradient is averaged over heads: call it
# *A*. *R* begins as the identity, and each layer adds what it reads: *R* ← *R* + *A R*. With two matrices like those
# of chapter 01, where token 2 reads token 1 above, and token 1 read token 0 below:

# %%
below = np.array([[0.0, 0.0, 0.0], [0.6, 0.0, 0.0], [0.0, 0.0, 0.0]])
above = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.5, 0.0]])
relevance = np.eye(3)
for layer in (below, above):
    relevance = relevance + layer @ relevance
print(relevance[2])
assert np.allclose(relevance, (np.eye(3) + above) @ (np.eye(3) + below))

# %% [markdown]
# Token 0 gets 0.5 times 0.6, in two hops. The last line shows what the rule is: a rollout of the matrices *I* + *A*,
# without dividing rows by their sums. On the model:

# %%
carried = rollout(np.eye(len(tokens)) + positive_mean(product))
chefer = xai.chefer_relevance(model, tower, contrast)
assert np.allclose(chefer.matrix, carried)
print("smallest entry:", chefer.matrix.min())
print("largest above the diagonal:", laws.no_look_ahead(chefer.matrix))
chefer

# %% [markdown]
# The last token has 1 from its own identity, which says nothing; but it is the measure of the others: scores of 0.005
# beside it would mean that hardly any path helped. Of the others, *Eiffel* leads. How much of this would gradients
# that know nothing have given? A **control**: each row's gradients, handed to the tokens that it sees in random
# order.


# %%
def beside_control(text: str, target: xai.Target) -> plots.Picture:
    """Chefer's relevance of all tokens but the last, beside the mean of twenty controls."""
    a = attention_gradients(model, text, [target])
    n = len(a.encoded.units)
    seen = np.where(np.tri(n) > 0, a.gradients[0], 0.0)
    draws = [a.weights * shuffled_attention(seen, seed) for seed in range(20)]
    controls = [rollout(np.eye(n) + positive_mean(draw))[-1, :-1] for draw in draws]
    own = rollout(np.eye(n) + positive_mean(a.weights * a.gradients[0]))[-1, :-1]
    scores = {"relevance": own, "gradients shuffled": np.mean(controls, axis=0)}
    return plots.side_by_side([unit.text for unit in a.encoded.units][:-1], scores)


beside_control(tower, contrast)

# %%
beside_control(mary, targets[0])

# %% [markdown]
# *Eiffel* has three and a half times its control, *Mary* nearly three times. But *The* has as much over its control as
# *Eiffel*, and *When*, *went* and *gave* nearly as much as *Mary*: the order is the model's, the lead over the control
# singles out no word. And the first *John*, which spoke against *Mary* in layer 1? It has no more than its control: the
# positive part has thrown it away. Relevance without a sign shows what helped, and is silent about what hurt.
#
# ## Attention sinks
#
# Some heads rest on the first token, perhaps because attention must go somewhere. One chapter that we learned from
# says that multiplying by the gradient *eliminates* such sinks: who looks without effect has no gradient.

# %%
course.ask("sink-share")

# %% [markdown]
# First, how much attention goes there? Averaged over all heads, beside heads that attend evenly. Then the heads that do
# rest there, with more than 0.4 of their attention: their share, and the share of the first token in the size of the
# product.

# %%
prompts = {tower: "Paris", "The capital of France is": "Paris", mary: "Mary"}
prompts |= {"Mary Tom Anna Lucy Mary Tom Anna": "Lucy"}


def first_share(sizes: np.ndarray) -> np.ndarray:
    """The first token's share of each head, over all rows but the first."""
    return sizes[..., 1:, 0].sum(-1) / sizes[..., 1:, :].sum((-2, -1))


for text, answer in prompts.items():
    a = attention_gradients(model, text, [answer])
    even = first_share(even_attention(a.weights.shape[-1]))
    shares, left = first_share(a.weights), first_share(np.abs(a.weights * a.gradients[0]))
    print(f"{text}: all heads {shares.mean():.2f}, even heads {even:.2f}")
    for h in zip(*np.nonzero(shares > 0.4)):
        print(f"    a head that rests there: attention {shares[h]:.2f}, product {left[h]:.2f}")

# %% [markdown]
# Averaged over heads, there is no sink to remove: the first token has what even heads would give it. In ten cases a
# head does rest there. In nine of them the product has less, sometimes hardly any; in one it has more; in none is
# nothing left. On this model, then: multiplying by the gradient **reduces** a sink, mostly. It does not eliminate it.
#
# ## A review
#
# A classifier reads in both directions and predicts from `[CLS]`. Here is a review that gives it a choice: its
# attention in layer 0, attention × gradient for *positive* against *negative*, and Chefer's relevance for each label.

# %%
distilbert = xai.load("course-distilbert")
review = "A dull plot with a wonderful ending"
print(distilbert.predict(review, k=1)[0].token)
verdict = xai.Target("positive", versus="negative")
maps = {
    "attention": xai.raw_attention(distilbert, review, layer=0),
    "× gradient": xai.attention_x_gradient(distilbert, review, verdict),
    "Chefer, positive": xai.chefer_relevance(distilbert, review, "positive"),
    "Chefer, negative": xai.chefer_relevance(distilbert, review, "negative"),
}
words = maps["attention"].tokens[1:-1]  # without [CLS] and [SEP]
plots.side_by_side(words, {name: a.scores[1:-1] for name, a in maps.items()})

# %% [markdown]
# In layer 0 `[CLS]` reads the two words that judge. Attention × gradient, the mean of all layers, puts *ending*
# first: what `[CLS]` reads there in later layers may have come from *wonderful*, and one row does not show where it
# came from. Chefer's relevance follows such paths. Different words lead for the two labels, *wonderful* and *dull*.
# But *dull* comes second for *positive*, too. That need not mean that it helped: it has half of the attention, and
# the positive part of some head is soon found. How much it hurt, this method does not say.
#
# And the special tokens, where heads of large encoders are known to rest? Their share in attention, of all rows, and in
# the size of the product:

# %%
a = attention_gradients(distilbert, review, [verdict])
for name, sizes in (("attention", a.weights), ("product", np.abs(a.weights * a.gradients[0]))):
    cls, sep = (sizes[..., k].sum() / sizes.sum() for k in (0, -1))
    print(f"{name:9} [CLS] {cls:.2f}  [SEP] {sep:.2f}  even {1 / len(a.encoded.units):.2f}")

# %% [markdown]
# Both have less than an even share of the attention, and hardly any of the product.
#
# ## Explore
#
# One layer, one head or the mean of all, one target: attention, gradient and product in the row that the answer is
# read from. One head of layer 1 gives *Eiffel* a third of its attention, and what it reads there speaks for *London*.
# Which one? Then choose the target *P(Paris)*, the probability, and look at the numbers of the gradient (not at the
# bars, which fill each panel).

# %%
questions = {
    "Paris, not London": contrast,
    "Paris": xai.Target("Paris"),
    "London": xai.Target("London"),
    "P(Paris)": xai.Target("Paris", output="probability"),
}
answers = attention_gradients(model, tower, list(questions.values()))


# %%
def one_head(layer: int, head: int | None, target: str, positive: bool) -> plots.Picture:
    """Attention, gradient and product of one head, or of the mean of all, in the last row."""
    weights = answers.weights[layer, :, -1]
    slopes = answers.gradients[list(questions).index(target), layer, :, -1]
    brought = (weights * slopes).clip(min=0) if positive else weights * slopes
    scores = {"attention": weights, "gradient": slopes, "product": brought}
    rows = {name: x.mean(axis=0) if head is None else x[head] for name, x in scores.items()}
    name = "mean of all heads" if head is None else f"head {head}"
    return plots.side_by_side(tokens, rows, title=f"{target}: layer {layer}, {name}")


# %%
viz.explore(
    one_head,
    layer=(0, model.n_layers - 1),
    head={"mean of all": None} | {f"head {head}": head for head in range(model.n_heads)},
    target=list(questions),
    positive={"both signs": False, "positive part": True},
    start={"layer": 1},
    labels={"positive": "product"},
)

# %% [markdown]
# It is head 2. (In the mean of all heads, the product is the mean of the products, not the product of the means.) And
# all gradients of the probability are next to nothing:

# %%
print("P(Paris):", round(model.value(tower, questions["P(Paris)"]), 3))
for name, slopes in zip(questions, answers.gradients):
    print(f"{name:18} largest gradient {np.abs(slopes[:, :, -1]).max():.3f}")

# %% [markdown]
# The model is sure, and where it is sure the softmax is flat: the slope of *Paris* against all other answers counts
# *p* (1 − *p*) times, here 0.003. The probability is **saturated**. So explain a logit, or a contrast of logits.
#
# ## Gradients at the words
#
# Nothing ties gradients to attention. The same backward pass reaches each word's embedding. **Saliency** is the size
# of the gradient there (its length; the paper takes the largest component): how much would the answer move, if the
# word's vector moved a little? **Input × gradient** multiplies it by the vector itself, and has a sign.
#
# On a ReLU network without biases, input × gradient is **complete**: its scores add up to the output. Such a network
# is made of straight pieces through the origin. By hand, two inputs:

# %%
x = np.array([2.0, 1.0])
first, second = np.array([[1.0, -1.0], [1.0, 1.0]]), np.array([3.0, 1.0])
hidden = np.maximum(first @ x, 0)  # 1 and 3: both units are on
gradient = second @ first
print("output:", second @ hidden, " input × gradient:", x * gradient)
assert (x * gradient).sum() == second @ hidden
biased = np.maximum(first @ x + np.array([1.0, -2.0]), 0)  # both stay on
print("with biases:", second @ biased, " the same gradient, the same sum")

# %% [markdown]
# With biases the output is another, and the scores are not: no longer complete. A transformer is no straight line
# through zero: biases and position embeddings shift it, activations, norms and softmaxes bend it. The result says by
# how much it misses, as its *gap*:

# %%
xai.input_x_gradient(model, tower, contrast)

# %% [markdown]
# The scores sum to less than zero, where the total is above ten. Its order may still be good; its sum means nothing.
# Chapter 03 shares out the total exactly, and chapter 05 does it by a path of many gradients.
#
# **The same by a library.** captum computes both; the model is wrapped so that it starts at the embeddings.

# %%
encoded = model.encode(tower)
embeddings = model.model.get_input_embeddings()(encoded.ids).detach().requires_grad_()


def difference(embeddings: torch.Tensor) -> torch.Tensor:
    """Paris minus London, from embeddings (1, tokens, width)."""
    logits = model.model(inputs_embeds=embeddings).logits[:, -1]
    paris = model.resolve(contrast, tower)
    return logits[:, paris.id] - logits[:, paris.versus_id]


theirs = captum.attr.InputXGradient(difference).attribute(embeddings)[0].sum(-1).detach()
ours = xai.input_x_gradient(model, tower, contrast).scores
sizes = captum.attr.Saliency(difference).attribute(embeddings)[0].norm(dim=-1)
print("input × gradient agrees:", np.allclose(ours, theirs, atol=1e-4))
saliency = xai.saliency(model, tower, contrast).scores
print("saliency agrees:", np.allclose(saliency, sizes, atol=1e-4))

# %% [markdown]
# (captum has no relevance of Chefer, Gur & Wolf.)
#
# ## Where it breaks
#
# A book chapter on explaining transformers offers a "simpler approach" to the gradients of attention: a backward hook
# on each attention module, whose `grad_output[0]` is saved as `attention_grads`. (We teach from the mistake, and
# leave the author out.)

# %%
saved = {}
attention_module = model.model.transformer.h[1].attn
hook = attention_module.register_full_backward_hook(
    lambda module, grad_input, grad_output: saved.update(layer_1=grad_output[0])
)
output = model.model(**model.tokenizer(tower, return_tensors="pt"), output_attentions=True)
output.logits[0, -1].max().backward()
hook.remove()
model.model.zero_grad()
print("attention weights of layer 1:", tuple(output.attentions[1].shape))
print("what the hook saved:         ", tuple(saved["layer_1"].shape))

# %% [markdown]
# It runs, and it returns numbers. But a module's backward hook gets the gradient of the module's **output**, a vector
# for each token: no heads, no queries, no keys. It can't be multiplied with the weights, and whoever averages it over
# its last dimension and plots it has plotted something else. The weights are a tensor in the middle of the module.
# Ask autograd for that tensor:

# %%
output = model.model(**model.tokenizer(tower, return_tensors="pt"), output_attentions=True)
mended = torch.autograd.grad(output.logits[0, -1].max(), output.attentions)
print("the gradient of layer 1's weights:", tuple(mended[1].shape))
ours = attention_gradients(model, tower, ["Paris"])
assert np.allclose(mended[1][0], ours.gradients[0, 1], atol=1e-4)

# %% [markdown]
# A shape is the cheapest law there is. Print it.
#
# ## Does it transfer?
#
# In a large model, many heads do the same work, and more layers lie between a weight and the answer, so more can
# bend. There the first-order prediction may be worse than here, or better, if each head does less; this chapter shows
# neither. What transfers is the test: cut what the gradient names, and see.
#
# The methods need the weights on the graph. Fast attention kernels (SDPA, FlashAttention) never form them, so a model
# must be loaded with `attn_implementation="eager"`, as ours are; that costs memory on long texts.
#
# ## Exercise 1 (easy, 10 minutes): what cancels
#
# A mean over heads and layers loses what cancels. Write the version that keeps the positive part, as Grad-SAM does:
# of **each** entry of attention × gradient, what is below zero becomes zero; then the mean over all layers and heads,
# zeros counted.


# %% tags=["exercise"]
def positive_map(attention: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """(layers, heads, n, n) of both; the mean positive part (n, n) over layers and heads."""
    # solution
    return (attention * gradient).clip(min=0).mean(axis=(0, 1))
    # end solution


# %% tags=["check"]
course.check("positive-map", positive_map)

# %% [markdown]
# ## Exercise 2 (medium, 15 minutes): a slope without autograd
#
# How do you know that a gradient is right? You measure it. Write the central difference of a function of a matrix, at
# one entry: (f with the entry + h, minus f with the entry − h) / 2h. Leave the matrix as it was.


# %% tags=["exercise"]
def slope_at(f, matrix: np.ndarray, place: tuple[int, int], h: float = 1e-4) -> float:
    """The slope of f(matrix) by the entry at `place`, from two evaluations of f."""
    # solution
    up, down = matrix.copy(), matrix.copy()
    up[place] += h
    down[place] -= h
    return float((f(up) - f(down)) / (2 * h))
    # end solution


# %% tags=["check"]
course.check("slope-at", slope_at)

# %% [markdown]
# ## Exercise 3 (medium, 15 minutes): relevance without rollout
#
# Chefer's rule once more, from the arrays that `attention_gradients` returns, without `rollout` and `positive_mean`.
# Mind the order: the layer's matrix stands on the left.


# %% tags=["exercise"]
def relevance_of(attention: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """(layers, heads, n, n) of both, lowest layer first; R (n, n)."""
    # solution
    relevance = np.eye(attention.shape[-1])
    for weights, slopes in zip(attention, gradient):
        relevance = relevance + (weights * slopes).clip(min=0).mean(axis=0) @ relevance
    return relevance
    # end solution


# %% tags=["check"]
course.check("chefer-relevance", relevance_of)

# %% [markdown]
# ## Exercise 4 (open)
#
# In layer 0 the gradient predicts a gain for *city*, and the cut is a loss. Weaken the last token's weight at *city*
# in steps, in all four heads, as we did for *Eiffel* in layer 1, and print the difference *Paris* minus *London*.
# Where does the road turn? There is no check: write down what you expect before you look.
#
# ## Quiz

# %%
course.ask("two-signals")

# %%
course.ask("bare-gradient")

# %%
course.ask("hook-at-the-module")

# %%
course.ask("flat-probability")

# %%
course.ask("gap-of-input-x-gradient")

# %% [markdown]
# ## In short
#
# - A gradient says how the answer would change if one attention weight changed a little. Times the weight, it says to
#   first order what the answer gets from it.
# - It has a target and a sign. A contrast asks a sharper question than a logit, and a saturated probability asks
#   none.
# - Heads pull against each other: a mean cancels them, a positive part hides the losers.
# - It is a slope, not a jump. Cut and see: near the answer the prediction was good here; far from it a gain was
#   predicted where the cut was a loss.
# - Input × gradient is complete on a ReLU network without biases, and not on a transformer.
#
# **Next:** chapter 03 hands the whole logit back through the layers, and accounts for every part of it.
#
# **Sources.** Barkan et al. 2021, *Grad-SAM: Explaining Transformers via Gradient Self-Attention Maps*. Chefer, Gur &
# Wolf 2021, *Generic Attention-model Explainability for Interpreting Bi-Modal and Encoder-Decoder Transformers* (ICCV);
# their *Transformer Interpretability Beyond Attention Visualization* (CVPR 2021) weighs LRP's relevance of attention
# instead, `xai.transformer_attribution`. Simonyan, Vedaldi & Zisserman 2014, *Deep Inside Convolutional Networks*
# (saliency). Shrikumar et al. 2016, *Not Just a Black Box* (input × gradient). Kokhlikyan et al. 2020, *Captum*.
