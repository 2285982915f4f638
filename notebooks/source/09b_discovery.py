# %% [markdown]
# # Inside the model: circuits found automatically, and what a layer knows
#
# Chapter 09a found heads one by one: a score, a patch, a control. A model of four layers has 479 **edges**, each a way
# for one part to tell another. Which few of them make a behaviour? An algorithm can search, and its answer
# is a hypothesis like any other: it must be shown on texts that it was not found on. The second half asks another
# question. Train a classifier on a layer's states: if it finds the tense of the verb there, does the model *use* it?
#
# **You will**
# - estimate all patches at once by a gradient, and see where that fails,
# - follow one path through the keys of one head,
# - find a circuit automatically, where it is known and where nobody knows it, and show it,
# - put a hypothesis about a head to the test of causal scrubbing,
# - train probes with the controls without which they say little,
# - see two properties side by side: both can be read off, and one is used,
# - find out what a probe of truth shows, and what it doesn't.
#
# **Two sittings of an hour (the second starts at *What does a layer know?*), and an hour for the exercises; 1.2 GB of
# memory.** You need: chapter 09a.

# %% tags=["bootstrap"]
import xai_helpers.course as course

course.start()

# %%
import copy
import functools
import itertools
import warnings
from dataclasses import replace

import numpy as np
import torch
from scipy.stats import spearmanr
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.tools.analysis import attribution_patching, sparse_probing

import xai_helpers as xai
from xai_helpers import circuits, probes, viz
from xai_helpers.circuits import attribution, behaviours, discovery, edges, known, sites
from xai_helpers.viz import plots

# %%
gpt = xai.load("course-gpt2")
induction = xai.load("course-induction")
copier = xai.load("copier")

# %% [markdown]
# All are our own and small. `course-gpt2` and `course-induction` you know; of `copier` we wrote every weight by
# hand, so that it does what `course-induction` learned to do. What it needs for that, we know.
#
# ## Before you look
#
# `course-gpt2` was trained on sentences such as *Blue ink. Yesterday the old farmer walked home.* In all of them a colour of
# ink and a time come first.

# %%
course.ask("ink-or-time")

# %% [markdown]
# ## To first order, by hand
#
# Patching needs a forward pass for every place. A gradient tells for all places at once how fast the output *begins* to
# change there; times the whole change, that is an estimate. Take one attention weight between two tokens. It is the
# sigmoid of the difference of their scores, -4 in the corrupted run and 4 in the clean one:

# %%
corrupted_score, clean_score = -4.0, 4.0
score = torch.tensor(corrupted_score, requires_grad=True)
weight = torch.sigmoid(score)
weight.backward()
estimate = float(score.grad) * (clean_score - corrupted_score)
exact = float(torch.sigmoid(torch.tensor(clean_score)) - weight.detach())
print(f"exactly {exact:.3f}, to first order {estimate:.3f}")

# %% [markdown]
# Attention that is sure of its place hardly moves when its score moves a little. So the gradient sees a seventh of the
# effect. Where a model is linear between its two runs, the estimate is exact: that is the law, and exercise 1 checks it.
#
# ## Attribution patching
#
# On the pair of chapter 09a, the estimate of all cells of a map takes two forward passes and one backward (Nanda, 2023):

# %%
clean = "When Mary and John went to the store, John gave a bottle to"
corrupted = "When Mary and John went to the store, Mary gave a bottle to"
mary = xai.Target("Mary", versus="John")
measured = ("resid_pre", "mlp_out", "z", "v")
pair = (gpt, clean, corrupted, mary)
exact = [circuits.activation_patching(*pair, site=site) for site in measured]
estimated = circuits.attribution_maps(*pair, sites=measured)
attribution.scatter(estimated, exact)

# %% [markdown]
# Small effects are estimated as small. But at the right the points lie far below the line: what matters most is
# underestimated, and the greatest effect of all is not the greatest estimate. For each site the share of the exact
# effects' variation that the estimate misses, how well it keeps their order (Spearman's correlation), and the worst cell:

# %%
for guess, patched in zip(estimated, exact):
    off = np.abs(guess.effect - patched.effect)
    i, j = np.unravel_index(off.argmax(), off.shape)
    missed = attribution.error_of(guess, patched)
    order = spearmanr(guess.effect.ravel(), patched.effect.ravel()).statistic
    where = f"layer {i}, {patched.axes[1]} {patched.names[1][j]}"
    values = f"{patched.effect[i, j]:.2f}, estimated {guess.effect[i, j]:.2f}"
    print(f"{patched.site:9} misses {missed:.2f}, order {order:.2f}; {where}: {values}")

# %% [markdown]
# Before layer 0 the whole change sits at the second *John*: its exact effect is 1, for with
# it the corrupted text becomes the clean one. The estimate says 0.2. What happens between the two runs?
#
# ## Explore: along the way
#
# We move the state of one place from what it is in the corrupted run to what it is in the clean one, in ten steps. The
# straight line is what the gradient at the start foretells.

# %%
tokens = [unit.text for unit in gpt.encode(clean).units]
states = [circuits.run_with_cache(gpt, text, ["resid_pre"])[1] for text in (corrupted, clean)]
tenths = np.linspace(0, 1, 11)


def put(stream: torch.Tensor, token: int, state: torch.Tensor) -> torch.Tensor:
    """The stream with another state at one token."""
    return stream.index_copy(1, torch.tensor([token]), state[None, None])


# %%
def along_the_way(layer: int, token: int) -> plots.Picture:
    """The effect of one state on its way from the corrupted run's to the clean run's."""
    start, end = (run["resid_pre", layer][token] for run in states)
    effects = []
    for share in tenths:
        moved = functools.partial(put, token=token, state=start + float(share) * (end - start))
        with sites.written(gpt, "resid_pre", layer, moved):
            effects.append(gpt.value(corrupted, mary))
    low, high = exact[0].corrupted, exact[0].clean
    shown = {"exact": (np.array(effects) - low) / (high - low)}
    shown["estimate"] = tenths * estimated[0].effect[layer, token]
    panel = plots.Panel(f"{tokens[token]!r}, layer {layer}", "tenths of the way", shown)
    return plots.curves([panel], label="effect")


# %%
viz.explore(
    along_the_way,
    layer=(0, gpt.n_layers - 1),
    token=dict(zip([f"{i} {text}" for i, text in enumerate(tokens)], range(len(tokens)))),
    start={"token": 9},
)

# %% [markdown]
# At first little happens, 0.08 after two tenths; in the middle each tenth brings some 0.17. The slope at the start doesn't
# know of that. Is it so at the last token, too, before layer 1? And before layer 3?
#
# ## Edges: who tells whom?
#
# The stream is a sum, so each reader has an edge from every writer before it. Writers are the embeddings, the heads and
# the MLPs; readers are each head's queries, keys and values, the MLPs, and the logits.

# %%
graph = edges.graph_of(induction)
print(len(graph.writers), "writers:", *graph.writers)
print(len(graph.readers), "readers:", *graph.readers[:5], "...", *graph.readers[-4:])
print(int(graph.exists.sum()), "edges; course-gpt2 has", int(edges.graph_of(gpt).exists.sum()))

# %% [markdown]
# (Its two MLPs are zero, since its class can't leave them out: their edges carry nothing.)
#
# **The law:** where all edges are patched, the run is the other text's; where none is, its own; and patching only the edges
# that enter the logits is enough for that.

# %%
ids = [induction.encode(text).ids for text in ("bone net arm bone", "page net pipe page")]
runs = [edges.run(induction, one, 3) for one in ids]
masks = torch.zeros(3, *graph.exists.shape)
masks[1], masks[2, -1] = torch.from_numpy(graph.exists), 1.0  # none, all, and the logits'
with torch.no_grad():
    logits = edges.patched(induction, ids[1], 3, runs[0].written, masks)
for one, expected in zip(logits, (runs[1], runs[0], runs[0])):
    print(
        f"greatest difference below 0.0001: {bool((one - expected.logits[0]).abs().max() < 1e-4)}"
    )

# %% [markdown]
# **Path patching** (Wang et al., 2022; Goldowsky-Dill et al., 2023) replaces what one writer wrote in the input of *one*
# reader. Everything after that reader runs on. Chapter 09a saw that head 0.2 of `course-induction` carries each word one
# place on, and that the heads of layer 1 need it. On which way do they get it: to decide where to look (queries, keys),
# or as what they hand on (values)? The same twenty texts, here only the word that decides is changed:

# %%
nouns = [induction.tokenizer.decode([i]).strip() for i in range(induction.config.vocab_size)]
nouns = [noun for noun in nouns if noun.isalpha()]
rng = np.random.default_rng(0)
drawn = [rng.choice(nouns, n, replace=False).tolist() for n in rng.integers(9, 15, 20)]


def changed(words: list[str]) -> str:
    """The text with another word in the fifth place, which is asked for at the end."""
    other = next(noun for noun in nouns if noun not in words)
    return " ".join([*words[:4], other, *words[5:], *words[:5]])


texts = [(" ".join([*w, *w[:5]]), changed(w), xai.Target(w[5])) for w in drawn]
print(*texts[0], sep="\n")

# %%
for way in ("queries", "keys", "values"):
    readers = [f"head 1.{head} {way[0]}" for head in range(4)]
    options = {"receivers": readers, "senders": [f"head 0.{head}" for head in range(4)]}
    effects = [circuits.path_patching(induction, *text, **options).effect for text in texts]
    print(f"{way:8}", *[f"head 0.{i} {x:.2f}" for i, x in enumerate(np.mean(effects, axis=0))])

# %% [markdown]
# By the keys: at *fork* head 0.2 has written which word came before, *net*, and there the queries at the last *net* find it.
# (That its edges into the queries have 0 is no finding. At the last *net* the word before is the same in both texts.) One
# path from end to end, through each of the four heads, on ten of the texts; and head 0.2's **direct** effect, on the way to
# the logits alone, beside its **total** one, on all ways:

# %%
for head in range(4):
    path = ("embeddings", "head 0.2 v", f"head 1.{head} k", "logits")
    effects = [
        circuits.path_effect(induction, *text[:2], path, text[2]) for text in texts[:10]
    ]
    print(" > ".join(path), round(np.mean(effects), 2))
for name, receivers in (("direct", "logits"), ("total", "all")):
    options = {"receivers": receivers, "senders": ["head 0.2"]}
    effects = [
        circuits.path_patching(induction, *text, **options).effect[0] for text in texts[:10]
    ]
    print(f"head 0.2, {name}: {round(float(np.mean(effects)), 2) + 0.0:.2f}")

# %% [markdown]
# Each way alone brings back some 0.4; all together 0.99, for effects overlap.
#
# ## A circuit, automatically
#
# **ACDC** (Conmy et al., 2023) does what you would do with patience: go from the logits down, take away one edge after the
# other (its reader gets what the writer wrote in the corrupted text), and leave it out if the loss grows by less than a
# threshold. (Many small growths may add up.) Here it is on the copier, with words drawn at random:

# %%
words = behaviours.copying(copier, 6)
copying = circuits.task(copier, words)
print(*words[0], sep="\n")


def loss(kept: np.ndarray) -> float:
    """How far the predictions are from the clean ones, in nats, where all edges but these are corrupted."""
    return float(discovery.measured(copying, kept, "kl").mean())


kept, threshold = copying.graph.exists.copy(), 0.01
for reader, writer in reversed(np.argwhere(kept).tolist()):
    before = loss(kept)
    kept[reader, writer] = False
    kept[reader, writer] = loss(kept) - before >= threshold
print(int(kept.sum()), "of", int(copying.graph.exists.sum()), "edges are left")

# %%
found = circuits.acdc(copying, threshold)
assert (found.kept == kept).all()
assert set(found.edges) == set(known.COPIER)
circuits.draw(found)

# %% [markdown]
# These five are what was written into its weights. Read from below: the embeddings say each word; head 0.2 carries it one
# place on (its values, which enter the box at the right); head 1.1 compares it (keys) with the last word (queries), and
# copies the word that stands where they agree (values).
#
# The other way is to rank edges by their estimate, **edge attribution patching** (EAP; Syed et al., 2023): the derivative of
# the output by how far each edge is patched. EAP-IG (Hanna et al., 2024) takes its mean along the way between the two
# texts' embeddings. Each on 20 pairs; EAP's circuit are the first five edges. `area` below the ROC curve is the chance that
# a true edge ranks above one that isn't (for ACDC: by the greatest threshold that leaves it).

# %%
measures = ("precision", "recall", "area")
rows = [
    (row["method"], *(f"{row[measure]:.2f}" for measure in measures))
    for row in known.committed()["copier"]
]
viz.Table("the copier's five edges", ("method", *measures), tuple(rows))

# %% [markdown]
# (All boards of this chapter come from `data/circuits.json`, made by `python -m xai_helpers.circuits.known`.) The paper's EAP
# takes its gradient at the clean run. At the corrupted run it finds two of five: the right answer is nowhere in that text,
# so where the head looks makes hardly any difference to its logit. EAP-IG finds all, for it goes on to the other text. From
# the clean run the ranking is right; but look at the scores themselves:

# %%
first = discovery.scores(copying)
for writer, reader in known.COPIER:
    print(f"{writer:10} > {reader:10} {first[copying.graph.index(reader, writer)]:9.5f}")

# %% [markdown]
# Three of five edges have next to nothing, since the head is sure of its place; without any one of them the copier fails,
# as ACDC saw. As a ranking that was enough here. As a measure of what an edge does it is false.
#
# ### Is it shown?
#
# A circuit is a claim: *these edges are enough*. So we corrupt all others, on texts that it was not found on.
# **Faithfulness** says how much of the difference between the clean and the corrupted runs is kept. We call a circuit
# *shown* if that is at least 0.8, and less for every random circuit of as many edges (which all lead from the embeddings to
# the logits). Two more numbers. **Completeness**: how far circuit and model differ when a random half of the circuit's
# edges is taken from both, 0 being best; what can stand in for an edge, and was left out, shows there. **Minimality**: the
# least that is lost without one of its nodes; at 0 one can be spared.

# %%
training, held_out = (circuits.task(induction, part) for part in (texts[:10], texts[10:]))
for metric, threshold in (("kl", 0.1), ("kl", 0.02), ("target", 0.3)):
    circuit = circuits.acdc(training, threshold, metric=metric)
    shown = circuits.show(held_out, circuit, draws=10)
    print(f"{circuit.method}: {len(circuit)} edges, shown: {shown.shown}")
    print(f"  faithfulness {shown.faithfulness:.2f}, random at most {max(shown.random):.2f}")
    print(f"  completeness {shown.completeness:.2f}, minimality {shown.minimality:.2f}")
    print("  " + ", ".join(node for node in circuit.nodes if node.startswith("head 1")))

# %% [markdown]
# With the divergence as its measure and a threshold of 0.1 ACDC leaves two of the four induction heads: a prediction that is
# nearly sure of the right word diverges little from one that is surer. The logit of the right word has no such ceiling, and
# with it all four are kept. The heads that were left out are stand-ins, as in chapters 04 and 09a: each can be missed while
# others are there.
#
# ## Explore: the threshold
#
# From 0.3 to 0.1 the number of edges stays the same, and faithfulness falls. Which edges were exchanged? (In the table,
# *outside* is what is kept with all of the circuit's edges corrupted, and all others clean.)


# %%
@functools.cache
def circuit_at(
    metric: str, threshold: float
) -> tuple[discovery.Circuit, discovery.Shown | None]:
    """What ACDC leaves on the first ten texts, and how it does on the others."""
    circuit = circuits.acdc(training, threshold, metric=metric)
    return circuit, circuits.show(held_out, circuit, draws=5) if len(circuit) else None


# %%
def by_threshold(metric: str, threshold: float) -> list:
    """The circuit, and how far it is shown."""
    circuit, shown = circuit_at(metric, threshold)
    if shown is None:
        return [viz.Table("no edge is left", ("",), ())]
    rows = [
        (name, f"{getattr(shown, name):.2f}")
        for name in ("faithfulness", "outside", "completeness", "minimality")
    ]
    return [
        circuits.draw(circuit),
        viz.Table("on the other ten texts", ("measure", "value"), tuple(rows)),
    ]


# %%
viz.explore(
    by_threshold,
    metric={"divergence from the clean run": "kl", "logit of the right word": "target"},
    threshold=[0.3, 0.1, 0.05, 0.02, 0.005],
)

# %% [markdown]
# ## Where nobody knows the circuit
#
# Two behaviours of `course-gpt2`. Indirect objects, as above; and **greater than** (Hanna et al., 2023): what began in 1168
# ended in a year above 68. We measure the logit of the year 15 later minus that of the year 15 earlier. In the corrupted
# text it began in 1102, and both years will do. The circuit is looked for on prompts of the training split, and tested on
# others (here a third of them).

# %%
pairs = behaviours.greater_than(gpt, "train")
print(pairs[0][0], pairs[0][1], sep="\n")
years = circuits.task(gpt, pairs)
other_years = circuits.task(gpt, behaviours.greater_than(gpt, "dev")[::3])
ranking = discovery.scores(years, steps=5)
circuit = circuits.by_scores(years, ranking, 30, "EAP-IG")
shown = circuits.show(other_years, circuit, draws=5)
print(
    f"{len(circuit)} edges keep {shown.faithfulness:.2f}; random circuits at most {max(shown.random):.2f}"
)
circuits.draw(circuit, ranking)

# %% [markdown]
# (Two of thirty edges led nowhere, and were dropped.) The year enters through the values of layer 1's four heads, and a
# little through their keys. The MLPs of layers 1 to 3 and the logits read what these heads bring. In GPT-2 small, Hanna et
# al. found a similar division: heads that fetch the year, and MLPs that make later years more likely.
#
# The board: for each method the first circuit, of the sizes and thresholds tried, that keeps 0.85 on the training prompts;
# tested on the others.

# %%
rows = []
for row in (found := known.committed()["course-gpt2"]):
    numbers = (row["faithfulness"], row["random"][1], row["completeness"], row["minimality"])
    rows.append(
        (row["behaviour"], row["method"], str(row["edges"]), *(f"{x:.2f}" for x in numbers))
    )
header = "behaviour method edges faithfulness best_random completeness minimality".split()
viz.Table("on held-out prompts", tuple(header), tuple(rows))

# %% [markdown]
# All pass, with 0.81 to 0.95. In four of the eight some node can be spared (minimality below 0), and the best of twenty random circuits keeps up to
# 0.3 for indirect objects: there the claim is weaker than for the years. Do the methods find the same edges? The edges that
# two circuits share, of those that either has:

# %%
for name in ("indirect objects", "greater than"):
    four = [
        {tuple(edge) for edge in row["circuit"]} for row in found if row["behaviour"] == name
    ]
    shares = [len(a & b) / len(a | b) for a, b in itertools.combinations(four, 2)]
    print(f"{name}: {min(shares):.2f} to {max(shares):.2f}")

# %% [markdown]
# Not quite. The circuit that ACDC finds for indirect objects, with the target as its measure:

# %%
(by_acdc,) = [row for row in found if row["method"] == "ACDC, target, threshold 0.1"]
cases = behaviours.indirect_objects(gpt, "dev")
objects = circuits.task(gpt, cases[:1])  # for its graph alone
circuits.draw(discovery.of_edges(objects, by_acdc["circuit"], by_acdc["method"]))

# %% [markdown]
# Read it beside chapter 09a: head 0.0 tells the queries of all heads of layer 1 who gives. Three of these read the changed
# name itself as well (values). That they move the *other* name to the end can't be seen here: it stands in both texts, and
# an edge shows only what differs.
#
# ## Causal scrubbing: what exactly does a head tell?
#
# "Head 0.0 takes part" says little. A sharper claim: *what head 0.0 tells the queries and the logits is who gives, and
# nothing else of the text*. **Causal scrubbing** (Chan et al., 2022) turns a claim into an exchange that must not matter. If
# it is true, head 0.0 may tell them what it wrote in quite another prompt in which the same person gives. (This is the
# smallest case, one head; they do it for all of a circuit at once.) For comparison, another prompt as it is:


# %%
def donor(i: int, same_giver: bool) -> tuple | None:
    """A prompt, another one as long with the same giver or its own, the target; or None."""
    prompt, _, target = cases[i]
    giver, answer = target.versus.strip(), target.token.strip()
    for other, _, its in [*cases[i + 1 :], *cases[:i]]:
        names = {its.versus.strip(), its.token.strip()}
        text = other.replace(its.versus.strip(), giver) if same_giver else other
        alike = len(gpt.encode(text).units) == len(gpt.encode(prompt).units)
        if alike and not names & {giver, answer}:
            return prompt, text, target
    return None


print(*donor(0, same_giver=True)[:2], donor(0, same_giver=False)[1], sep="\n")

# %%
reads = [name.endswith(" q") or name == "logits" for name in objects.graph.readers]
rows = []
for same_giver in (True, False):
    others = [donor(i, same_giver) for i in range(0, len(cases), 2)]
    scrubbed = circuits.task(gpt, [case for case in others if case])
    row = [len(scrubbed), discovery.measured(scrubbed, scrubbed.graph.exists).mean()]
    for head in ("head 0.0", "head 1.0"):
        kept = scrubbed.graph.exists.copy()
        kept[reads, scrubbed.graph.writers.index(head)] = False
        row.append(discovery.measured(scrubbed, kept).mean())
    row.append(discovery.measured(scrubbed, kept & False).mean())
    rows.append(row)

# %%
header = ("giver", "prompts", "as it is", "0.0 exchanged", "1.0 exchanged", "all exchanged")
table = [
    (name, str(n), *(f"{x:.2f}" for x in row))
    for name, (n, *row) in zip(("same", "another"), rows)
]
assert abs(rows[0][2] - rows[0][1]) < 0.5 and rows[1][2] < rows[1][1] - 3
viz.Table("logit difference, mean", header, tuple(table))

# %% [markdown]
# With the same giver nothing is lost, although nearly all other words are different and the right answer is another
# name. With
# another giver more than half is. So the claim stands on these prompts. For head 1.0 the same claim falls: what it writes
# depends on more than the giver.
#
# ## What does a layer know?
#
# A **probe** is a classifier that is trained on a layer's states, while the model stays as it is: can the part of speech be
# told from the state at a word? The course's corpus has sentences whose words are tagged. By hand, for the number of a
# noun: the mean state of plurals minus that of singulars is a direction; halfway between them is the border. Nouns that
# the probe is tested on were not among those that it was fitted on.

# %%
number = probes.states(gpt, probes.examples("number", 600))
test = probes.split(number.examples, by="type")
plural = np.array(number.examples.labels) == "plural"
x = number.level(2)  # after layer 1
many, one = x[~test & plural].mean(axis=0), x[~test & ~plural].mean(axis=0)
said = (x[test] - (many + one) / 2) @ (many - one) > 0
by_hand = float((said == plural[test]).mean())
probe = probes.fit(number, 2, kind="mass-mean")
assert probe.accuracy == by_hand
print(probe)

# %% [markdown]
# Now part of speech, by logistic regression at every level of the stream: the embeddings, and after each layer.

# %%
tagged = probes.states(gpt, probes.examples("part of speech", 300))
parts_of_speech = probes.by_layer(tagged)
print(parts_of_speech)
parts_of_speech.plot()

# %% [markdown]
# One property, and five numbers that say different things:
#
# - **by type**: words of the test were not seen in training. Intervals are wide, for few words are held out: they come from
#   a bootstrap over words.
# - **by token**: other occurrences, but the same words. It is higher, and shows less: a probe can learn words by heart.
# - **control**: a task that can *only* be learned by heart. Each word gets a label at random, as often as the property has
#   it (Hewitt & Liang, 2019). **Selectivity** is the difference.
# - **majority**: always the most common label.
# - **compression**: how many times shorter the labels can be sent to somebody who has the states, in **minimum description
#   length** (Voita & Titov, 2020). The probe need not be sent: whoever receives the labels fits the same one to those sent
#   so far. A probe that needs many examples makes a long code. (The last column is that of the control.)
#
# By token the embeddings, before any layer, do as well as any layer: most words have one part of speech. By type only the
# last level is clearly higher, and even these intervals overlap. Selectivity rises, but not since the property is told
# better, by token. The control is told worse: in later states this probe learns words by heart less well.
#
# ## Explore: another property


# %%
@functools.cache
def curve(property: str, kind: str) -> plots.Picture:
    """Probes at every level, on 150 examples."""
    return probes.by_layer(probes.states(gpt, probes.examples(property, 150)), kind).plot()


properties = ["tense", "ink", "number", "role", "position", "person or place", "sentiment"]
viz.explore(curve, property=properties, kind=["linear", "mlp"])

# %% [markdown]
# *tense* and *ink* are read off the word right before the verb. Of the tense nothing can be known there before layer 1: that
# word is *farmer*, and layer 0 doesn't bring it *Yesterday*. Then it is all there. Which property is there in the embeddings
# and gets lost? And why has *sentiment* no control? (Each review is a type of its own.)
#
# ## Decodable is not used
#
# At the word before the verb little can be read of the ink. But at the time, the first word after it, a probe finds it
# without an error from layer 0 on: the layer's heads look back.


# %%
def at_the_time(examples: probes.Examples) -> probes.Examples:
    """The same labels, to be read at the first word after the ink."""
    spans = []
    for index, _, _ in examples.spans:
        start = examples.texts[index].index(". ") + 2
        spans.append((index, start, examples.texts[index].index(" ", start)))
    return replace(examples, spans=tuple(spans))


ink = probes.states(gpt, at_the_time(probes.examples("ink", 300)))
for level, name in enumerate(ink.levels):
    found = probes.fit(ink, level, by="token")
    print(
        f"{name:11} {found.accuracy:.2f} ({found.low:.2f} to {found.high:.2f}), majority {found.majority:.2f}"
    )

# %% [markdown]
# (From the embeddings it can know nothing. What stood a little more often with *Yesterday* in its training is rarer among
# the sentences held out: so it may fall below a half.)
#
# Is either used? **By patching:** a text with another ink *and* another time. Which of the two brings back the verb? Before
# layer 0 the state at *Blue* is the ink alone.

# %%
yesterday = "Blue ink. Yesterday the old farmer"
tomorrow = "Red ink. Tomorrow the old farmer"
walked = xai.Target("walked", versus="will")
verb = circuits.activation_patching(gpt, yesterday, tomorrow, walked)
verb.plot()

# %% [markdown]
# The state at *Blue* has an effect of 0.01 at most; the one at *Yesterday* has all of it, until layer 1 carries it to
# *farmer*. **By erasing:** LEACE (Belrose et al., 2023) changes states as little as possible so that no linear
# probe can tell the labels any better than by always giving the same answer. Erase a property while the model runs, and
# look at the verbs that it gives on 100 held-out prompts. The control erases as many directions that LEACE
# finds for labels in random order. (**Amnesic probing**, Elazar et al., 2021; their control is directions at random.) Log
# odds: the logarithm of how much more probable the right tense is than the two others together; a blind guess has -0.69.


# %%
choices = probes.tense_choices(100)
print("log odds of the right tense:   before   erased   random")
for property in ("tense", "ink"):
    before_the_verb = probes.states(gpt, probes.examples(property, 300))
    for level in (1, 2):
        found = probes.amnesic(gpt, choices, before_the_verb, level, positions="last")
        odds = (found.before.log_odds, found.erased.log_odds, found.control.log_odds)
        print(
            f"{property:6} {found.level:12}",
            *[f"{x:19.2f}" if i == 0 else f"{x:8.2f}" for i, x in enumerate(odds)],
        )

# %% [markdown]
# Without the tense after layer 1 the right tense is no more probable than the two others together; before that layer nothing
# of it is there to erase. Without the ink nothing changes; but at this word there was little of it. So once more, at all
# tokens, where it *can* be read:


# %%
everywhere = probes.states(gpt, probes.at_every_word(probes.examples("ink", 200)))
for level in (1, 2):
    print(probes.amnesic(gpt, choices, everywhere, level))

# %% [markdown]
# So: at *Yesterday* a probe finds both without an error. One is used. The other was brought there by layer 0, and the verb
# doesn't depend on it. No accuracy of a probe there could have told them apart.
#
# ## A probe of truth
#
# Is there a direction of *truth*? Marks & Tegmark (2023) found one in large models: fitted on statements about cities, it
# works on others. Some have concluded that a model knows when it says something false. Ours was trained to judge
# statements such as *Nepal is a nation in Asia. True or false?* We fit the direction (true minus false, the mean states)
# on the statements of four relations and test it on the fifth. First at the end of the statement:

# %%
statements = probes.examples("truth", 900)
truth = probes.states(gpt, statements)
print(probes.transfer(truth, -1))

# %% [markdown]
# A little better than a guess, 0.58 to 0.74 (180 statements each: a standard error of 0.04). Within one relation, on subjects
# held out, from a guess to 0.88. Now after the question *True or false?*:

# %%
asked = tuple(f"{text} True or false?" for text in statements.texts)
ends = tuple((i, len(asked[i]) - 1, len(asked[i])) for i, _, _ in statements.spans)
judged = probes.states(gpt, replace(statements, texts=asked, spans=ends))
print(probes.transfer(judged, -1))

# %% [markdown]
# There it transfers. Have we found truth? At this token the model is about to say *True* or *False*: its state there, through
# the last norm and the unembedding, *is* its answer. Compare the direction, fitted on four relations, with what the model
# says of the fifth; and look at the statements that the model gets wrong.

# %%
last = torch.from_numpy(judged.level(-1))
with torch.no_grad():
    logits = gpt.model.lm_head(gpt.model.transformer.ln_f(last))
says_true, says_false = (
    gpt.resolve(word, gpt.encode(asked[0])).id for word in ("True", "False")
)
model_says = (logits[:, says_true] > logits[:, says_false]).numpy()
true, relation = np.array(statements.labels) == "true", np.array(statements.groups)
states_there = judged.level(-1)

# %%
print("relation    model right  probe right  they agree  probe right where the model is wrong")
for held in dict.fromkeys(relation):
    here = relation == held
    yes, no = (states_there[~here & which].mean(axis=0) for which in (true, ~true))
    probe_says = (states_there - (yes + no) / 2) @ (yes - no) > 0
    wrong = here & (model_says != true)
    compared = ((model_says, true), (probe_says, true), (probe_says, model_says))
    shares = [f"{np.mean((a == b)[here]):11.2f} " for a, b in compared]
    told = f"{np.mean((probe_says == true)[wrong]):.2f} of {wrong.sum()}"
    print(f"{held:11}", *shares, told)

# %% [markdown]
# Where the model is wrong, the probe is wrong with it, four times in five. It reads what the model is going to say. That
# is something, and it is not truth; nor does it show that a model "knows better" when it says something false. A probe of
# lies would have to be right where the model's answer is not.
#
# ## Where it breaks
#
# A published chapter trains a probe like this, and reports that the property is "encoded in a linearly accessible way" if
# it is predicted well. (We leave the author out.) Nothing is held out, and there is no control. Here on 120 states with
# **random labels**, one for each word:

# %%
torch.manual_seed(0)
few = probes.states(gpt, probes.examples("part of speech", 120))
nonsense = probes.control_labels(few.examples)
x, kinds = torch.from_numpy(few.level(2)), sorted(set(nonsense))
y = torch.tensor([kinds.index(label) for label in nonsense])
linear = torch.nn.Linear(x.shape[1], len(kinds))
optimizer = torch.optim.Adam(linear.parameters(), lr=1e-3)
for _ in range(1000):
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(linear(x), y).backward()
    optimizer.step()
print(f"accuracy on what it was trained on: {(linear(x).argmax(-1) == y).float().mean():.2f}")
by_type = probes.fit(few, 2, labels=nonsense)
print(f"on other words: {by_type.accuracy:.2f}; the most common label: {by_type.majority:.2f}")

# %% [markdown]
# Mended: hold words out, and put the control beside it; as `probes.by_layer` does. The chapter says that a *linear*
# probe guards against this. With 128 numbers for each of 120 states, it doesn't.
#
# The same chapter estimates patches by `edge_activation.grad` after `target.backward()`. PyTorch keeps no gradients of
# what was computed on the way:

# %%
weights = torch.ones(3, requires_grad=True)
activation = weights * 2
activation.sum().backward()
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    print(activation.grad)
print(str(said[0].message).split(". ")[0])

# %%
activation = weights * 2
activation.retain_grad()  # mended; or torch.autograd.grad(output, activation)
activation.sum().backward()
print(activation.grad)

# %% [markdown]
# None times a difference raises an error: as printed, the function can't run. (The chapter also says that path patching
# "extends attribution patching". Path patching is older, and extends activation patching.)
#
# ## The same by a library
#
# **TransformerLens** 4.3 has edge attribution, too, with one number for each token. Their sum, for each edge, is ours:

# %%
bridge = TransformerBridge.boot_transformers(
    "course-induction",
    hf_model=copy.deepcopy(induction.model),
    tokenizer=induction.tokenizer,
    device="cpu",
)
before, after, target = texts[0]
answer = induction.resolve(target, induction.encode(before)).id
theirs = attribution_patching.attribution_patch(
    bridge,
    *(induction.encode(text).ids for text in (before, after)),
    lambda logits: logits[0, -1, answer],
    config=attribution_patching.EdgeAttributionConfig(granularity="edge"),
)


# %%
def named(node: attribution_patching.Node) -> str:
    """What we call one of its nodes."""
    head = f"head {node.layer}.{node.head}"
    names = {"embed": "embeddings", "attn_head_out": head, "logits": "logits"}
    return names.get(node.kind) or (
        f"MLP {node.layer}" if node.kind.startswith("mlp") else f"{head} {node.kind[0]}"
    )


# %%
ours = circuits.edge_attribution(induction, before, after, target)
sums = np.where(ours.graph.exists, 0.0, np.nan)
for (writer, reader), score in theirs.edge_scores.items():
    sums[ours.graph.index(named(reader), named(writer))] += score
assert np.allclose(sums, ours.scores, atol=1e-4, equal_nan=True)
print(*[f"{writer} > {reader} {score:.2f}" for writer, reader, score in ours.top(3)], sep="\n")

# %% [markdown]
# And its sparse probe asks how many of the 128 numbers are enough (Gurnee et al., 2023):

# %%
tense = probes.states(gpt, probes.examples("tense", 300))
is_past = torch.tensor([label == "past" for label in tense.examples.labels])
for k in (1, 4, 16):
    sparse = sparse_probing.fit_sparse_probe(torch.from_numpy(tense.level(2)), is_past, k=k)
    print(f"past or not, by {k} of 128: {sparse.metrics.accuracy:.2f}")

# %% [markdown]
# (A third of the sentences is past: always saying no would be right on two thirds. Its split is by example, and so by token.)
#
# ## What GPT-2 does differently
#
# GPT-2 small has 32,491 edges of this kind; with one pass for each edge ACDC takes hours there; edge attribution
# takes two passes and a backward. For greater-than Conmy et al. found 68 edges with ACDC, all of which had been found by
# hand before. Faithfulness depends on how edges are corrupted, by another text or by
# zeros, and on what is measured (Miller et al., 2024): compare circuits only where these are the same. In
# large models probes find much more than in ours. What doesn't change with size: what can be read off need not be used.
#
# ## Exercise 1 (easy, 10 minutes): to first order
#
# Several writers write into one reader's input, which is their sum. For each of them: by how much does the reader's value
# change, from that of the corrupted run, if this one writes what it wrote in the clean run? First the estimates to first
# order from the corrupted run, then the exact changes.


# %% tags=["exercise"]
def edge_effects(value, slope, clean: np.ndarray, corrupted: np.ndarray) -> tuple:
    """(estimates, exact), each (writers,).

    clean, corrupted: (writers, width). value(x): the reader's value for an input (width,). slope(x): its gradient there.
    """
    # solution
    base = corrupted.sum(axis=0)
    exact = [value(base + gain) - value(base) for gain in clean - corrupted]
    return (clean - corrupted) @ slope(base), np.array(exact)
    # end solution


# %% tags=["check"]
course.check("edge-effects", edge_effects)

# %% [markdown]
# ## Exercise 2 (medium, 15 minutes): prune
#
# ACDC on any set of edges. From the last to the first: leave an edge out if the value falls by less than the threshold
# from what it was right before.


# %% tags=["exercise"]
def prune(value, edges: list[str], threshold: float) -> set[str]:
    """The edges that stay. value(kept): a number for a frozenset of edges."""
    # solution
    kept = set(edges)
    for edge in reversed(edges):
        if value(frozenset(kept)) - value(frozenset(kept - {edge})) < threshold:
            kept.remove(edge)
    return kept
    # end solution


# %% tags=["check"]
course.check("prune", prune)

# %% [markdown]
# ## Exercise 3 (medium, 15 minutes): a control task
#
# A label for each word such that only memory can tell it: the same one each time the word occurs, drawn at random from
# `labels`, so that each is as common as in the property.


# %% tags=["exercise"]
def control_labels(words: list[str], labels: list[str], rng: np.random.Generator) -> list[str]:
    """words, labels: one of each for every token. A label for every token."""
    # solution
    types = sorted(set(words))
    drawn = dict(zip(types, rng.choice(labels, len(types))))
    return [str(drawn[word]) for word in words]
    # end solution


# %% tags=["check"]
course.check("control-labels", control_labels)

# %% [markdown]
# ## Exercise 4 (hard, 20 minutes): how long is the code?
#
# The online code of Voita & Titov. The labels up to the first end cost log2 of the number of classes each. Then, block by
# block: fit on all before, and pay -log2 of the probability that the fit gives to each label of the block. (Labels
# are whole numbers from 0.)


# %% tags=["exercise"]
def code_length(
    fit, states: np.ndarray, labels: np.ndarray, ends: list[int], n_classes: int
) -> float:
    """In bits.

    fit(states, labels) returns a function from states (n, width) to probabilities (n, n_classes). ends: where each
    block ends; the last is len(labels).
    """
    # solution
    bits = ends[0] * np.log2(n_classes)
    for i in range(len(ends) - 1):
        start, end = ends[i], ends[i + 1]
        chances = fit(states[:start], labels[:start])(states[start:end])
        bits -= np.log2(chances[np.arange(end - start), labels[start:end]]).sum()
    return float(bits)
    # end solution


# %% tags=["check"]
course.check("code-length", code_length)

# %% [markdown]
# ## Quiz

# %%
course.ask("estimate-of-zero")

# %%
course.ask("left-in-the-circuit")

# %%
course.ask("why-random-circuits")

# %%
course.ask("probe-and-control")

# %%
course.ask("erased-and-nothing")

# %% [markdown]
# ## In short
#
# - A gradient estimates all patches at once. Where attention is sure of its place it sees next to nothing.
# - Paths say by which way one part tells another: induction goes by the keys.
# - A circuit found automatically is a claim: show it on other prompts, beside random circuits, and say what was corrupted.
# - Stand-ins are left out with little loss. Completeness shows them.
# - An accuracy of a probe means little without words held out, a control task, and the embeddings beside it.
# - What can be read off need not be used. That it is, patching and erasing show.
# - A probe of truth may read what the model is about to say.
#
# **Next:** chapter 10 takes what we know into production.
#
# **Sources.** Nanda 2023, *Attribution Patching: Activation Patching at Industrial Scale*. Syed et al. 2023, *Attribution
# Patching Outperforms Automated Circuit Discovery*. Hanna et al. 2024, *Have Faith in Faithfulness*. Conmy et al. 2023,
# *Towards Automated Circuit Discovery for Mechanistic Interpretability*. Wang et al. 2022, *Interpretability in the Wild*.
# Goldowsky-Dill et al. 2023, *Localizing Model Behavior with Path Patching*. Hanna et al. 2023, *How does GPT-2 compute
# greater-than?*. Chan et al. 2022, *Causal Scrubbing*. Miller et al. 2024, *Transformer Circuit Faithfulness Metrics are
# not Robust*. Belinkov 2022, *Probing Classifiers: Promises, Shortcomings, and Advances*. Hewitt & Liang 2019, *Designing
# and Interpreting Probes with Control Tasks*. Voita & Titov 2020, *Information-Theoretic Probing with Minimum Description
# Length*. Elazar et al. 2021, *Amnesic Probing*. Belrose et al. 2023, *LEACE: Perfect Linear Concept Erasure in Closed
# Form*. Marks & Tegmark 2023, *The Geometry of Truth*. Gurnee et al. 2023, *Finding Neurons in a Haystack*. Libraries:
# concept-erasure, scikit-learn, TransformerLens.
