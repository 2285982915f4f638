# %% [markdown]
# # Comparing methods: they disagree, so which is right?
#
# You know a dozen ways to ask a model why. Ask the same model about the same sentence in all these ways, and you get a
# dozen answers. It is tempting to trust what most of them say. This chapter looks at how far they agree, and at how
# little follows from that.
#
# **You will**
# - meet the last two methods of this half of the course: integrated gradients and SmoothGrad,
# - hold integrated gradients to their law, and see what the baseline decides,
# - compare fifteen methods on one text, with what each of them cost,
# - let a method take part that never looks at the model, and see it agree,
# - learn what a p-value over the words of one sentence doesn't say, and use many texts instead,
# - explain a generated text word by word,
# - take a first look at who finds the words that were planted.
#
# **75 minutes, and 40 more for the exercises; 1 GB of memory.** You need: chapters 02 and 04. Of 01 and 03 only the
# names of the methods are needed.

# %% tags=["bootstrap"]
import xai_helpers.course as course

course.start()

# %%
import dataclasses
import json

import captum.attr
import numpy as np
import torch
from scipy import stats

import xai_helpers as xai
from xai_helpers import laws, viz
from xai_helpers.gradients import path_integral
from xai_helpers.replacements import stand_in
from xai_helpers.viz import plots

# %%
model = xai.load("course-distilbert")
gpt = xai.load("course-gpt2")
review = "The movie was surprisingly entertaining despite a weak script"
prompt = "The Eiffel Tower is located in the city of"

# %% [markdown]
# Both models are our own and small, as before.
#
# ## Before you look
#
# `course-gpt2` ends the prompt with *Paris*. Integrated gradients will say which words are most responsible for that,
# and not for *London*. Which two do you expect?

# %%
course.pick("paris-by-path", gpt)

# %% [markdown]
# ## Integrated gradients, by hand
#
# In chapter 02 the gradient failed where an output is flat. Take *f*(*x*) = min(*x*, 1). Coming from 0, *f* rises
# until *x* = 1 and stays there. At *x* = 2 the slope is 0, so gradient × input gives *x* nothing, although *f* went
# from 0 to 1 and nothing but *x* can have done it. **Integrated gradients** (IG; Sundararajan, Taly & Yan, 2017) walk
# the whole way from a **baseline**, here 0, and take the mean slope:


# %%
def slope(x: np.ndarray) -> np.ndarray:
    """The gradient of min(x, 1)."""
    return np.where(x < 1, 1.0, 0.0)


start, end, steps = 0.0, 2.0, 8
points = start + (np.arange(steps) + 0.5) / steps * (end - start)  # the middles of 8 pieces
print("slopes on the way:", slope(points))
print("gradient x input: ", slope(end) * end)
print("IG:               ", slope(points).mean() * (end - start))

# %% [markdown]
# **The law: completeness.** IG adds up to *f*(end) − *f*(start), as the last line shows for one input. With several,
# each gets the mean of its own slope on the common way, times how far it went. What is more, the result depends on
# the function, the baseline and the input, and not on how the function is written. Two networks that compute the same
# (after the paper):


# %%
def one(x: torch.Tensor) -> torch.Tensor:
    """relu(relu(x1) - 1 - relu(x2)), for points (n, 2)."""
    return torch.relu(torch.relu(x[:, 0]) - 1 - torch.relu(x[:, 1]))


def other(x: torch.Tensor) -> torch.Tensor:
    """The same function: relu(relu(x1 - 1) - relu(x2))."""
    return torch.relu(torch.relu(x[:, 0] - 1) - torch.relu(x[:, 1]))


# %%
def share_out(network) -> torch.Tensor:
    """IG of (3, 1) against (0, 0)."""

    def gradient(x: torch.Tensor) -> torch.Tensor:
        x = x.requires_grad_()
        return torch.autograd.grad(network(x).sum(), x)[0]

    return path_integral(gradient, torch.zeros(2), torch.tensor([3.0, 1.0]), 3000, "midpoint")


print("one:  ", share_out(one).numpy().round(3))
print("other:", share_out(other).numpy().round(3))

# %% [markdown]
# The same shares: IG is **implementation invariant**. LRP was not (chapter 03).
#
# ## On a model
#
# A text is no number, but its embeddings are. The way leads from the embeddings of a baseline, here masks, to those of
# the words. Special tokens stay. By hand, with 16 points, and the same in one call:

# %%
encoded = model.encode(review)
table = model.model.get_input_embeddings()
words = table(encoded.ids)[0].detach()
_, masks = stand_in(model, encoded, "mask")
total = torch.zeros_like(words)
for t in (np.arange(16) + 0.5) / 16:
    point = (masks + float(t) * (words - masks)).requires_grad_()
    output = model.model(inputs_embeds=point[None]).logits[0, 1]
    total += torch.autograd.grad(output, point)[0] / 16
by_hand = ((words - masks) * total).sum(-1)
a = xai.integrated_gradients(model, review, "positive", steps=16, quadrature="midpoint")
assert np.allclose(by_hand.detach(), a.scores, atol=1e-4)

# %%
explanation = xai.integrated_gradients(model, review, "positive")
missing = laws.completeness(explanation.total, explanation.scores, explanation.absorbed)
print("missing:", f"{missing:.2f}")
explanation

# %% [markdown]
# The line above the words is the account again. The value at the baseline is absorbed, and the **gap** is what the
# steps missed: a mean over a few points is no integral. Do more steps help? *Gauss–Legendre*, our default, chooses
# points and weights such that smooth curves need few of them. *Midpoint* spaces them evenly.

# %%
print("steps        ", *(f"{steps:>8}" for steps in (2, 8, 32, 128)))
for quadrature in ("midpoint", "gauss-legendre"):
    gaps = [
        abs(
            xai.integrated_gradients(
                model, review, "positive", steps=s, quadrature=quadrature
            ).gap
        )
        for s in (2, 8, 32, 128)
    ]
    print(f"{quadrature:14}", *(f"{gap:8.3f}" for gap in gaps))
a = xai.integrated_gradients(model, review, "positive", tolerance=0.001)
print("a gap below 0.001 took", a.options["steps"], "steps")

# %% [markdown]
# They do, but not steadily: once the gap is small, luck decides, and on this model the one rule is no better than the
# other. So look at the gap, or give a `tolerance`: then the steps are doubled until the gap is small enough.
#
# ## The baseline decides
#
# The same review, the same method, the same steps. Only where the way begins is different:

# %%
columns = {}
for baseline in ("mask", "zero", "mean", "the"):
    a = xai.integrated_gradients(model, review, "positive", baseline=baseline)
    columns[baseline] = a.scores
    print(
        f"{baseline:5} from {a.absorbed['baseline']:+.2f} to {a.total:.2f}, gap {a.gap:+.2f}"
    )
plots.side_by_side(explanation.tokens, columns, title="IG from four baselines", shared=True)

# %% [markdown]
# *entertaining* has 0.4, −1.3, 3.9 and −2.1. Each of the four columns is complete, up to its gap: each adds up to the
# change *from its own baseline*. They answer four questions: "why this, rather than masks?", "rather than zeros?",
# and so on. IG without its baseline is half a result. Ours records it, and takes a mask token where the tokenizer has
# one, since a mask is something that this model has seen.
#
# **SmoothGrad** (Smilkov et al., 2017) has another idea: add noise to the embeddings, and average the gradient over
# many draws. It is saliency, and its scores have no sign. How much noise? `noise` is the standard deviation as a share
# of the range of the text's embeddings; 0.15 is the default, from the middle of what the paper tried.

# %%
noises = (0.0, 0.05, 0.15, 0.5)
columns = {
    f"noise {noise}": xai.smoothgrad(model, review, "positive", noise=noise).scores
    for noise in noises
}
plots.side_by_side(explanation.tokens, columns, title="SmoothGrad (each on its own scale)")

# %% [markdown]
# With no noise it is saliency: that is its law, and the assert below checks it. With much noise the gradient is of no
# text at all, and the scores come close to each other (read the numbers, not the bars).

# %%
calm = xai.smoothgrad(model, review, "positive", noise=0.0)
assert np.allclose(calm.scores, xai.saliency(model, review, "positive").scores, atol=1e-4)

# %% [markdown]
# ## Fifteen methods, one sentence
#
# `xai.compare` asks them all about the same number. Words are ranked **by the size** of their scores, since not all
# methods have a sign. Guess first:

# %%
course.ask("how-much-agreement")

# %%
comparison = xai.compare(model, review, "positive", progress=False)
comparison.plot()

# %% [markdown]
# Above, the rank correlation of every two methods (Spearman's ρ, the correlation of ranks): 1 is the same order, 0 no
# relation. Below, the rank of each word by the size of its score, with the mean on the right; the colours are the signed
# scores, each column on its own scale. Nearly all correlations have a plus, and a few are
# near 1. Here are some pairs, and what each method cost:

# %%
rho = comparison.spearman
at = {name: i for i, name in enumerate(comparison.methods)}
for one_name, other_name in (
    ("attention_rollout", "attention_flow"),
    ("lime", "shapley"),
    ("leave_one_out", "shapley"),
    ("leave_one_out", "occlusion"),
    ("leave_one_out", "input_x_gradient"),
):
    print(f"{one_name} and {other_name}: {rho[at[one_name], at[other_name]]:.2f}")
print("mean rank:", ", ".join(f"{word} {rank:.1f}" for word, rank in comparison.ranking()[:4]))

# %%
print("                         passes   rows  backward")
for name, cost in comparison.costs.items():
    print(f"{name:24} {cost.forwards:6} {cost.rows:6} {cost.backwards:9}")

# %% [markdown]
# (A pass may hold many rows: changed texts, or points on the way. Of LIME's 1,000 texts many are the same, and run
# once.) Relatives agree, or don't: leave-one-out and occlusion differ in the window only, one word or
# three, and have 0.08. *despite*
# and *weak* lead by consensus. So are they right?
#
# ## Agreement is not truth
#
# Let a method take part that knows nothing: a word's score is its **length**. It never looks at the model. `compare`
# takes any function with the methods' signature.


# %%
def word_length(model, text: str, target=None) -> xai.Attribution:
    """The number of letters of each word."""
    like = xai.saliency(model, text, target).to_words()
    lengths = [0.0 if unit.special else float(len(unit.text)) for unit in like.units]
    return dataclasses.replace(like, method="word_length", scores=np.array(lengths))


# %% [markdown]
# And one sentence is one sentence. Here are 40 reviews from the grammar of our corpus, each with one deciding word, on
# which the model was seen to rely: when it was replaced, the answer turned. (More about these below.)

# %%
path = xai.models.data_folder() / "corpora" / "reliance.jsonl"
known = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
known = [
    case
    for case in known
    if case["source"] == "grammar" and case["expected"] == "flip" and case["as_expected"]
    if len(case["spans"]) == 1 and 6 <= len(case["text"].split()) <= 12
    if " " not in case["text"][slice(*case["spans"][0])]
]
chosen = np.random.default_rng(0).choice(len(known), 40, replace=False)
cases = [known[i] for i in chosen]
print(len(known), "of them, for instance:", cases[0]["text"])

# %%
names = ["attention_rollout", "chefer_relevance", "saliency", "input_x_gradient", "lrp"]
names += ["leave_one_out", "integrated_gradients", "smoothgrad"]
methods = {name: name for name in names}
methods["shapley"] = ("shapley", {"estimator": "permutation", "samples": 200})
methods["word_length"] = word_length
texts = [case["text"] for case in cases]
corpus = xai.compare_corpus(model, texts, methods=methods, progress=False)
corpus.plot()

# %% [markdown]
# Each cell is a mean over the reviews. Below it stands its 95 % interval, by the **bootstrap**: draw 40 reviews from
# the 40 with replacement, a thousand times, and see how the mean moves.
#
# Look at the row of `word_length`. Rollout, saliency and SmoothGrad agree with it as well as they agree with Shapley,
# or better; leave-one-out and Shapley agree with it least. Content words are longer than *the* and *a*, and many
# methods like content words: so two methods can agree for a reason that is not the model's. **An agreement score
# needs a control beside it**: what would a method reach that knows nothing?
#
# ## p-values over the words of one sentence
#
# A published comparison of four methods prints ρ = 0.891 (p = 0.001) for integrated gradients against leave-one-out
# on our prompt, and p-values for all pairs. What does such a p-value say? That ranks this similar would be rare *if
# the two had nothing to do with each other*. See how often SmoothGrad is "significantly" related to random scores,
# and to the length of the word:

# %%
rng = np.random.default_rng(0)
p = {"random scores": [], "word_length": []}
for text in corpus.texts:
    smooth = text.scores["smoothgrad"]
    p["random scores"].append(stats.spearmanr(rng.random(len(smooth)), smooth).pvalue)
    p["word_length"].append(stats.spearmanr(text.scores["word_length"], smooth).pvalue)
for name, values in p.items():
    print(f"{name}: p < 0.05 in {np.mean(np.array(values) < 0.05):.0%} of the reviews")

# %% [markdown]
# So p-values do what they promise: of random scores a few are "significant", in the long run about one in twenty. And
# half of the time a count of letters is, since it *is* related to SmoothGrad. A small p says "not unrelated, on this sentence". It does
# not say that either of the two has looked at the model, nor how similar they are, nor what happens on other
# sentences. To say something about sentences, let sentences be the sample, as above.
#
# And the printed correlations? On our model and the same prompt (the published one compares scores after scaling them
# to 0 … 1, which keeps their order; so by signed scores):

# %%
four = ["raw_attention", "attention_rollout", "integrated_gradients", "leave_one_out"]
ours = xai.compare(gpt, prompt, "Paris", methods=four, by="signed", progress=False)
claims = {
    (0, 1): 0.782,
    (0, 2): 0.614,
    (0, 3): 0.591,
    (1, 2): 0.845,
    (1, 3): 0.723,
    (2, 3): 0.891,
}
for (i, j), claim in claims.items():
    print(f"{four[i]} and {four[j]}: printed {claim}, here {ours.spearman[i, j]:.2f}")

# %% [markdown]
# It is another model, so other numbers are no contradiction. But here rollout agrees with neither integrated
# gradients nor leave-one-out; and these two agree with each other, at 0.98. Both compare the words to masks. What if
# only one does, or both compare them to something else?

# %%
pairs = [("mask", "mask"), ("mask", "zero"), ("mask", "the"), ("zero", "zero"), ("the", "the")]
for replacement, baseline in pairs:
    methods = {
        "loo": ("leave_one_out", {"replacement": replacement}),
        "ig": ("integrated_gradients", {"baseline": baseline}),
    }
    two = xai.compare(gpt, prompt, "Paris", methods=methods, by="signed", progress=False)
    print(f"leave-one-out by {replacement:4}, IG from {baseline:4}: {two.spearman[0, 1]:.2f}")

# %% [markdown]
# A shared ingredient is one more reason for agreement, beside a shared truth: with it the two agree more, in each case
# here. By itself it does not make them agree: two zeros have 0.47.
#
# ## Word by word
#
# A language model writes one token after the other, and each has its own explanation. `xai.explain_generation` runs a
# method at every step.

# %%
steps_of = xai.explain_generation(gpt, prompt, "leave_one_out", max_new_tokens=3)
plots.generation_matrix(steps_of)

# %% [markdown]
# A row for each token that was written (the model stops after the full stop), a column for each token that could be
# read. What is later can't be read, and stays empty. A number is what the written token's logit loses without the
# token that was read: the full stop depends most on the *Paris* before it.
#
# ## Explore
#
# Methods, target, text, and the number of IG's steps, with IG's account below. Type a review of your own. And with
# *all of these*: which methods change their first three when you add a full stop?

# %%
sets = {
    "gradients": ["saliency", "input_x_gradient", "smoothgrad"],
    "attention": ["raw_attention", "attention_rollout", "chefer_relevance"],
    "taking words away": ["leave_one_out", "occlusion"],
}
sets["all of these"] = [name for names in sets.values() for name in names] + ["lrp"]


def disagreement(methods: str, text: str, target: str, steps: int, baseline: str) -> list:
    """The comparison, and IG's account."""
    options = {"steps": steps, "baseline": baseline}
    asked = {name: name for name in sets[methods]}
    asked["integrated_gradients"] = ("integrated_gradients", options)
    found = xai.compare(model, text, target, asked, progress=False)
    return [found.plot(), found.attributions["integrated_gradients"]]


# %%
viz.explore(
    disagreement,
    methods=list(sets),
    text=review,
    target=["positive", "negative"],
    steps=(1, 64),
    baseline=["mask", "zero", "mean", "the"],
    start={"steps": 32},
    labels={"steps": "IG steps", "baseline": "IG baseline"},
)

# %% [markdown]
# And the agreement over all 40 reviews, with its intervals. By which measure, and by size or by signed scores? The
# model is not asked again.


# %%
def over_texts(measure: str, by: str) -> plots.Picture:
    """Mean agreement and its interval."""
    return dataclasses.replace(corpus, by=by).plot(measure)


viz.explore(
    over_texts,
    measure={
        "Spearman's rho": "spearman",
        "Kendall's tau": "kendall",
        "overlap of the top 3": "overlap",
    },
    by={"the size of scores": "size", "signed scores": "signed"},
    labels={"by": "ranked by"},
)

# %% [markdown]
# ## Where it breaks
#
# The same published comparison scales each method's scores to the range from 0 to 1, by their minimum and maximum,
# before it shows them. (We teach from the mistake, and leave the author out.) Take IG from a baseline of zeros:

# %%
a = xai.integrated_gradients(model, review, "positive", baseline="zero")
content = list(a.content)
scores = a.scores[content]
scaled = (scores - scores.min()) / (scores.max() - scores.min())
print("                   score   scaled")
for token, score, value in zip((a.tokens[i] for i in content), scores, scaled):
    print(f"{token:14} {score:+9.2f} {value:8.2f}")

# %% [markdown]
# *entertaining* has the second largest effect, with a minus. Scaled it is 0, and reads as "no influence". *The* has
# next to nothing, and reads as a third of the maximum. The order is kept, so the correlations are those of signed
# scores; but signs, sizes and the law are gone. (And a top three of such a list names a word that speaks against only
# if fewer than three speak for.) What helps: keep the sign, say the unit, and let each method have its own scale, as
# the figures here do.
#
# ## The same by a library
#
# captum has integrated gradients for a layer, here the embedding. Its default is 50 steps of Gauss–Legendre. The
# baseline goes in as ids:

# %%
layer = captum.attr.LayerIntegratedGradients(
    lambda ids: model.model(input_ids=ids).logits[:, 1], model.model.get_input_embeddings()
)
masked = encoded.ids.clone()
masked[0, 1:-1] = model.tokenizer.mask_token_id
theirs = layer.attribute(encoded.ids, baselines=masked, n_steps=50).sum(-1)[0].detach()
ours = xai.integrated_gradients(model, review, "positive", steps=50)
assert np.allclose(theirs, ours.scores, atol=1e-4)
print("captum and ours differ by less than 0.0001; the gap is", round(abs(ours.gap), 3))

# %% [markdown]
# Special tokens keep their ids. If *all* ids are set to the padding token, the account begins at a text without
# `[CLS]`, the very token that this model reads its answer from.
#
# ## A first look at the truth
#
# Agreement can't say who is right. For the 40 reviews we know more: which word decides by the grammar that wrote them,
# and that the model's answer turned when it was replaced. So: how often does a method put that word first?

# %%
hits = {}
for name in corpus.methods:
    found = []
    for case, text in zip(cases, corpus.texts):
        first = text.units[int(np.abs(text.scores[name]).argmax())]
        start, end = case["spans"][0]
        found.append(start <= first.start < end)
    hits[name] = np.mean(found)
hits["any word, by chance"] = np.mean([1 / len(text.units) for text in corpus.texts])
for name, share in sorted(hits.items(), key=lambda item: -item[1]):
    print(f"{share:5.2f}  {name}")

# %% [markdown]
# All nine are good at this, and much better than the length of the word; rollout, too, although it never sees the
# target. It is an easy task: one word decides,
# and it is a strong one. With forty reviews 0.95 and 0.85 are four reviews apart. These are also reviews on which
# *replacing a word* turned the answer, a filter that should favour methods that take words away (it doesn't show
# here); and nothing is said about the other words' ranks. Chapter 07 does it properly: harder texts, models whose
# weights we wrote, intervals, and controls for every number.
#
# ## Does it transfer?
#
# That methods disagree has been found for other models, too (Krishna et al., 2022; Neely et al., 2021). Which of them
# agree depends on the model, the texts and the measure. What transfers is the way to ask: the same number, the same
# units, many texts, an interval, and a method that knows nothing.
#
# ## Exercise 1 (easy, 10 minutes): points on the way
#
# Two published versions of IG take *steps* + 1 points from the baseline to the input, both ends included, and average
# them all with the same weight. That counts the ends twice as much as they deserve. Write it with the middles of
# *steps* equal pieces.


# %% tags=["exercise"]
def integrated(gradient, start: np.ndarray, end: np.ndarray, steps: int) -> np.ndarray:
    """gradient(x) gives the slopes (n,) at one point x (n,); each input's share (n,) of f(end) - f(start)."""
    # solution
    way = end - start
    slopes = [gradient(start + (k + 0.5) / steps * way) for k in range(steps)]
    return way * np.mean(slopes, axis=0)
    # end solution


# %% tags=["check"]
course.check("integrated", integrated)

# %% [markdown]
# ## Exercise 2 (medium, 15 minutes): the trapezoid
#
# One may keep both ends, if they count half. captum's `riemann_trapezoid` means to do so. Does it? Its weights:

# %%
from captum.attr._utils.approximation_methods import approximation_parameters

weights_of, _ = approximation_parameters("riemann_trapezoid")
for n in (5, 50):
    print(f"{n} points: the weights add up to {sum(weights_of(n)):.2f}")

# %% [markdown]
# The slope of a straight line, 1 everywhere, would come out too small. Give *n* points from 0 to 1, both ends
# included, and weights that integrate every straight line exactly: inner points count the same, the ends half of
# that.


# %% tags=["exercise"]
def trapezoid(n: int) -> tuple[np.ndarray, np.ndarray]:
    """n >= 2 points (n,) from 0 to 1, and their weights (n,)."""
    # solution
    weights = np.full(n, 1 / (n - 1))
    weights[[0, -1]] /= 2
    return np.linspace(0, 1, n), weights
    # end solution


# %% tags=["check"]
course.check("trapezoid", trapezoid)

# %% [markdown]
# ## Exercise 3 (medium, 15 minutes): how similar are two rankings?
#
# Kendall's τ asks about all pairs of words: do both methods put the pair in the same order? τ is the number of pairs in
# the same order, minus those in opposite orders, divided by the number of all pairs. (No ties here.)


# %% tags=["exercise"]
def kendall(a: np.ndarray, b: np.ndarray) -> float:
    """a, b: scores (n,) of the same words, all different."""
    # solution
    total, pairs = 0, 0
    for i in range(len(a)):
        for j in range(i):
            total += np.sign(a[i] - a[j]) * np.sign(b[i] - b[j])
            pairs += 1
    return total / pairs
    # end solution


# %% tags=["check"]
course.check("kendall", kendall)

# %% [markdown]
# ## Exercise 4 (open)
#
# Write a second method that knows nothing of the model, and agrees with LRP as well as you can make it. How often
# does it put the deciding word first? There is no check: write down what you expect before you look.
#
# ## Quiz

# %%
course.ask("baseline-is-a-question")

# %%
course.ask("most-methods-agree")

# %%
course.ask("p-of-tokens")

# %%
course.ask("no-gap-so-right")

# %%
course.ask("signed-or-size")

# %% [markdown]
# ## In short
#
# - Integrated gradients share out the change from a baseline. Completeness is their law, the gap says how far they got.
# - The baseline is part of the question. Another baseline, another answer, and each is complete.
# - Compare by size or by signed scores, and say which. Scaling by minimum and maximum hides the sign.
# - Methods agree moderately; so does the length of the word with many of them. An agreement score needs a control.
# - The words of one sentence are no sample. Texts are.
# - Who is right can't be told from agreement. It takes a model, or texts, of which the truth is known.
#
# **Next:** chapter 06 does the same with the field's libraries, and chapter 07 asks who is right.
#
# **Sources.** Sundararajan, Taly & Yan 2017, *Axiomatic Attribution for Deep Networks*. Smilkov et al. 2017,
# *SmoothGrad: Removing Noise by Adding Noise*. Krishna et al. 2022, *The Disagreement Problem in Explainable Machine
# Learning*. Neely et al. 2021, *Order in the Court: Explainable AI Methods Prone to Disagreement*. Efron 1979,
# *Bootstrap Methods: Another Look at the Jackknife*. Kendall 1938, *A New Measure of Rank Correlation*. Sarti et al.
# 2023, *Inseq: An Interpretability Toolkit for Sequence Generation Models*.
