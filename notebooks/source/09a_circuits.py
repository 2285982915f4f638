# %% [markdown]
# # Inside the model: who computes the answer, and where?
#
# So far a text went in, an answer came out, and we asked which *words* mattered. Now we open the model. Which head found
# the word to copy? Between which layers did the name of a city appear? The words are there to see. The computations are
# not, and a picture of attention shows where a head looks, not whether anything depends on it. This chapter asks by
# changing one activation at a time, and looking at what becomes of the output.
#
# **You will**
# - find induction heads from their definition, and see them form in the course of a training,
# - show by patching what they do, and see why taking one away shows little,
# - take a logit apart into what heads, MLPs and embeddings wrote,
# - follow a name and a fact through `course-gpt2`, layer by layer,
# - read the stream before it is finished, by the logit lens and the tuned lens,
# - see a model put five features into two dimensions,
# - find out why a published patching result is impossible.
#
# **Two sittings of an hour (the second starts at `course-gpt2`), and an hour for the exercises; 1.2 GB of
# memory.** You need: chapter 01; chapters 04 and 07 help.

# %% tags=["bootstrap"]
import xai_helpers.course as course

course.start()

# %%
import copy
import json
from unittest import mock

import numpy as np
import torch
from safetensors.torch import load_file
from transformer_lens import patching as lens_patching
from transformer_lens.model_bridge import TransformerBridge

import xai_helpers as xai
from xai_helpers import circuits, laws, viz
from xai_helpers.circuits import heads, sites, superposition
from xai_helpers.installation import data_folder
from xai_helpers.viz import plots

# %%
copier = xai.load("course-induction")
gpt = xai.load("course-gpt2")

# %% [markdown]
# Both models are our own and small. `course-induction` has two layers of attention and nothing else, and can do one
# thing: when a word comes again, it says what followed it the first time. Its training started from random weights.
# `course-gpt2` is a GPT of four layers. Its training did not: the first weights were near ones that copy, and head 0.0
# (layer 0, head 0) began as one that looks at the token before. That there *are* such circuits is partly our doing; what
# they do now is measured below.
#
# ## Before you look
#
# `course-gpt2` ends *When Mary and John went to the store, John gave a bottle to* with *Mary*. We will change *John* at
# its second place, and nothing else. Then we take the model's inner state at one token from the first text, and put it
# into the second. Where must one put it, to get *Mary* back?

# %%
course.ask("where-to-patch")

# %% [markdown]
# ## Patching, by hand
#
# A model with two branches: one doubles, one adds one, and the output is their sum. We run it on a clean and on a
# corrupted input, and then on the corrupted one again, with one value taken from the clean run:


# %%
def run(x: float, patch: dict[str, float]) -> dict[str, float]:
    """All values; those in `patch` take the place of what would be computed."""
    values = {"left": 2 * x, "right": x + 1} | patch
    return {"output": values["left"] + values["right"]} | values


clean_run, corrupted_run = run(3, {}), run(5, {})
low, high = corrupted_run["output"], clean_run["output"]
for name in ("left", "right", "output"):
    value = run(5, {name: clean_run[name]})["output"]
    print(f"{name:6} patched: output {value}, effect {(value - low) / (high - low):.2f}")

# %% [markdown]
# The **effect** is 0 where the corrupted output is left as it was, and 1 where the clean one is back. A transformer is
# larger, and of the same kind: each token has a **residual stream**, to which heads and MLPs add.
#
# Two texts, one forward pass each, then one for each place that is patched. **Denoising** puts clean values into the
# corrupted run: what is *enough* to bring the answer back? **Noising** puts corrupted ones into the clean run: what can't
# it do *without*?
#
# ## Induction heads, from their definition
#
# Nine to fourteen words drawn at random, then the first five of them again. What comes next?

# %%
names = [copier.tokenizer.decode([i]).strip() for i in range(copier.config.vocab_size)]
nouns = [name for name in names if name.isalpha()]
rng = np.random.default_rng(0)
drawn = [rng.choice(nouns, n, replace=False).tolist() for n in rng.integers(9, 15, 20)]
texts = [" ".join([*words, *words[:5]]) for words in drawn]
print(texts[0], "->", copier.predict(texts[0], k=1)[0].token)

# %% [markdown]
# An **induction head** attends from a word to what came *after* that word before, and copies it (Olsson et al., 2022). A
# **previous-token head** attends to the word before. For each head we measure
#
# - the mean share of attention that goes there;
# - *copies*: from the word that it looks at, a head brings a vector (values times output weights). Turn this vector into
#   logits: is the word itself among the five that rise most? If so, the attention to it counts, and if not, it counts 0.
#   Here for the word that comes next;
# - *position alone*: how far the attention is the same in other texts of that length: 1 means that the words don't matter.

# %%
for role in ("previous_token", "induction"):
    print(role, heads.role_scores(copier, texts, role).round(2).tolist())
following = [words[5] for words in drawn]
print("copies", heads.name_mover_scores(copier, texts, following).round(2).tolist())
unrepeated = [" ".join(rng.choice(nouns, 12, replace=False)) for _ in range(20)]
print("position alone", heads.positional_scores(copier, unrepeated).round(2).tolist())

# %% [markdown]
# Layer 0 has one previous-token head, which goes by position alone. All four heads of layer 1 are induction heads: they
# look at what came after, wherever that is, and copy it. But a head of layer 1 reads the stream at *fork*: how does it
# know that the word before was *net*? Somebody must have written it there. We change *net* at its first place, and
# denoise:


# %%
def changed(words: list[str]) -> str:
    """The text with another word in the fifth place, which is asked for at the end."""
    other = next(noun for noun in nouns if noun not in words)
    return " ".join([*words[:4], other, *words[5:], *words[:5]])


others = [changed(words) for words in drawn]
targets = [xai.Target(words[5]) for words in drawn]
patched = circuits.activation_patching(copier, texts[0], others[0], targets[0])
patched.plot()

# %% [markdown]
# A row says where the clean state is put: before layer 0 at *net*, and before layer 1 at the word after it. So layer 0 has
# carried the name of a word one place on. One cell of this map by hand:


# %%
def put(state: torch.Tensor) -> float:
    """The effect of one state in place of the corrupted one, before layer 1 at the sixth word."""

    def written(stream: torch.Tensor) -> torch.Tensor:
        stream = stream.clone()
        stream[:, 5] = state
        return stream

    with sites.written(copier, "resid_pre", 1, written):
        value = copier.value(others[0], targets[0])
    return (value - patched.corrupted) / (patched.clean - patched.corrupted)


def state_of(text: str) -> torch.Tensor:
    """What stands there in the run of a text."""
    return circuits.run_with_cache(copier, text, ["resid_pre"])[1]["resid_pre", 1][5]


assert np.isclose(put(state_of(texts[0])), patched.effect[1, 5], atol=1e-4)

# %% [markdown]
# **A control:** would *any* change there do? We put in states as far from the corrupted one as the clean state is, but in
# random directions; and the states from texts that have yet another word in the place of *net*.

# %%
own, right = state_of(others[0]), state_of(texts[0])
noise = torch.randn(20, *own.shape, generator=torch.Generator().manual_seed(0))
noise *= (right - own).norm() / noise.norm(dim=-1, keepdim=True)
at_random = [put(own + one) for one in noise]
print(f"random direction: mean {np.mean(at_random):.2f}, greatest {max(at_random):.2f}")

net = drawn[0][4]
words_left = [noun for noun in nouns if noun not in f"{texts[0]} {others[0]}".split()][:20]
effects = [put(state_of(texts[0].replace(net, noun))) for noun in words_left]
print(f"another word: mean {np.mean(effects):.2f}, greatest {max(effects):.2f}")

# %% [markdown]
# Neither does, on average; of twenty other words the best brings back a third. It takes *net* itself.
#
# **A law:** in a causal model, where a token sees only those before it, nothing before the first difference has any
# effect, for nothing there knows of it. Hold every map against it.

# %%
assert laws.before_the_difference(patched.effect, first=4) == 0

# %% [markdown]
# Who carried the name? `z` is what a head hands on; each head in turn is patched at all tokens. **Noising** asks what the
# clean run can't do without. The scale is the same: 1 means that nothing is lost, 0 that all is. The means of the twenty
# texts:

# %%
for direction in ("denoising", "noising"):
    maps = [
        circuits.activation_patching(copier, *both, goal, site="z", direction=direction).effect
        for both, goal in zip(zip(texts, others), targets)
    ]
    print(direction, np.mean(maps, axis=0).round(2).tolist())

# %% [markdown]
# The previous-token head is enough, and without it nearly all is lost. Each head of layer 1 alone brings back some 0.4: the
# four add up to more than 1, for effects overlap. And each can be missed: nine tenths are left without it.
#
# **Ablation** needs no second text: here each head in turn hands on the mean of what it hands on at all tokens of the
# twenty texts. Then all heads of a layer at once:

# %%
print(
    "logit, as it is:", round(np.mean([copier.value(*one) for one in zip(texts, targets)]), 2)
)
change = heads.head_ablation(copier, texts, targets).mean(axis=0)
print("ablation, change of the logit:", change.round(2).tolist())
options = {"replacement": "mean", "texts": texts, "axes": ["layer"]}
together = [
    circuits.ablation(copier, text, goal, **options).effect
    for text, goal in zip(texts, targets)
]
print("all heads of a layer at once:", np.mean(together, axis=0).round(2).tolist())

# %% [markdown]
# Of layer 1 each head alone costs less than one logit of nearly 13, all four together twelve: they stand in for each other,
# like the two words of praise in chapter 04. An ablation near 0 says that little is lost as long as all others are there.
#
# ### When did they form?
#
# The model was kept at some steps of its training. We put the old weights into a copy, and ask the same definitions:

# %%
folder = data_folder() / "models" / "course-induction" / "checkpoints"
young = xai.wrap(copy.deepcopy(copier.model), copier.tokenizer)
for step in (0, 380, 410, 540, 1420):
    weights = load_file(folder / f"step-{step:04}.safetensors")
    young.model.load_state_dict({k: w.float() for k, w in weights.items()}, strict=False)
    best = [
        heads.role_scores(young, texts, role).max() for role in ("previous_token", "induction")
    ]
    right = [
        young.predict(t, k=1)[0].token.strip() == words[5] for t, words in zip(texts, drawn)
    ]
    print(
        f"step {step:4}: previous {best[0]:.2f}, induction {best[1]:.2f}, right {np.mean(right):.0%}"
    )

# %% [markdown]
# And the scores of every tenth step, written down when it was trained:

# %%
scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))[:100]
curves = {
    name: [row[name] for row in scores] for name in ("accuracy", "previous_token", "induction")
}
plots.curves([plots.Panel("course-induction", "tens of steps", curves)], label="share")

# %% [markdown]
# (The curves are of longer rows, so their numbers are not those above; at step 0 you see what a head that learned nothing
# scores in each.) For some 340 steps nearly nothing happens. In the next hundred accuracy rises to 0.8 and induction to
# 0.7: a **phase change**, as sudden changes in training are called. The previous-token score rises later and more slowly.
# The copies are mostly right while the best previous-token head is at 0.4: what else the model uses at that point we have
# not measured.
#
# ## course-gpt2: who gets the bottle?
#
# The task is **indirect object identification** (Wang et al., 2022): of two names the one that is *not* repeated. The
# measure is the **logit difference**, right name minus wrong one.

# %%
clean = "When Mary and John went to the store, John gave a bottle to"
corrupted = "When Mary and John went to the store, Mary gave a bottle to"
mary = xai.Target("Mary", versus="John")
for text in (clean, corrupted):
    print(f"{gpt.value(text, mary):+.2f}  {text} {gpt.predict(text, k=1)[0].token}")

# %% [markdown]
# The last stream is a sum of all that was written into it. Hold the last norm's scale at what it is, and the logit is a
# sum, too: that is **direct logit attribution**, and its law is that the parts add up.

# %%
parts = circuits.logit_attribution(gpt, clean, mary)
assert laws.completeness(parts.total, [value for _, value in parts.parts()]) < 1e-4
parts.plot()

# %% [markdown]
# One head of layer 1 writes most of it. "Direct" means: what a head does by telling *other* heads where to look counts as
# theirs. Patching finds that, too:

# %%
patched = circuits.activation_patching(gpt, clean, corrupted, mary)
patched.plot()

# %%
circuits.activation_patching(gpt, clean, corrupted, mary, site="z").plot()

# %% [markdown]
# Before layer 0 the change sits on the second *John*; before layer 1 most of it is at the last token, four places on. The
# head that matters most by patching, 0.0, added next to nothing directly. Where does it look, and at which token does it
# matter?

# %%
tokens = [unit.text for unit in gpt.encode(clean).units]
_, cache = circuits.run_with_cache(gpt, clean, ["pattern"])
seen = cache["pattern", 0][0, -1]
looks = [f"{i} {tokens[i]} {float(seen[i]):.2f}" for i in seen.topk(3).indices]
print("head 0.0 from 'to':", looks)
before = heads.role_scores(gpt, [clean, corrupted], "previous_token")
print("previous token:", before[0].round(2))
by_place = circuits.activation_patching(
    gpt, clean, corrupted, mary, site="z", axes=["layer", "position", "head"]
)
at = by_place.effect[0, :, 0].round(2)
print("its effect:", [f"{i} {tokens[i]} {at[i]}" for i in np.flatnonzero(at)])

# %% [markdown]
# On most tokens head 0.0 looks at the one before (0.82 of its attention, on these texts): that is its role by score. At
# *to* it does something else: it looks at the name right before the verb, the second *John*, and all its effect is there.
# Its mean over all tokens does not show this. Does it look for a name that was *repeated*? Try one that was not:

# %%
peter = clean.replace(", John", ", Peter")
_, cache = circuits.run_with_cache(gpt, peter, ["pattern"])
print("head 0.0 from 'to' at Peter:", round(float(cache["pattern", 0][0, -1, 9]), 2))

# %% [markdown]
# It looks there all the same: before layer 1 the last token has the name of the one who gives, said before or not. Layer
# 1's heads then write the other name: a **name mover** attends from the last token to the answer, and copies it. The
# measure is that of the copies above, here to *Mary*:

# %%
print(heads.name_mover_scores(gpt, [clean], ["Mary"]).round(2))

# %% [markdown]
# In this sentence head 1.0 is one.
#
# ### On prompts that were not used to find it
#
# Of the held-out prompts we take twelve of each kind: with a new pair of names, new names, a new object, a new frame, or
# a frame of a new shape. In the corrupted text the other name replaces the last mention of the repeated one. We keep the
# prompts on which the model is right in both. Three measures ask different things: patching, what of the difference
# between two runs goes through a head; ablation, what is lost without it; direct attribution, what it wrote in one run.

# %%
sample = data_folder() / "corpora" / "course-gpt2-sample.jsonl"
cases = [json.loads(line) for line in sample.read_text(encoding="utf-8").splitlines()]
cases = [c for c in cases if c["ability"] == "indirect_objects" and c["split"] == "dev"]
cases = [c for c in cases if len(c["rivals"]) == 1]
kinds = ("pair", "name", "object", "frame", "skeleton")
cases = [c for kind in kinds for c in [c for c in cases if c["kind"] == kind][:12]]


def swapped(case: dict) -> str:
    """The prompt with the repeated name, at its last place, replaced by the other one."""
    before, _, after = case["prompt"].rpartition(case["rivals"][0])
    return before + case["answers"][0] + after


# %%
known = []
for case in cases:
    target = xai.Target(case["answers"][0], versus=case["rivals"][0])
    if gpt.value(case["prompt"], target) > 0 > gpt.value(swapped(case), target):
        known.append((case, target))
prompts, contrasts = [case["prompt"] for case, _ in known], [target for _, target in known]
print(len(known), "of", len(cases), "are right in both")

# %%
maps = [
    circuits.activation_patching(gpt, case["prompt"], swapped(case), target, site="z").effect
    for case, target in known
]
print("patching, mean over the prompts:\n", np.mean(maps, axis=0).round(2))
change = heads.head_ablation(gpt, prompts, contrasts).mean(axis=0)
print("ablation, change of the logit difference:\n", change.round(2))

# %%
direct = np.array(
    [circuits.logit_attribution(gpt, p, t).heads for p, t in zip(prompts, contrasts)]
)
print("direct attribution:\n", direct.mean(axis=0).round(2))
whole = np.mean([gpt.value(prompt, target) for prompt, target in zip(prompts, contrasts)])
print(f"logit difference {whole:.2f}")
print("how often each head of layer 1 writes most:", np.bincount(direct[:, 1].argmax(axis=1)))
written = direct[:, 1].clip(min=0)  # for the right name
share = np.median(written.max(axis=1) / written.sum(axis=1))
print(f"its share of what layer 1 writes for the right name, median: {share:.2f}")
for who, called in (("right", "answers"), ("wrong", "rivals")):
    moved = heads.name_mover_scores(gpt, prompts, [case[called][0] for case, _ in known])
    print(f"name movers, layer 1, {who} name:", moved[1].round(2))

# %% [markdown]
# Head 0.0 holds up on these prompts: on average it brings back most, and most is lost without it. On average three heads of
# layer 1 write about as much as each other. But in a single prompt mostly one head writes four fifths of it, as in our
# sentence, and which one changes. A mean over prompts hides this, as a single prompt hides the other heads. As name movers
# all four look at the right name more than at the wrong one, head 1.3 hardly.
#
# ### Facts
#
# The same for a fact. Which tokens decide between *Paris* and *Berlin*, and up to which layer?

# %%
eiffel = "The Eiffel Tower is located in the city of"
gate = "The Brandenburg Gate is located in the city of"
paris = xai.Target("Paris", versus="Berlin")
circuits.activation_patching(gpt, eiffel, gate, paris).plot()

# %% [markdown]
# Before layers 0 and 1 it sits on the two tokens of the subject, before layer 2 at the last token, and nowhere else: layer
# 1 has carried what tells the two landmarks apart. (Whether the state at *Tower* is already the city, or still the
# landmark, this does not say.) Which part of layer 1?

# %%
for site in ("attn_out", "mlp_out"):
    effect = circuits.activation_patching(gpt, eiffel, gate, paris, site=site).effect
    print(site, "(rows: layers 0 to 3; columns: Eiffel, Tower, of)")
    print(effect[:, [1, 2, -1]].round(2))

# %% [markdown]
# Layer 1's attention, at the last token, brings back all of it; no MLP brings back any, neither there nor at the subject.
# This is one pair of texts. Once more we take held-out ones: for each fact the same prompt with another subject of as
# many tokens, and another answer. (The facts were trained, in other sentences; these sentences were not.)

# %%
facts = [json.loads(line) for line in sample.read_text(encoding="utf-8").splitlines()]
facts = [case for case in facts if case["ability"] == "facts" and case["split"] == "dev"]


def ids_of(text: str) -> np.ndarray:
    return gpt.encode(text).ids[0].numpy()


def rival(case: dict) -> tuple[str, str] | None:
    """The prompt about another subject of the same relation, and its answer."""
    for other in (f for f in facts if f["group"] == case["group"]):
        text = case["prompt"].replace(case["marks"]["subject"], other["marks"]["subject"])
        if (
            len(ids_of(text)) == len(ids_of(case["prompt"]))
            and other["answers"] != case["answers"]
        ):
            return text, other["answers"][0]
    return None


# %%
effects, used = {"resid_pre": [], "attn_out": [], "mlp_out": []}, 0
for case in facts[::2]:
    if (other := rival(case)) is None:
        continue
    prompt, answer, (text, wrong) = case["prompt"], case["answers"][0], other
    target = xai.Target(answer, versus=wrong)
    if gpt.value(prompt, target) > 0 > gpt.value(text, target):  # both facts are known
        used += 1
        changed = ids_of(prompt) != ids_of(text)
        for site, found in effects.items():
            e = circuits.activation_patching(gpt, prompt, text, target, site=site).effect
            found.append([e[:, changed].max(axis=1), e[:, -1]])

# %%
print(used, "pairs; mean effect in layers 0 to 3")
for site, found in effects.items():
    subject, last = np.mean(found, axis=0).round(2)
    print(f"{site:9} subject {subject}   last token {last}")

# %% [markdown]
# As in the one pair: before layers 0 and 1 it sits at the subject (its best single token), from layer 2 on at the last
# token, and the attention of layer 1 has carried it. The MLPs bring back little.
#
# ## Explore
#
# A site, by token or by head, a metric, a pair of texts. In each layer the stream is read before it (`resid_pre`) for
# queries, keys and values (`q`, `k`, `v`); queries and keys give the attention (`pattern`), and with the values what each
# head hands on (`z`). All heads together add `attn_out` (then the stream is `resid_mid`), and the MLP adds `mlp_out`. For
# *Mary*, in layer 0: which sites show what was brought to the last token, and which one where it was fetched?

# %%
pairs = {
    "Mary or John": (clean, corrupted, mary),
    "Paris or Berlin": (eiffel, gate, paris),
    "plural or not": (
        "The cats near the house",
        "The cat near the house",
        xai.Target("are", versus="is"),
    ),
}


# %%
def patching(pair: str, site: str, metric: str, direction: str) -> plots.Picture:
    """The map of one site."""
    one, other, target = pairs[pair]
    name, _, head = site.partition(" by ")
    options = {"site": name, "axes": ("layer", head or "position")}
    options |= {"metric": metric, "direction": direction}
    return circuits.activation_patching(gpt, one, other, target, **options).plot()


# %%
streams = ["resid_pre", "resid_mid", "attn_out", "mlp_out"]
of_heads = ["z", "q", "k", "v", "pattern"]
viz.explore(
    patching,
    pair=list(pairs),
    site=[*streams, *of_heads, *[f"{site} by head" for site in of_heads]],
    metric={"difference of logits": "target", "KL from the clean run": "kl"},
    direction=["denoising", "noising"],
)

# %% [markdown]
# `attn_out` and `z` at *to*, and `v` at the second *John*. Where a head looked would stand in `pattern`:

# %%
for site in ("attn_out", "v", "pattern"):
    options = {"site": site, "axes": ["layer", "position"]}
    effect = circuits.activation_patching(gpt, clean, corrupted, mary, **options).effect
    for layer in (0, 1):
        row = effect[layer].round(2)
        print(f"{site:9} layer {layer}: at the second John {row[9]:5}, at to {row[-1]:5}")

# %% [markdown]
# Layer 0 looks at the same places in both texts, and finds another name there: `pattern` has no effect, `v` at the name
# has. In layer 1 it is mostly where its heads look (0.74); what they read at *John* is 0.21. (That is the second way
# in the map above, by *gave* before layer 2.)
#
# ## Lenses: what would it say now?
#
# The **logit lens** (nostalgebraist, 2020) reads the stream before it is finished: through the last norm and the
# unembedding, as if the remaining layers had nothing to add.

# %%
lens = circuits.logit_lens(gpt, eiffel, "Paris")
lens.plot()

# %% [markdown]
# At the last token *Paris* appears after layer 1, where patching said that it arrives. At earlier levels the lens shows words
# that make little sense. Does the model think of nothing yet, or is the lens the wrong one? The **tuned lens** (Belrose et
# al., 2023) translates each level first, by a map that was trained to predict what the model will say. On 1,050 held-out
# texts (how far from the model's own prediction, in nats, averaged over tokens), and at our one token:

# %%
card = json.loads((data_folder() / "lenses" / "course-gpt2.json").read_text())
tuned = circuits.logit_lens(gpt, eiffel, translators=circuits.tuned_translators())
print("              held-out texts    of, in our text")
print("              logit   tuned     logit   tuned")
for i, level in enumerate(lens.levels[:-1]):
    means, here = (card["plain"][i], card["tuned"][i]), (lens.kl[i, -1], tuned.kl[i, -1])
    print(f"{level:12} {means[0]:6.2f}  {means[1]:6.2f}    {here[0]:6.2f}  {here[1]:6.2f}")

# %% [markdown]
# Averaged over tokens the tuned lens is far nearer at every level. Part of that is a learned guess: at the embeddings
# nothing but the token and its place is known, and still it falls from 5.53 to 1.93. At our one token the guess of what
# follows *of* in general is worse than none, and after layer 1 both lenses are near. Read it with a second text beside:

# %%
for text in (eiffel, gate):
    read = circuits.logit_lens(gpt, text, translators=circuits.tuned_translators())
    print([row[-1] for row in read.best], text)

# %% [markdown]
# After layer 0 the tuned lens says *Paris* for both, and patching said that neither city has arrived by then: the lens
# may show its translator's guess. And that a word can be read off does not show that the model uses it.


# %%
def lenses(text: str, shown: str) -> list[plots.Picture]:
    """What each level would say, by the logit lens and below it by the tuned lens."""
    both = (None, circuits.tuned_translators())
    return [circuits.logit_lens(gpt, text, translators=lens).plot(shown) for lens in both]


viz.explore(
    lenses, text=eiffel, shown={"divergence (nats)": "kl", "probability": "probability"}
)

# %% [markdown]
# ## More features than dimensions
#
# A direction in the stream may stand for one thing. But there are more things than dimensions. A toy model (Elhage et
# al., 2022) is given five numbers, the features x, and has two dimensions to keep them in: it
# computes x' = relu(WᵀWx + b), and is trained to give x back. All depends on how often a feature is there (not 0):

# %%
densities = [1.0, 0.5, 0.3, 0.2, 0.1, 0.05, 0.02]
toys = superposition.toy_models(densities)
for density, kept, loss in zip(densities, toys.kept, toys.loss):
    print(f"there in {density:4.0%}: lengths {kept.round(1)}, error {loss:.2f}")

# %% [markdown]
# Feature i weighs 0.9 to the power of i in the loss; the error is a share of what the best constant answer leaves. Where
# all are always there, the two most important get a dimension each, and the rest nothing. The rarer they are, the more
# are kept, or as many (we show the best of four models; which features it keeps is partly chance), in the end all five:
# **superposition**. They disturb each other, but are seldom there together. The slider goes from always (0) to 2 % (6).


# %%
def directions(rarer: int) -> plots.Picture:
    """Each feature's direction, and who disturbs whom."""
    return toys.plot(rarer)


viz.explore(
    directions,
    rarer=(0, len(densities) - 1),
    start={"rarer": 5},
    labels={"rarer": "rarer"},
)

# %% [markdown]
# On the right WᵀW: on the diagonal how far a feature is kept, beside it what each adds to the others when it is there. A
# negative number does no harm, for relu cuts it off; a small positive one is taken off by a negative b. So what one finds
# along a direction need not be one thing.
#
# ## Where it breaks
#
# A published tutorial patches the stream of GPT-2 small on the very pair of texts above, by the library
# **TransformerLens**. (We leave the author out.) Here is what it computes, on `course-gpt2`:

# %%
bridge = TransformerBridge.boot_transformers(
    "course-gpt2", hf_model=copy.deepcopy(gpt.model), tokenizer=gpt.tokenizer, device="cpu"
)

# %%
clean_tokens, corrupted_tokens = bridge.to_tokens(clean), bridge.to_tokens(corrupted)
clean_logits, clean_cache = bridge.run_with_cache(clean_tokens)
corrupted_logits, _ = bridge.run_with_cache(corrupted_tokens)
mary_id, john_id = bridge.to_single_token(" Mary"), bridge.to_single_token(" John")


def metric(logits: torch.Tensor) -> float:
    return (logits[0, -1, john_id] - logits[0, -1, mary_id]).item()


# %%
low = metric(corrupted_logits)
quiet = mock.patch.object(lens_patching, "tqdm", iter)  # no progress bar
with torch.no_grad(), quiet:
    results = lens_patching.get_act_patch_resid_pre(
        bridge, corrupted_tokens, clean_cache, lambda logits: metric(logits) - low
    )
print(f"clean {metric(clean_logits):+.3f}, corrupted {low:+.3f}, shape {tuple(results.shape)}")
print("layer of the greatest effect:", results.argmax(dim=0).tolist())

# %% [markdown]
# (In print it calls `results.shape()`, which is no function: it can't have run as printed.) For GPT-2 small it gives
# +4.812 and -2.341, a shape of 12 by 18, and the layers
#
#     [9, 9, 0, 9, 9, 0, 9, 10, 9, 9, 9, 0, 9, 10, 9, 10, 9, 10]
#
# and concludes that layers 9 and 10 matter most. Three things are wrong; the first two our numbers show.
#
# - **The sign.** *Mary* is right in the clean text, so *John* minus *Mary* is negative there, as with us; +4.812 has the
#   other sign. And with this sign, `argmax` looks for what brings *Mary* back **least**.
# - **An argmax of equal numbers.** Before the first difference all layers have effect 0, and their `argmax` is the first,
#   0. Without rounding, a 9 there is impossible: the model *can't* know of a change that is still to come.
# - **The shape.** The library puts one token before each text. These have 15 tokens with it, and not 18.
#
# Mended: the law first; then the whole map, divided by what lies between the two runs, which also sets the sign right.

# %%
mended = results.numpy() / (metric(clean_logits) - low)
first = int((clean_tokens != corrupted_tokens)[0].nonzero()[0])
print("effects before the first difference:", laws.before_the_difference(mended, first))
print(bridge.to_str_tokens(clean)[first:])
print(mended[:, first:].round(2))

# %% [markdown]
# At *to* layers 1, 2 and 3 bring most of it back, and layer 0 nothing: where the `argmax` said layer 0.
#
# ## The same by a library
#
# The library's function is right; what was done with its result was not. Without the token that the library puts before
# a text, it gives our map:

# %%
_, cache = bridge.run_with_cache(gpt.encode(clean).ids)
with torch.no_grad(), quiet:
    theirs = lens_patching.get_act_patch_resid_pre(
        bridge, gpt.encode(corrupted).ids, cache, lambda logits: torch.tensor(-metric(logits))
    )
ours = circuits.activation_patching(gpt, clean, corrupted, mary)
assert np.allclose(theirs, ours.values, atol=1e-4)
print("greatest difference below 0.0001:", theirs.shape)

# %% [markdown]
# It runs a forward pass for each place. Ours runs a layer's places together, from that layer on, and from that token on:
# what is before is known. (`benchmarks/results.md` says how much that saves.)
#
# ## What GPT-2 does differently
#
# In GPT-2 small, 26 heads in seven groups take part in this task (Wang et al., 2022, of Redwood Research); among them
# heads that find the repeated name, heads that keep the last token from attending to it, heads that copy the other name,
# and backups that take over when those are ablated. Ours does most of it in its first two layers, and its circuits
# were helped, as said above. In larger models facts are gathered at the subject by MLPs of the early and
# middle layers, and read from there by attention (Meng et al., 2022; Geva et al., 2023). What transfers is the way to
# ask: a definition, an intervention, prompts that were not used to find the head.
#
# ## Exercise 1 (easy, 10 minutes): an induction score
#
# From one head's attention (query, key) and the ids of the tokens: the mean share of attention that goes to tokens which
# come right after an earlier occurrence of the query's token. Neither the query itself nor the token right before it
# counts (a previous-token head looks there as well). The mean is over the queries that have such a token.


# %% tags=["exercise"]
def induction_score(attention: np.ndarray, ids: list[int]) -> float:
    """attention: (n, n), rows sum to 1; ids: (n,)."""
    # solution
    shares = []
    for query, id in enumerate(ids):
        after = [key for key in range(1, query - 1) if ids[key - 1] == id]
        if after:
            shares.append(attention[query, after].sum())
    return float(np.mean(shares))
    # end solution


# %% tags=["check"]
course.check("induction-score", induction_score)

# %% [markdown]
# ## Exercise 2 (medium, 15 minutes): patching
#
# `layers` are functions of an array (positions, width), each to be applied to what the one before gave. `read` makes a
# number of the last. Give the map (layers, positions) of denoising effects: 0 is the corrupted run, 1 the clean one. The
# entry (l, i) patches what layer l *is given*, at position i.


# %% tags=["exercise"]
def patching_map(layers, read, clean: np.ndarray, corrupted: np.ndarray) -> np.ndarray:
    """clean, corrupted: (positions, width), what the first layer is given. (layers, positions)."""

    # solution
    def run(x: np.ndarray, start: int = 0) -> list[np.ndarray]:
        found = [x]
        for layer in layers[start:]:
            found.append(layer(found[-1]))
        return found

    donor, base = run(clean), run(corrupted)
    low, high = read(base[-1]), read(donor[-1])
    effect = np.zeros((len(layers), len(clean)))
    for level, position in np.ndindex(*effect.shape):
        x = base[level].copy()
        x[position] = donor[level][position]
        effect[level, position] = (read(run(x, level)[-1]) - low) / (high - low)
    return effect
    # end solution


# %% tags=["check"]
course.check("patching-map", patching_map)

# %% [markdown]
# ## Exercise 3 (medium, 15 minutes): who wrote the logit?
#
# The last stream is the sum of `parts` (parts, width). A LayerNorm with gain and bias follows, then the dot product with
# `unembedding`. How much does each part add to the logit, if the scale is held at that of the whole stream? (The norm
# also takes off the mean: of each part its own.) Last comes what the norm's bias adds. All add up to the logit.


# %% tags=["exercise"]
def logit_shares(
    parts: np.ndarray, gain: np.ndarray, bias: np.ndarray, unembedding: np.ndarray
) -> list[float]:
    """(parts + 1,). LayerNorm(x) = (x - mean) / sqrt(variance) * gain + bias; there is no epsilon here."""
    # solution
    stream = parts.sum(axis=0)
    centred = parts - parts.mean(axis=1, keepdims=True)
    shares = centred / stream.std() * gain @ unembedding
    return [*shares.tolist(), float(bias @ unembedding)]
    # end solution


# %% tags=["check"]
course.check("logit-shares", logit_shares)

# %% [markdown]
# ## Exercise 4 (hard, 20 minutes): the future lens
#
# The logit lens asks a state for the *next* token. Does it know the one after that (Pal et al., 2023)? Of each text you
# have the states after some layer (tokens, width), those after the last layer (tokens, width), and the ids (tokens,).
# Fit one linear map with an intercept (`np.linalg.lstsq`), over all texts in `fitted`, from the state at token i to the
# last state at token i + 1. `read` makes tokens' ids of last states (n, width). Give the share of tokens in `held_out`
# which are foretold from two places before: the map of the state at i, read, is the id at i + 2.


# %% tags=["exercise"]
def foretold(fitted: list[tuple], held_out: list[tuple], read) -> float:
    """fitted, held_out: one (states, last states, ids) for each text."""

    # solution
    def with_one(states: np.ndarray) -> np.ndarray:
        return np.hstack([states, np.ones((len(states), 1))])

    now = np.concatenate([with_one(states[:-1]) for states, _, _ in fitted])
    next_one = np.concatenate([last[1:] for _, last, _ in fitted])
    weights = np.linalg.lstsq(now, next_one, rcond=None)[0]
    right = [read(with_one(states[:-2]) @ weights) == ids[2:] for states, _, ids in held_out]
    return float(np.concatenate(right).mean())
    # end solution


# %% tags=["check"]
course.check("foretold", foretold)

# %% [markdown]
# On `course-gpt2`: sentences of all its abilities, four fifths to fit and the rest to try. One control always names the
# most frequent token. The other is level 0, the embeddings, which know nothing but the token and its place.

# %%
lines = sample.read_text(encoding="utf-8").splitlines()
drawn_lines = np.random.default_rng(0).permutation(lines)[:380]
sentences = [json.loads(line)["text"] for line in drawn_lines]
streams_of = [gpt.residual_stream(text).double().numpy() for text in sentences]
ids_of_all, cut = [ids_of(text) for text in sentences], len(sentences) * 4 // 5
later = np.concatenate([ids[2:] for ids in ids_of_all[cut:]])
frequent = np.bincount(np.concatenate([ids[2:] for ids in ids_of_all[:cut]])).argmax()
print(f"{len(later)} tokens; always the most frequent one: {np.mean(later == frequent):.2f}")


def read(states: np.ndarray) -> np.ndarray:
    return gpt.unembed(torch.tensor(states).float()).argmax(dim=-1).numpy()


# %%
for level in range(gpt.n_layers + 1):
    data = [(s[level], s[-1], ids) for s, ids in zip(streams_of, ids_of_all)]
    share = foretold(data[:cut], data[cut:], read)
    if share is not None:
        print(f"level {level}: {share:.2f}")

# %% [markdown]
# (Without your function nothing is printed.) What a layer knows of the token after the next, beyond the token and its
# place, is the difference from level 0. In our solution it is two or three in a hundred after the last layer: little.
# Whether it is more than chance you find by drawing the held-out texts again, with replacement, many times: how far does
# the difference move?
#
# ## Quiz

# %%
course.ask("looks-at-so-uses")

# %%
course.ask("ablation-of-zero")

# %%
course.ask("noising-denoising")

# %%
course.ask("direct-nothing")

# %%
course.ask("lens-says-nonsense")

# %% [markdown]
# ## In short
#
# - A head's score says where it looks. Whether anything depends on it, an intervention says.
# - Denoising finds what is enough, noising what is needed. Of several that stand in for each other, none is needed.
# - In a causal model nothing before the first difference has any effect: a law that exposes bad maps.
# - The last stream is a sum, so a logit can be taken apart; what works through others has no direct part.
# - A lens shows what could be read off, in coordinates that need not be the layer's own.
# - More features than dimensions: where they are rare, they share.
#
# **Next:** chapter 09b finds circuits automatically, and asks what layers know.
#
# **Sources.** Elhage et al. 2021, *A Mathematical Framework for Transformer Circuits*. Olsson et al. 2022, *In-context
# Learning and Induction Heads*. Wang et al. 2022, *Interpretability in the Wild*. Vig et al. 2020, *Investigating Gender
# Bias in Language Models Using Causal Mediation Analysis*. Meng et al. 2022, *Locating and Editing Factual Associations
# in GPT*. Geva et al. 2023, *Dissecting Recall of Factual Associations*. nostalgebraist 2020, *interpreting GPT: the
# logit lens*. Belrose et al. 2023, *Eliciting Latent Predictions from Transformers with the Tuned Lens*. Pal et al. 2023,
# *Future Lens*. Elhage et al. 2022, *Toy Models of Superposition*. Heimersheim & Nanda 2024, *How to use and interpret
# activation patching*.
