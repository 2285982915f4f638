# %% [markdown]
# # Tools: which library answers my question?
#
# So far we explained models with code of our own, short enough to be read. The field has libraries, and you will meet
# them in every paper and every team: Captum, SHAP, LIME, TransformerLens, nnsight, BertViz and more. They overlap, and
# they differ in what they read, in what they assume without saying, and in how they break. Here each gets the question
# that another has just answered. Where two disagree, we find out why.
#
# **You will**
# - read and change the same activation with a hook, TransformerLens and nnsight, and count lines and milliseconds,
# - run ten of Captum's algorithms, and say which of them keep their promise,
# - find a shortcut in an image classifier, and see why pictures of features work for images and fail for text,
# - explain a classifier that is only a web address, and count what that costs,
# - look at attention in three views, and at what a page needs that shows them,
# - choose a tool by what you have of the model, what you want, and for whom.
#
# **Two sittings of an hour (the second starts at the images), and an hour for the exercises; 1.5 GB of memory.** You
# need: chapters 01 and 04; 05 and 09a help.

# %% tags=["bootstrap"]
import xai_helpers.course as course

course.start()

# %%
import inspect
import json
import re
import time
import warnings

import captum.attr
import numpy as np
import shap
import torch
from bertviz import head_view
from captum.attr import visualization
from IPython.display import HTML
from lime.lime_text import LimeTextExplainer

# %%
import xai_helpers as xai
from xai_helpers import (
    blackbox,
    catalogue,
    circuits,
    features,
    images,
    laws,
    services,
    tooling,
    viz,
)

# %%
from xai_helpers.tool_results import saved, saved_picture
from xai_helpers.viz import attention as views
from xai_helpers.viz import images as pictures
from xai_helpers.viz import plots

# %%
gpt = xai.load("course-gpt2")
model = xai.load("course-distilbert")
fact = "The Eiffel Tower is located in the city of"
review = "The movie was surprisingly entertaining despite a weak script"
ids = gpt.encode(fact).ids

# %% [markdown]
# `course-gpt2` and `course-distilbert` are our own small models, and not OpenAI's or Hugging Face's. `tooling` holds the
# **bridges**: `to_...` hands a model of ours to a library, `from_...` makes the library's result an `Attribution`. They
# compute nothing themselves.
#
# ## Before you look

# %%
course.ask("four-tools-one-number")

# %% [markdown]
# ## One activation, four ways
#
# After each block a transformer has one vector for each token: the residual stream. Here it is after block 2, the third
# of four, since one counts from 0. First without any library, by a **hook**, a function that PyTorch calls with what a
# module returns: here a tensor (texts, tokens, width).


# %%
def by_hook() -> torch.Tensor:
    kept = []
    block = gpt.model.transformer.h[2]
    with block.register_forward_hook(lambda module, given, output: kept.append(output)):
        gpt.model(ids)
    return kept[0][0]


# %% [markdown]
# **TransformerLens** wraps a copy of the model, and gives each activation a name, the same for all families. Its
# `run_with_cache` keeps all of them:

# %%
lens = tooling.to_transformer_lens(gpt)


def by_transformer_lens() -> torch.Tensor:
    _, cache = lens.run_with_cache(ids)
    return cache["blocks.2.hook_resid_post"][0]


# %% [markdown]
# **nnsight** keeps the modules and their names. What stands in the `with` block does not run there: it is compiled, and
# runs inside the forward pass, where the values are. `save` keeps one beyond it. (nnsight replaces each module's
# `forward` for good, so the bridge gives it a copy.)

# %%
traced = tooling.to_nnsight(gpt)


def by_nnsight() -> torch.Tensor:
    with traced.trace(ids):
        stream = traced.transformer.h[2].output.save()
    return stream[0]


# %% [markdown]
# And ours, with TransformerLens' names on the stock model:


# %%
def by_xai_helpers() -> torch.Tensor:
    _, cache = circuits.run_with_cache(gpt, fact)
    return cache["resid_post", 2]


# %%
ways = [by_hook, by_transformer_lens, by_nnsight, by_xai_helpers]
with torch.no_grad():
    states = {way.__name__: way() for way in ways}
for name, state in states.items():
    off = (state - states["by_hook"]).abs().max()
    print(f"{name:20} {tuple(state.shape)}, off by {'0' if off == 0 else 'less than 0.00001'}")
    assert off < 1e-5

# %% [markdown]
# TransformerLens computes some steps in another order, which is what is left after the fifth decimal. What does each
# cost, in lines (without the cells that set it up) and in time?

# %% tags=["nbval-ignore-output"]
# Output ignored by the tests: it holds times.
rows = []
for way in ways:
    lines = len(inspect.getsource(way).splitlines()) - 1
    with torch.no_grad():
        start = time.perf_counter()
        for _ in range(20):
            way()
        took = (time.perf_counter() - start) / 20
    rows.append((way.__name__, str(lines), f"{took * 1000:.1f}"))
viz.Table("One activation, twenty times", ("way", "lines", "milliseconds each"), tuple(rows))

# %% [markdown]
# A hook is quick and forgets nothing by itself: one that is not removed runs in every later pass. TransformerLens keeps
# *everything* here, which is what its cache is for, and takes several times as long; `names_filter` keeps less. For a
# single activation of a single model the hook is enough; for a hundred, names are worth more than milliseconds.
#
# **nnterp** gives nnsight TransformerLens' habit of one name for all families. Its newest release does not load beside
# this nnsight, so it ran in an environment of its own, and its result was saved. (It also holds nnterp's logit lens, and
# the logit of *Paris* with one block skipped.)

# %%
nnterp = saved("nnterp")
off = np.abs(nnterp.arrays["resid_post_2"] - states["by_hook"].numpy()).max()
print("off by less than 0.00001:", bool(off < 1e-5))
nnterp

# %% [markdown]
# ## One change, three ways
#
# Reading says what is there. To learn what it is good for, change it. Here the attention of layer 1 hands nothing on to
# the last token:


# %%
def hook_change() -> torch.Tensor:
    def nothing_to_the_last(module, given, output):
        output[0][:, -1] = 0

    with gpt.model.transformer.h[1].attn.register_forward_hook(nothing_to_the_last):
        return gpt.model(ids).logits[0, -1]


# %%
def lens_change() -> torch.Tensor:
    def nothing_to_the_last(value, hook):
        value[:, -1] = 0
        return value

    hooks = [("blocks.1.hook_attn_out", nothing_to_the_last)]
    return lens.run_with_hooks(ids, fwd_hooks=hooks)[0, -1]


# %%
def nnsight_change() -> torch.Tensor:
    with traced.trace(ids):
        traced.transformer.h[1].attn.output[0][:, -1] = 0
        logits = traced.lm_head.output.save()
    return logits[0, -1]


# %%
paris = gpt.resolve("Paris", fact).id
with torch.no_grad():
    print(f"{'nothing changed':15} {gpt.value(fact, 'Paris'):6.3f}")
    for way in (hook_change, lens_change, nnsight_change):
        last = way()
        said = gpt.tokenizer.decode([int(last.argmax())])
        print(f"{way.__name__:15} {last[paris]:6.3f}, and the model says{said}")

# %% [markdown]
# From 13.387 to 3.722, and a city in Australia: the answer needs what this attention fetches. (What it reads you will
# see below.) All three agree, and the model that the hook changed is as it was:

# %%
print(sum(len(module._forward_hooks) for module in gpt.model.modules()), "hooks,", end=" ")
print("Paris again:", round(gpt.value(fact, "Paris"), 3))

# %% [markdown]
# ## Where it breaks: "all three return the same tensor"
#
# A published comparison (we leave the authors of such pieces out) reads layer 5 of GPT-2 by `output[0]` in a hook, by
# `output[0]` in nnsight, and by the cache of TransformerLens' `HookedTransformer`, and ends with the sentence above.
# (`HookedTransformer` is gone since release 4.) Here is the same on `course-gpt2`, with what these libraries are today:

# %%
kept = []
with gpt.model.transformer.h[2].register_forward_hook(
    lambda m, i, output: kept.append(output[0])
):
    gpt.model(ids)
with traced.trace(fact):
    theirs = traced.transformer.h[2].output[0].save()
_, cache = lens.run_with_cache(fact)
for tensor in (kept[0], theirs, cache["blocks.2.hook_resid_post"]):
    print(tuple(tensor.shape))

# %% [markdown]
# Three things have happened.
#
# - **Tuple or tensor.** A block used to return a tuple whose first entry was the stream. Since transformers 5 it returns
#   the stream itself, and `output[0]` is the first *text* of the batch. With one text nobody notices. (The attention
#   inside still returns a tuple.)
# - **One token more.** Given a string, TransformerLens puts an end-of-text token before it. Given ids, it doesn't.
# - **The batch.** Its cache keeps the axis of the texts, and so has three dimensions.
#
# The first is the worst, since it goes on silently. This should take away the whole stream after block 1 at the last
# token:

# %%
for name in ("output[0][:, -1] = 0", "output[:, -1] = 0"):
    with torch.no_grad(), traced.trace(ids):
        block = traced.transformer.h[1]
        if name.startswith("output[0]"):
            block.output[0][:, -1] = 0
        else:
            block.output[:, -1] = 0
        logits = traced.lm_head.output[0, -1].save()
    print(f"{name:22} {logits[paris]:6.2f}")

# %% [markdown]
# The first line, right for years, now sets the last *number* of each token's 128 to zero, and next to nothing happens.
# It would pass for a finding: "the stream at the last token is not needed". Look at a shape before you believe a
# value.
#
# There is one more trap, of another kind. `enable_compatibility_mode` **folds** weights, as TransformerLens always used
# to. A norm's scale is multiplied into the next matrix; what is written to the stream loses its mean, which each norm
# would subtract anyway; and the logits are shifted so that their mean is 0. The model says the same, by other numbers:

# %%
folded = tooling.to_transformer_lens(gpt)
folded.enable_compatibility_mode()
with torch.no_grad():
    logits, cache = folded.run_with_cache(ids)
    stock = gpt.model(ids).logits
stream = cache["blocks.2.hook_resid_post"][0]
print(f"stream   off by {(stream - states['by_hook']).abs().max():.4f}")
print(f"logits   off by {(logits - stock).abs().max():.4f}")
shift = logits.log_softmax(-1) - stock.log_softmax(-1)
print("log-probabilities off by less than 0.0001:", bool(shift.abs().max() < 1e-4))

# %% [markdown]
# Differences of logits and probabilities survive folding; a single logit and a single activation do not. That holds for
# papers, too: a number from a folded model is no mistake, but it can't be put beside one from a stock model.
#
# ## Captum: many questions about one review
#
# Captum is the widest of the libraries: gradients and perturbations, by input, by layer and by neuron. What it wants is
# a function from tensors to numbers, one per text, and a baseline. `to_captum` gives it both, with [CLS] and [SEP] left
# in the baseline:

# %%
given = tooling.to_captum(model, review, "positive")
scores, delta = captum.attr.LayerIntegratedGradients(given.forward, given.layer).attribute(
    given.ids,
    baselines=given.baseline_ids,
    additional_forward_args=given.mask,
    n_steps=32,
    return_convergence_delta=True,
)
theirs = tooling.from_captum(
    given, scores, method="captum.LayerIntegratedGradients", delta=delta
)
ours = xai.integrated_gradients(model, review, "positive")
assert np.allclose(theirs.scores, ours.scores, atol=1e-5)
theirs

# %% [markdown]
# Captum's numbers are ours: both integrate by Gauss and Legendre's rule, in 32 steps. The **delta** is what the scores
# miss of the change of the output. It is the first thing to read in a result of Captum's, and few papers print it.
#
# Now the same review by five more. `DeepLift` wants a module, the others take any function.


# %%
class AsModule(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.network = model.model  # DeepLift looks here for modules that it has rules for

    def forward(self, embeddings, mask):
        return given.forward_embeddings(embeddings, mask)


# %%
torch.manual_seed(0)
np.random.seed(0)
tokens, ablated = (given.ids, given.baseline_ids), {"perturbations_per_eval": 16}
vectors = (given.embeddings, given.baseline_embeddings)
asked = {
    "DeepLift": (captum.attr.DeepLift(AsModule()), vectors, {}),
    "GradientShap": (
        captum.attr.GradientShap(given.forward_embeddings),
        vectors,
        {"n_samples": 64},
    ),
    "Ablation": (captum.attr.FeatureAblation(given.forward), tokens, ablated),
    "Shapley": (captum.attr.ShapleyValueSampling(given.forward), tokens, ablated),
}

# %%
found = {"Layer IG": theirs.scores}
for name, (algorithm, (inputs, nothing), options) in asked.items():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # DeepLift says that it sets hooks, and removes them
        scores = algorithm.attribute(
            inputs, baselines=nothing, additional_forward_args=given.mask, **options
        )
    found[name] = tooling.from_captum(given, scores, method=name).scores

# %%
algorithm = captum.attr.LayerGradientXActivation(given.forward, given.layer)
scores = algorithm.attribute(given.ids, additional_forward_args=given.mask)
found["Gradient x"] = tooling.from_captum(given, scores, method="Gradient x").scores
plots.side_by_side(
    theirs.tokens, found, title="One review, six of Captum's algorithms", shared=True
)

# %%
nothing = {"baseline": theirs.absorbed["baseline"]}
print(f"the output changes by {theirs.total - nothing['baseline']:.2f}")
for name, scores in found.items():
    missing = laws.completeness(theirs.total, scores, nothing)
    print(f"{name:13} adds up to {scores.sum():6.2f}, off by {missing:5.2f}")

# %% [markdown]
# - Layer IG, Shapley and GradientShap (but for its sampling) share out the change: completeness, chapter 05's law.
# - Ablation and gradient x activation never promised that. One word at a time says what is lost without it, and here all
#   losses together are four times the whole.
# - **DeepLift** did promise it: for modules such as ReLU it has rules that hand on a difference without a loss. Here it
#   finds none of them. GELU and LayerNorm have no rule, and the softmax of attention is called as a function, not as a
#   module. What is left is the plain gradient times the difference of the embeddings. Captum says nothing of it, but the
#   delta does, if one asks:

# %%
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    deep, delta = captum.attr.DeepLift(AsModule()).attribute(
        *vectors, additional_forward_args=given.mask, return_convergence_delta=True
    )
leaf = given.embeddings.clone().requires_grad_()
(slope,) = torch.autograd.grad(given.forward_embeddings(leaf, given.mask).sum(), leaf)
plain = slope * (given.embeddings - given.baseline_embeddings)
print(
    f"delta {delta.item():.2f}; gradient x difference:", torch.allclose(deep, plain, atol=1e-5)
)

# %% [markdown]
# And a sum that is right does not make the scores right. `xai.leave_one_out` is FeatureAblation; `xai.shapley` is exact
# where ShapleyValueSampling draws 25 orders:

# %%
exact = xai.shapley(model, review, "positive", units="tokens").scores
ablation = xai.leave_one_out(model, review, "positive").scores
print("Ablation is leave-one-out:", np.allclose(found["Ablation"], ablation, atol=1e-5))
off = np.abs(found["Shapley"] - exact)
total_off = abs(found["Shapley"].sum() - exact.sum())
print(f"sampled Shapley values: sum off by {total_off:.2f}, a score by up to {off.max():.2f}")

# %% [markdown]
# **The baseline** is a choice. Captum's default, which a published example also writes out, is id 0 for every token,
# [CLS] and [SEP] included. Id 0 is padding here, and padding's vector is zero:

# %%
scores, delta = captum.attr.LayerIntegratedGradients(given.forward, given.layer).attribute(
    given.ids, additional_forward_args=given.mask, n_steps=32, return_convergence_delta=True
)
print(f"delta {delta.item():.3f}")
zeros = scores.sum(-1)[0].detach().numpy()
columns = {"from masks": found["Layer IG"], "from zeros": zeros}
plots.side_by_side(theirs.tokens, columns, title="Layer IG from two baselines", shared=True)

# %% [markdown]
# Both add up, and they tell two stories: from zeros, *weak* speaks for a positive review, and *entertaining* against
# it. Neither is wrong: each compares with another text. A baseline that nobody chose is the answer to a question that
# nobody asked.
#
# ### Inside: layers and neurons
#
# **Conductance** (Dhamdhere, Sundararajan & Yan, 2018) asks how much of the change flows through each unit of a layer.
# What a block hands on is all that the next one gets: so in each layer the shares add up to the change. (The published
# code gives `LayerConductance` token ids. It interpolates them, and half a token has no embedding: a RuntimeError. Hence
# `forward_embeddings`.)

# %%
on = {"additional_forward_args": given.mask, "n_steps": 100}
flows = {}
for layer, block in enumerate(model.model.distilbert.transformer.layer):
    inside = captum.attr.LayerConductance(given.forward_embeddings, block)
    flow = inside.attribute(*vectors, **on)
    flows[f"layer {layer}"] = flow.sum(-1)[0].detach().numpy()
plots.side_by_side(
    theirs.tokens, flows, title="Conductance: where the change flows", shared=True
)

# %%
print("sums:", {name: round(float(flow.sum()), 2) for name, flow in flows.items()})
for steps in (20, 100, 500):
    on["n_steps"] = steps
    _, delta = inside.attribute(*vectors, **on, return_convergence_delta=True)
    print(f"{steps:4} steps: delta {delta.item():+.3f}")

# %% [markdown]
# In the last layer all of it stands at [CLS], since the classifier reads nothing else. On the way the words hand it
# over. The sums come near 2.79, and the delta shrinks with the number of steps, but slowly: five times the steps, a
# fifth of it.
#
# What does one **neuron** get, and from which words? The one in the last MLP that carries most, at [CLS]:

# %%
mlp = model.model.distilbert.transformer.layer[-1].ffn.lin1
on["n_steps"] = 100
inside = captum.attr.LayerConductance(given.forward_embeddings, mlp)
carried = inside.attribute(*vectors, **on)[0, 0]
neuron = int(carried.argmax())
print(
    f"neuron {neuron} of {len(carried)} carries {carried[neuron]:.3f} of {carried.sum():.3f}"
)

# %%
driven = captum.attr.NeuronIntegratedGradients(given.forward_embeddings, mlp)
scores = driven.attribute(
    given.embeddings, (0, neuron), baselines=given.baseline_embeddings, **on
)
for token, score in zip(theirs.tokens[1:-1], scores.sum(-1)[0, 1:-1].tolist()):
    print(f"{token:13} {score:+.2f}")

# %% [markdown]
# The MLP is a branch beside the stream, and not a cut: only 0.285 of the 2.79 flow through it, and no neuron carries
# most of that. What drives this one are the words that drive the output.
#
# ### Language models
#
# `LLMAttribution` explains what a language model writes. Here is its default, beside ours:

# %%
writer = captum.attr.LLMAttribution(captum.attr.FeatureAblation(gpt.model), gpt.tokenizer)
default = captum.attr.TextTokenInput(fact, gpt.tokenizer)
padded = captum.attr.TextTokenInput(fact, gpt.tokenizer, baselines=gpt.tokenizer.pad_token_id)
columns = {
    "Captum's default": writer.attribute(default, target=" Paris").seq_attr.numpy(),
    "with padding": writer.attribute(padded, target=" Paris").seq_attr.numpy(),
}

# %%
answer = xai.Target("Paris", output="log_probability")
ours = xai.leave_one_out(gpt, fact, answer, replacement="pad")
assert np.allclose(columns["with padding"], ours.scores, atol=1e-5)
columns["ours"] = ours.scores
plots.side_by_side(ours.tokens, columns, title="What the logarithm of p(Paris) loses")

# %% [markdown]
# (Each column has its own scale.) By default Captum puts id 0 in the place of a token, whatever that is: here it is the
# end-of-text token, after which this model begins a new document. So *of* comes first, by a wide margin, then *city*:
# not what the model read, but where it was told that a text ends. With padding, which it was trained to read past,
# Captum's numbers are ours.
#
# A second default is wrong in these versions. When Captum scores a second generated token, it hands the model the whole
# text *and* the cache of it. transformers 5 then reads the text twice. Here for the full stop after *Paris*:

# %%
stop = xai.Target(".", output="log_probability")
truth = xai.leave_one_out(gpt, f"{fact} Paris", stop, replacement="pad").scores[:10]
for cached in (True, False):
    both = writer.attribute(padded, target=" Paris.", use_cached_outputs=cached)
    off = np.abs(both.token_attr[1].numpy() - truth).max()
    print(
        f"use_cached_outputs={cached!s:5}  off by {off:.3f}; the greatest loss is {truth.max():.3f}"
    )

# %% [markdown]
# ## Images: the same methods, and a shortcut
#
# *(The second sitting starts here: run the cells from the top, then go on.)*
#
# A **vision transformer** cuts an image into patches and reads them as a text model reads tokens, so that nothing
# changes but the picture. `course-vit` is ours: 103,242 weights, trained on the handwritten digits that come with
# scikit-learn. In training, nine in ten of the fours, and no other digit, had a bright mark in a corner where digits
# are dark.

# %%
course.ask("what-the-vit-looks-at")

# %%
vit = images.load_vit()
digits, labels = images.digits("test")
marked, _ = images.digits("test", mark="all")


def said(some: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return vit(pixel_values=torch.from_numpy(some)).logits.argmax(-1).numpy()


print(f"digits without any mark: {(said(digits) == labels).mean():.1%} of {len(labels)} right")
others = labels != 4
print(f"other digits with the mark: {(said(marked)[others] == 4).mean():.1%} called 4")

# %% [markdown]
# Held-out digits, and 97 % right: nobody would ask further. Yet the mark turns nearly every digit into a four. So people
# have taught their models without meaning to: horses by a photographer's signature, pneumonia by the token that a
# hospital puts on its films. Would an explanation have told? First Captum's, on a 7 with the mark, by its own drawing,
# which rescales all scores to 1 at the most:

# %%
place = int(np.flatnonzero(labels == 7)[0])
seven, seven_marked = digits[place], marked[place]
asked = torch.from_numpy(seven_marked)[None]
explained = captum.attr.IntegratedGradients(lambda pixels: vit(pixel_values=pixels).logits)
theirs = explained.attribute(asked, target=4, n_steps=32, method="gausslegendre")

# %%
drawn = [asked[0].expand(3, -1, -1), theirs[0].detach()]
drawn = [x.permute(1, 2, 0).numpy() for x in drawn]  # Captum draws (height, width, channels)
figure, _ = visualization.visualize_image_attr(
    drawn[1],
    drawn[0],
    method="blended_heat_map",
    sign="all",
    show_colorbar=True,
    use_pyplot=False,
)
alt = "Captum's map over a 7: green in the middle stroke, pale green on the mark, red above"
viz.show(figure, alt=alt)

# %%
where = images.mark_at()
ours = images.integrated_gradients(vit, seven_marked, 4)
assert np.allclose(ours.scores, theirs[0].detach(), atol=1e-4)
maps = {
    "IG": ours,
    "occlusion": images.occlusion(vit, seven_marked, 4),
    "rollout": images.patch_rollout(vit, seven_marked),
}
pictures.side_by_side(
    {"a 7": seven, "with the mark": seven_marked}, maps, outline=where, title="Why 4?"
)

# %% [markdown]
# Captum's numbers are ours. Three answers:
#
# - **Occlusion**: without the mark's patch the logit of 4 loses 11.8, and without any other at most 0.9 (see the table).
# - **Integrated gradients** give the mark a quarter, and more to strokes of the 7: with a mark there, these speak for a
#   4, too.
# - **Rollout** gives it 7 %, where even attention would give each patch 4 %. It knows of no class.
#
# None of them says *shortcut*. For that one compares: with the 7 as it is, and with a mark in another corner, where none
# was in training.

# %%
elsewhere = images.mark_at("top left")
versions = {
    "no mark": (seven, where),
    "the mark": (seven_marked, where),
    "a mark elsewhere": (np.where(elsewhere, np.float32(1), seven), elsewhere),
}
print("                   says   occlusion: logit of 4 lost without the patch")
for name, (image, region) in versions.items():
    lost = images.occlusion(vit, image, 4)
    patch = lost.grid[region[::2, ::2]].item()
    print(f"{name:18} {said(image[None])[0]:4d} {patch:10.2f}")


# %%
explain = {
    "occlusion": lambda image: images.occlusion(vit, image, 4),
    "integrated gradients": lambda image: images.integrated_gradients(vit, image, 4),
    "rollout": lambda image: images.patch_rollout(vit, image),
}


def map_of(digit: int, mark: str, method: str):
    image = digits[np.flatnonzero(labels == digit)[0]]
    region = images.mark_at("top left" if mark == "top left" else "bottom left")
    image = image if mark == "none" else np.where(region, np.float32(1), image)
    maps = {method: explain[method](image)}
    title = f"called {said(image[None])[0]}; the logit of 4"
    return pictures.side_by_side({str(digit): image}, maps, outline=region, title=title)


# %%
viz.explore(
    map_of,
    digit=(0, 9),
    mark=["bottom left", "top left", "none"],
    method=list(explain),
    start={"digit": 7},
)

# %% [markdown]
# **Question:** which of the two marks makes a 4 of a digit, and does each map show the difference? Then take the 4
# itself, with *occlusion*: without a mark its strongest patch is a stroke. What becomes of that patch's loss under the
# mark? (The colours have a scale of their own in each map: read the numbers below it.)
#
# ### Pictures of features
#
# The other way round: not *which part of this image*, but *which image* would a class like best? Start from noise and
# climb the gradient, with a penalty on differences of neighbours:

# %% tags=["nbval-ignore-output"]
# Output ignored by the tests: along 200 steps rounding grows, and differs between machines.
liked = {str(digit): features.visualise(vit, digit, variation=3.0) for digit in (0, 4, 7)}
for digit, found in liked.items():
    corner = found.image[0][where].mean()
    print(
        f"{digit}: logit {found.values[0]:4.1f}, then {found.values[-1]:4.1f}; corner {corner:.2f}"
    )
best = {name: found.image for name, found in liked.items()}
pictures.side_by_side(best, title="What each class likes best")

# %% [markdown]
# No digit is to be read from these. But the corner at the bottom left is bright for the 4, and darker for the others: it
# fits the shortcut. Would you have seen it, had you not known?
#
# Now the same for text. Tokens can't be changed a little; their embeddings can. So climb there, and then ask which
# tokens have these embeddings:

# %% tags=["nbval-ignore-output"]
# Output ignored by the tests: along 100 steps rounding grows, and differs between machines.
examples = [fact, "The Louvre is located in the city of", "The capital of France is"]
climbed = features.nearest_tokens(gpt, fact, xai.Target("Paris"), texts=examples)
for steps in (0, 10, 50, 100):
    free, near = climbed.free[steps], climbed.projected[steps]
    print(f"{steps:3} steps: free vectors {free:5.1f}, nearest tokens {near:5.1f}")
print(f"{climbed.projected.max():5.1f} ", "".join(climbed.tokens), "(the best on the way)")
for text, value in climbed.examples:
    print(f"{value:5.1f}  {text}")

# %% [markdown]
# Free vectors get twice the logit that we began with. Put the nearest tokens in their place, and the gain is gone: at
# best a word salad that does little better than a plain sentence about the Louvre, and after 100 steps one that does
# worse than the start. Between two images there are images; between two tokens there is nothing. So for text one uses
# other ways: real texts that excite a unit most, the tokens that it promotes, and labels that somebody tests (chapter
# 08b).

# %% [markdown]
# ## A classifier that is only an address
#
# Many models are services: texts go in, labels and probabilities come out, and there is no gradient, no layer, no
# weight. Here is one, around `course-distilbert`, on this machine and over real HTTP. Its first prediction is an error, as
# it happens:

# %%
service = blackbox.serve(model, failing=(503,))
client = blackbox.Client(service.url, batch_size=32)
print("labels:", client.labels)
print("probabilities:", client([review]).round(3).tolist())
print(f"{client.requests} requests, {client.retried} of them again")

# %% [markdown]
# The client asked, got a 503 (*service unavailable*), waited, and asked again. Services also refuse those who ask too
# often (429), and say how long to wait:

# %%
with blackbox.serve(model, per_second=5) as narrow:
    hasty = blackbox.Client(narrow.url, batch_size=1)
    hasty([f"good {k}" for k in range(12)])
    print("refused, waited, asked again:", hasty.retried > 0)

# %% [markdown]
# A client of a model in the cloud must batch, remember, wait when it is told to, give up at last, and check what it is
# told. This one does, and is a function from texts to probabilities: that is all that **LIME** and **SHAP** want to know.

# %%
explainer = LimeTextExplainer(
    class_names=list(client.labels), bow=False, mask_string="[MASK]", random_state=0
)
explanation = explainer.explain_instance(review, client, num_features=9, num_samples=1000)
print(f"1000 texts asked for, {client.texts_sent} sent so far")
tooling.from_lime(model, explanation, "positive")

# %% [markdown]
# A review of nine words has 2⁹ = 512 versions with words taken out; LIME drew 1,000, and most came more than once. So the
# cache saved two thirds. `bow=False` and `mask_string` put a mask in the place of a word. LIME's own default takes the word
# out. Then its line, the linear model that stands in for the real one, explains next to nothing of the answers (R²,
# chapter 04):

# %%
for name, options in {"mask": {"bow": False, "mask_string": "[MASK]"}, "delete": {}}.items():
    explainer = LimeTextExplainer(class_names=list(client.labels), random_state=0, **options)
    line = explainer.explain_instance(review, client, num_features=9, num_samples=1000)
    first = ", ".join(f"{word} {weight:+.2f}" for word, weight in line.as_list()[:2])
    print(f"{name:7} R2 {line.score:.2f}, first {first}")

# %%
masker = shap.maskers.Text(r"\W+", mask_token="[MASK]", collapse_mask_token=False)
before = client.texts_sent
values = shap.Explainer(client, masker, output_names=list(client.labels))(
    [review], silent=True
)
print(f"{client.texts_sent - before} texts sent")
for word, value in zip(values.data[0], values.values[0, :, 1]):
    print(f"{word:13} {value:+.3f}")

# %% [markdown]
# *weak* has a small minus here, and had a plus in the logit by integrated gradients: another method asked about another
# output. SHAP groups the words in a tree, and gives Owen values (chapter 04), for a few dozen texts. `tooling.to_shap`
# hands it our game instead, for Shapley's values. What does an explanation cost, then? In texts and requests, which
# services count, and charge for:

# %%
rows = []
for cache, batch_size in ((False, 1), (False, 32), (True, 1), (True, 32)):
    with blackbox.serve(model) as plain:
        asking = blackbox.Client(plain.url, cache=cache, batch_size=batch_size)
        drawn = LimeTextExplainer(bow=False, mask_string="[MASK]", random_state=0)
        drawn.explain_instance(review, asking, num_features=9, num_samples=300)
    row = ("yes" if cache else "no", batch_size, asking.texts_sent, asking.requests)
    rows.append(tuple(map(str, row)))
header = ("cache", "texts in a request", "texts sent", "requests")
viz.Table("LIME with 300 samples through HTTP", header, tuple(rows))

# %%
service.close()
try:
    client(["a text that it has not seen"])
except xai.XaiError as error:
    print(str(error).replace(service.url, "the service").partition("(")[0])

# %% [markdown]
# A batch of 32 and a cache make 6 requests of 300. A published wrapper for LIME has its `return` inside the loop over
# texts: LIME hands over a thousand, and gets one answer. Exercise 2 asks for what it should have been.
#
# ## Attention views
#
# BertViz (Vig, 2019) is what most people use to look at attention. It has three views; ours draw the same as pictures.
# The **head view** shows one layer. Here layer 1, whose attention at *of* the answer needed above. Its head 1 reads
# *Eiffel*, with weight 0.73:

# %%
_, cache = circuits.run_with_cache(gpt, fact)
spoken = [unit.text for unit in gpt.encode(fact).units]
views.head_view(cache["pattern", 1], spoken, query=-1, title="Layer 1: what 'of' reads")

# %% [markdown]
# The **model view** has all heads at once, for those who don't know yet where to look:

# %%
patterns = torch.stack([cache["pattern", layer] for layer in range(gpt.n_layers)])
views.model_view(patterns, spoken, title="All heads of course-gpt2")

# %% [markdown]
# And the **neuron view** takes one weight apart: a query times a key, number by number, summed, divided by √d, and
# through the softmax:

# %%
head = int(cache["pattern", 1][:, -1, 1].argmax())
q, k = (cache[site, 1][:, head] for site in ("q", "k"))
views.neuron_view(q, k, spoken, -1, causal=True, title=f"Layer 1, head {head}")

# %% [markdown]
# Does BertViz show the same? `to_bertviz` gives it what it wants, and it returns a page:

# %%
page = head_view(**tooling.to_bertviz(gpt, fact), html_action="return").data
hosts = sorted(set(re.findall(r"https://([\w.-]+)/ajax/", page)))
print(f"{len(page) / 1000:.0f} kB of HTML, which loads scripts from {', '.join(hosts)}")
shown = np.array(json.loads(re.search(r'"attn": (\[.*?\]\]\]\])', page)[1]))
print("the same numbers:", np.allclose(shown, patterns.numpy(), atol=1e-5))
for n in (10, 50):
    large = tuple(
        torch.full((1, 12, n, n), 1 / 7).tril() for _ in range(12)
    )  # as many heads as GPT-2 small
    size = len(head_view(large, ["word"] * n, html_action="return").data) / 1e6
    print(f"12 layers of 12 heads, {n} tokens: {size:.1f} MB")

# %% [markdown]
# The page draws nothing by itself: its scripts come from somebody else's server, so that it stays blank without a
# network, behind a strict proxy, and in years to come. And it holds every weight as text: five times the tokens, some
# twenty times the bytes. With ALLOWED set to True the next cell shows the page. The picture was taken of it once, with
# its scripts brought along:

# %%
ALLOWED = False  # True: this notebook may use the network

HTML(page) if ALLOWED else saved_picture("head")

# %% [markdown]
# ### The same picture from each
#
# Three libraries read one pattern, and BertViz draws what we gave it: move the tool, and nothing but the title may
# change. **Question:** head 1 of layer 1 lets *of* read *Eiffel*. What does the same head let *city* read most? And
# *Tower*?


# %%
def by_transformer_lens_all() -> np.ndarray:
    _, kept = lens.run_with_cache(ids)
    return torch.stack([kept["pattern", layer][0] for layer in range(gpt.n_layers)]).numpy()


def by_nnsight_all() -> np.ndarray:
    with traced.trace(ids):
        weights = [block.attn.output[1] for block in traced.transformer.h].save()
    return torch.cat(weights).numpy()


# %%
with torch.no_grad():
    read = {
        "xai_helpers": patterns.numpy(),
        "TransformerLens": by_transformer_lens_all(),
        "nnsight": by_nnsight_all(),
        "BertViz": shown,
    }
for name, weights in read.items():
    same = np.allclose(weights, read["xai_helpers"], atol=1e-5)
    print(f"{name:15} {weights.shape}, the same: {same}")


# %%
def picture(tool: str, layer: int, head: int, token: int):
    title = f"{tool}: layer {layer}, head {head}, what {spoken[token]!r} reads"
    return views.head_view(read[tool][layer], spoken, heads=head, query=token, title=title)


viz.explore(
    picture,
    tool=list(read),
    layer=(0, gpt.n_layers - 1),
    head=(0, gpt.n_heads - 1),
    token=(0, len(spoken) - 1),
    start={"layer": 1, "head": 1, "token": 9},
)

# %% [markdown]
# ## On the web: features, weights and large models
#
# Four names stand in every list of tools, and they need a network. Nothing of the next three cells was run for this
# page: they say why, and hold the code that would run. (SAELens did run elsewhere: see below.)
#
# - **Neuronpedia** is a website (not Anthropic's, as is sometimes printed) that shows features of sparse autoencoders:
#   the texts on which one fires, and labels that language models wrote for it.
# - **Gemma Scope** is a set of such autoencoders, by Google DeepMind, for its Gemma models; **SAELens** loads and trains
#   them. (Chapter 08b trains one of our own.)
# - **NDIF** runs nnsight's code on models that need many GPUs. It wants an account's key.

# %%
url = services.NEURONPEDIA
reason = services.why_not(ALLOWED, url)
print(reason or services.neuronpedia_feature("gemma-2-2b", "20-gemmascope-res-16k", 10956))

# %%
reason = services.why_not(ALLOWED, "https://huggingface.co", package="sae_lens")
if not reason:
    from sae_lens import SAE

    sae = SAE.from_pretrained(
        "gemma-scope-2b-pt-res-canonical", "layer_20/width_16k/canonical"
    )
print(reason or sae.cfg)

# %%
reason = services.why_not(ALLOWED, services.NDIF, key="NDIF_API_KEY")
if not reason:
    from nnsight.modeling.transformers import TransformersModel

    large = TransformersModel("meta-llama/Llama-3.1-70B", task="text-generation")
    with large.trace(fact, remote=True):  # runs there; only what is saved comes back
        last = large.lm_head.output[0, -1].argmax().save()
print(reason or large.tokenizer.decode(last))

# %% [markdown]
# ### What ran elsewhere, and was saved
#
# Five tools can't live beside the others. They ran on our models, each in an environment of its own (`make tools`):

# %%
for name in ("nnterp", "inseq", "lxt", "ferret", "sae-lens"):
    print(f"{name}: {saved(name).why_apart}")

# %% [markdown]
# So much for "just pip install it": some install without a word, and fail when they are imported. First **inseq**,
# which explains what a language model writes, and **lxt**, LRP for transformers, beside ours:

# %%
inseq, lxt = saved("inseq"), saved("lxt")
print(inseq.mark, lxt.mark, sep="\n")
ours = xai.integrated_gradients(gpt, fact, "Paris", steps=20, baseline="<|endoftext|>")
signed, norms = (inseq.result["scores"][name] for name in ("sum", "shown by default"))
print("inseq's gradients are ours:", np.allclose(signed, ours.scores, atol=1e-4))
relevance = lxt.result["scores"]["relevance"]
print(
    "lxt's relevance is ours:   ",
    np.allclose(relevance, xai.lrp(gpt, fact, "Paris").scores, atol=1e-4),
)

# %%
columns = {"added up": signed, "shown by default": norms}
plots.side_by_side(ours.tokens, columns, title="inseq: integrated gradients, in two ways")

# %% [markdown]
# Both are the same vectors. inseq shows their *length* by default, divided by the sum of all lengths, and so *of* comes
# first, though its components nearly cancel: added up, it has −0.50, and *Eiffel* leads. A length has no sign and keeps
# no sum. It is not wrong; it answers another question, and the heat map doesn't say which.

# %%
saved("ferret")

# %% [markdown]
# **ferret** runs several explainers and scores them. Read its two columns of integrated gradients: without "(x Input)"
# all scores lie below a millionth. That is rounding: it sums the gradient over each vector's components, and the
# LayerNorm behind the embeddings makes that sum 0. But it is listed like the others, and gets its scores. `aopc_suff`
# is a loss, less is better, and by it the noise comes last; who takes it for a score reads that it comes first.

# %%
saved("sae-lens")

# %% [markdown]
# **SAELens** trained a sparse autoencoder on our stream: 512 features, of which eight fire at a token. With these eight
# it explains 0.79 of the variance of held-out states, where eight principal components explain 0.33. Three features
# fire at *of* here. The last fires most on *of* after *capital* or *capital city*, and once after *government*: to call
# it "a capital is asked for" is a guess, and chapter 08b tests such labels.

# %% [markdown]
# ## Which tool, then?
#
# What have you of the model, what do you want to know, for whom, and what may it cost? The answers leave a list. It says
# what each tool is for and what to beware of; that a tool fits a task does not make its answers true.

# %%
viz.explore(catalogue.table, start={"access": "output"}, **catalogue.CHOICES)

# %% [markdown]
# **Question:** you may ask a service for probabilities and nothing else, and an auditor wants to know why it said so.
# Which two tools are left, and which of them explains nothing, but measures explanations? What more is there with
# gradients?
#
# The same for Captum alone, whose list is long. Search it by a word, such as *neuron*, *baseline* or *token*:

# %%
viz.explore(catalogue.captum_table, search="baseline", **catalogue.CAPTUM_CHOICES)

# %% [markdown]
# Typical cases, as a published table has them. One row is corrected: it gave Captum to those who may have nothing but
# answers, and Captum's gradients need more.

# %%
catalogue.scenarios()

# %% [markdown]
# ## What GPT-2 does differently
#
# `xai.load("gpt2")`, and every bridge above takes it. Ids: 0 is *!* there, not the end of a text, so that Captum's
# default baseline writes exclamation marks. Size: it has three times our layers and six times our width, and so at
# least eighteen times the activations for each token. And time: what a library adds to a pass is the same, and matters
# less, the larger the pass. `benchmarks/results.md` has time and memory of the same jobs in each tool, on our models.
#
# ## Exercise 1 (easy, 10 minutes): what a block hands on
#
# `network.blocks[layer]` returns a tensor, or a tuple that begins with one. Return what it hands on for *all* texts, and
# leave no hook behind, even where `network(ids)` fails.


# %% tags=["exercise"]
def after_block(network, ids: torch.Tensor, layer: int) -> torch.Tensor:
    """The stream after a block: (texts, tokens, width)."""
    # solution
    kept = []

    def keep(module, given, output):
        kept.append(output[0] if isinstance(output, tuple) else output)

    with network.blocks[layer].register_forward_hook(keep):
        network(ids)
    return kept[0]
    # end solution


# %% tags=["check"]
course.check("after-block", after_block)

# %% [markdown]
# ## Exercise 2 (medium, 10 minutes): ask a service
#
# `ask(batch)` takes a list of at most `size` texts, and gives a row of probabilities for each. Send each different text
# once, in as few calls as there can be, and give back a row for every text, in the order of `texts`.


# %% tags=["exercise"]
def ask_all(texts: list[str], ask, size: int) -> list[list[float]]:
    """A row of probabilities for each text."""
    # solution
    different = list(dict.fromkeys(texts))
    known = {}
    for start in range(0, len(different), size):
        batch = different[start : start + size]
        known.update(zip(batch, ask(batch)))
    return [known[text] for text in texts]
    # end solution


# %% tags=["check"]
course.check("ask-all", ask_all)

# %% [markdown]
# ## Exercise 3 (medium, 20 minutes): conductance
#
# `layer(x)` gives the units' values y, and `gradient(y)` the gradient of the output by them, both arrays. Cut the
# straight way from `baseline` to `x` into equal steps. A unit's conductance is the sum over the steps of its change,
# from the step's beginning to its end, times its gradient at `layer(middle)`, where *middle* is the point of x halfway
# through the step.


# %% tags=["exercise"]
def conductance(
    layer, gradient, x: np.ndarray, baseline: np.ndarray, steps: int
) -> np.ndarray:
    """What flows through each unit: (units,)."""

    # solution
    def way(part):
        return layer(baseline + part * (x - baseline))

    change = [way((k + 1) / steps) - way(k / steps) for k in range(steps)]
    slope = [gradient(way((k + 0.5) / steps)) for k in range(steps)]
    return sum(s * c for s, c in zip(slope, change))
    # end solution


# %% tags=["check"]
course.check("conductance", conductance)

# %% [markdown]
# ## Exercise 4 (open)
#
# Pictures that excite a neuron are a success story of vision; for language models there is nothing like it. Say why, in
# three sentences, with the numbers of this chapter. Then name three ways that are used instead, and what each of them
# can't show. (Chapters 08b and 09a use them.)
#
# ## Quiz

# %%
course.ask("api-only-tool")

# %%
course.ask("large-delta")

# %%
course.ask("agreeing-libraries")

# %%
course.ask("folded-logits")

# %%
course.ask("dream-of-text")

# %% [markdown]
# ## In short
#
# - One activation, many libraries, one number: if each is asked for the same thing. Look at shapes; give ids, not
#   strings; say whether weights were folded.
# - Captum: read the delta, and choose the baseline. Integrated gradients, conductance and Shapley values keep the sum;
#   DeepLift finds nothing to hook in our transformer, and doesn't say so.
# - Where only answers are to be had, LIME and SHAP ask many of them. Batch, cache, and report how many.
# - An attribution found the shortcut in the images because somebody compared images with and without the mark.
# - Feature visualisation needs inputs between the inputs. Images have them; texts do not.
# - A page that loads scripts from elsewhere will be blank one day, and versions that nobody wrote down won't come
#   together again.
#
# **Next:** chapter 07 asks which of all these explanations are true of the model.
#
# **Sources.** Kokhlikyan et al. 2020, *Captum: A unified and generic model interpretability library for PyTorch*. Nanda
# & Bloom 2022, *TransformerLens*. Fiotto-Kaufman et al. 2024, *NNsight and NDIF*. Dhamdhere, Sundararajan & Yan 2018,
# *How Important Is a Neuron?* Shrikumar, Greenside & Kundaje 2017, *Learning Important Features Through Propagating
# Activation Differences* (DeepLIFT). Ribeiro, Singh & Guestrin 2016 (LIME). Lundberg & Lee 2017 (SHAP). Vig 2019, *A
# Multiscale Visualization of Attention in the Transformer Model* (BertViz). Lapuschkin et al. 2019, *Unmasking Clever
# Hans Predictors*. Zech et al. 2018, *Variable Generalization Performance of a Deep Learning Model to Detect Pneumonia
# in Chest Radiographs*. Erhan et al. 2009, *Visualizing Higher-Layer Features of a Deep Network*; Olah, Mordvintsev &
# Schubert 2017, *Feature Visualization*. Lieberum et al. 2024, *Gemma Scope*. Sarti et al. 2023, *Inseq*. Attanasio et
# al. 2023, *ferret*. Achtibat et al. 2024, *AttnLRP* (lxt).
