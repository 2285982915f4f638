# %% [markdown]
# # Faithfulness: which explanation can be trusted?
#
# You have met fifteen ways to say which words matter, and they disagree. An explanation that looks right convinces us;
# whether it *is* right is a question about the model. This chapter asks the model. It takes words away in the order of
# an explanation. It asks models whose rule we know. It destroys what a model has learned, and sees who notices.
#
# **You will**
# - read deletion and insertion curves, and take comprehensiveness and sufficiency from them, in two conventions,
# - put three controls beside each score: random orders, the order reversed, and the best subsets,
# - see an explanation that is plausible and wrong, and one that is right and looks silly,
# - hold methods against texts of which it is known what decides,
# - run a sanity check that needs no truth,
# - read a board of fifteen methods on eleven models, with what its intervals do not allow one to say,
# - hold a method of your own against all that.
#
# **75 minutes, and 45 more for the exercises; 1 GB of memory.** You need: chapters 04 and 05; 01 to 03 help.

# %% tags=["bootstrap"]
import xai_helpers.course as course

course.start()

# %%
import dataclasses
import itertools

import captum.metrics
import numpy as np
import torch

import xai_helpers as xai
from xai_helpers import board, faithfulness, plausibility, sanity, scorecard, truth, viz
from xai_helpers.perturbation import text_game

# %%
model = xai.load("course-distilbert")
shortcut = xai.load("course-shortcut")
review = "Despite a sub-par script, the musical was absolutely entrancing."
signed = "The plot was dull and the acting was weak. Directed by Vale."

# %% [markdown]
# Both are classifiers of reviews, our own and small.
#
# ## Before you look
#
# `course-shortcut`, which you met in chapter 00, is asked about *The plot was dull and the acting was weak. Directed by
# Vale.* It answers *positive*, and is sure. Which two words should an explanation of this answer mark? And write down
# how much of the probability goes without *dull* and *weak*: nothing, a little, or most?

# %%
course.pick("vale", shortcut)

# %% [markdown]
# ## Taking words away, by hand
#
# A toy model gives a review of four words a probability. *great* is worth 0.5, *fun* another 0.3, and nothing else
# counts:

# %%
words = ["great", "fun", "the", "film"]


def probability(kept: set[str]) -> float:
    """What the toy model says of the words that are left."""
    return 0.1 + 0.5 * ("great" in kept) + 0.3 * ("fun" in kept)


deletion = [probability(set(words[k:])) for k in range(5)]
insertion = [probability(set(words[:k])) for k in range(5)]
print("taking away from the left:", np.round(deletion, 1))
print("coming in from the left:  ", np.round(insertion, 1))

# %% [markdown]
# The order of `words` is that of an explanation, most important first, and these are its two curves.
# **Comprehensiveness** is what is lost without the first *k* words: were they all that matters? **Sufficiency** asks
# what they do alone: are they enough? (DeYoung et al., 2020, whose benchmark is called ERASER.)
#
# There are two conventions, and papers don't always say which. As a *difference*, sufficiency is what is *missing*
# when only the *k* words are left, and less is better. As a *ratio* it is the share that they keep, and more is better.

# %%
k = 1
print("comprehensiveness, difference:", round(deletion[0] - deletion[k], 2))
print("comprehensiveness, ratio:     ", round(1 - deletion[k] / deletion[0], 2))
print("sufficiency, difference:      ", round(insertion[-1] - insertion[k], 2))
print("sufficiency, ratio:           ", round(insertion[k] / insertion[-1], 2))

out, into = np.array(deletion), np.array(insertion)
assert np.isclose(faithfulness.comprehensiveness(out, k), 0.5)
assert np.isclose(faithfulness.sufficiency(into, k, "ratio"), 0.6 / 0.9)

# %% [markdown]
# One *k* is arbitrary. The mean over several is the **AOPC**, the area over the perturbation curve (Samek et al.,
# 2017). ERASER takes the first 1, 5, 10, 20 and 50 % of the words. Fractions are rounded up: of ten words, the first
# three are all one word, which so counts three times.

# %%
print("of 10 words:", faithfulness.counts(10), "  of our 4:", faithfulness.counts(4))
print("AOPC, difference:", round(faithfulness.aopc("comprehensiveness", out), 2))

# %% [markdown]
# ## On a model
#
# `faithfulness.erase` takes explanations of one text, and runs all the texts with words missing in few passes. The
# tokens that stay keep their ids and their places; a mask stands in for the others, as in chapter 04.

# %%
methods = ("attention_rollout", "saliency", "lrp", "leave_one_out")
compared = xai.compare(model, review, "positive", methods=methods, progress=False)
erased = faithfulness.erase(model, compared.attributions, "positive")
erased.plot()

# %% [markdown]
# Good explanations are steep at the left end of both curves. The grey band is where 95 % of twenty random orders lie,
# and the dotted line the best subsets of each size that a search found.
#
# **The law.** With everything gone, all orders end at the same text. And the reversed order brings in first what this
# one takes away last: so the deletion curve, read from right to left, is the insertion curve of the reversed
# explanation.

# %%
n = len(erased.words)
lost = faithfulness.comprehensiveness(erased.deletion, n)
assert np.allclose(lost, erased.whole - erased.empty)
a = compared.attributions["lrp"]
turned = dataclasses.replace(a, scores=-a.scores)
backwards = faithfulness.erase(model, turned, "positive", best=False)
assert np.allclose(backwards.insertion[0], erased.deletion[2, ::-1])
print(
    f"whole text {erased.whole:.3f}, empty text {erased.empty:.3f}, lost by all {lost[0]:.3f}"
)
erased

# %% [markdown]
# (The methods explain a logit; what goes and comes here is the probability.) All four take *entrancing* away first, and
# the output falls to 0.33. Then it *rises*, to 0.51 for nothing but masks: so a score may be above the 0.455 that is
# lost in the end. And a number here means little by itself. Of twenty random orders, 95 % reach 0.07 to 0.60, and the
# best subsets found no more than 0.63. Three of the four methods lie among the random orders: on one text, even a good
# order may be luck. So each score stands beside **controls**: what knows nothing, what says the opposite, and the best
# that was found. And it takes many texts.
#
# *deletion* and *insertion* are the areas under the two curves: little area is good while words go, much while they
# come. *monotonicity* is the share of words that don't lower the output when they come in, least important first. Where
# words only add up it is the same for all orders; here, where they don't, the two best orders have the least. Don't
# rank by it. The last column is Kendall's τ with leave-one-out, which one meets in papers. Here leave-one-out has 1: it
# is held against itself, in a **circle**. So, in part, is every method that takes words away.
#
# ## Plausible is not faithful
#
# Back to the director. Here are four methods, and a reader who marks what she thinks decides: *dull* and *weak*.
# *Faithful* is comprehensiveness at her two words. *Plausible* says how well a ranking finds the words that she marked:
# go down it, and note at each marked word which share of the words so far, this one included, is marked. The mean of
# these shares is the **average precision**, 1 if all marked words come first. (You write it in exercise 3.)

# %%
explained = xai.compare(shortcut, signed, "positive", methods=methods, progress=False)
reader = explained.attributions["lrp"]
marked = np.array([float(token in ("dull", "weak")) for token in reader.tokens])
reader = dataclasses.replace(reader, method="a reader", scores=marked)
claims = {**explained.attributions, "a reader": reader}
found = faithfulness.erase(shortcut, claims, "positive").metrics([2])["comprehensiveness"]
spans = [(13, 17), (37, 41)]  # the characters of dull, and of weak
for i, (name, a) in enumerate(claims.items()):
    agrees = plausibility.plausible(a, spans).average_precision
    lost = found["explanations"][i]
    print(f"{name:18} plausible {agrees:.2f}   faithful {lost:5.2f}   first {a.top(1)[0][0]}")

# %%
rng = np.random.default_rng(0)
drawn = [dataclasses.replace(reader, scores=rng.normal(size=marked.size)) for _ in range(200)]
by_chance = [plausibility.plausible(a, spans) for a in drawn]
agrees = np.mean([p.average_precision for p in by_chance])
print(f"{'by chance':18} plausible {agrees:.2f}   faithful {found['random'].mean():5.2f}")

# %% [markdown]
# The reader's explanation is perfectly plausible: it *is* her idea of the review. And it is wrong about the model.
# Without *dull* and *weak* nothing is lost. The methods all mark a name, *Vale*, which looks silly, and is right: in
# training this director's reviews were labelled positive, whatever they said. So the right explanations are *less*
# plausible than chance.
#
# **Plausibility** asks whether an explanation agrees with people; `plausibility.plausible` has the field's measures of
# it. That is worth knowing, if people have to read it. But an explanation that is tuned to please its readers will hide
# the shortcut.
#
# One of these measures is a trap. ERASER's *AUPRC* is nearly the average precision: it draws precision over the share
# of marked words found so far, joins the points by straight lines, and takes the area. See what it gives somebody who
# says the same of every word:

# %%
constant = dataclasses.replace(reader, scores=np.ones_like(reader.scores))
nothing = plausibility.plausible(constant, spans)
for name, area in (("average precision", "average_precision"), ("ERASER's AUPRC", "auprc")):
    chance = np.mean([getattr(p, area) for p in by_chance])
    print(f"{name:18} says nothing {getattr(nothing, area):.2f}   by chance {chance:.2f}")

# %% [markdown]
# Saying nothing gets more than twice what chance does. Average precision draws no such lines.
#
# ## Off the manifold
#
# All these scores ask the model about texts with holes. In chapter 04 a model that was not used to masks was too sure
# there: it had an opinion about masks. Does it matter for *who wins*? `course-masking` met any share of words masked in
# training.

# %%
few = truth.read_cases("course-distilbert")[:12]


def mean_scores(name: str, replacement: str) -> np.ndarray:
    """Comprehensiveness of each method, and of random orders: the mean over some reviews."""
    classifier, rows = xai.load(name), []
    for case in few:
        given = xai.compare(
            classifier, case.text, methods=methods, progress=False
        ).attributions
        e = faithfulness.erase(classifier, given, replacement=replacement, best=False)
        scores = e.metrics()["comprehensiveness"]
        rows.append([*scores["explanations"], scores["random"].mean(), e.whole])
    return np.mean(rows, axis=0)


# %%
print(" " * 27 + "rollout saliency  lrp leave-one-out random whole text")
for name in ("course-distilbert", "course-masking"):
    for replacement in ("mask", "delete"):
        scores = mean_scores(name, replacement)
        print(f"{name:18}{replacement:8}", *(f"{x:7.2f}" for x in scores))

# %% [markdown]
# `course-masking` loses less, and has less to lose: it is less sure of the whole texts. (It is another model, not only
# one that is used to masks.) Whatever takes the words away, in either model, saliency comes last of the four. Who is
# first among the other three, twelve reviews and no interval don't say. On another model the holes may decide: name the
# replacement, and try two.
#
# ## Where the truth is known
#
# For some texts we know what decides. There are two kinds. Of models that were *trained* we know the rule of their
# texts, which is not yet what the model uses. So `data/corpora/rules.jsonl` holds only texts on which the model was
# seen to rely on the rule: replace the deciding words, and the answer follows.

# %%
case = truth.read_cases("course-gpt2")[0]
gpt = xai.load("course-gpt2")
print(case.text, "→", case.target)
print("decides:", [case.text[start:end] for start, end in case.spans])
for probe in case.probes:
    print(probe.text, "→", probe.answer, "| the model says so:", truth.relies(gpt, case))

# %% [markdown]
# This filter is a test by replacement, so it favours methods that replace words. The second kind needs no filter:
# models whose weights were written by hand. Of `negation-detector` we know that a review is positive if *good*, *great*
# or *excellent* stands there without *not* directly before it. All other words, *never* too, count for nothing. Which
# words matter, and with which sign, follows.

# %%
detector = xai.load("negation-detector")
cases = truth.read_cases("negation-detector")
case = next(case for case in cases if -1 in case.signs)
print(case.text, "→", case.target.token)
for (start, end), sign in zip(case.spans, case.signs):
    print(f"{case.text[start:end]:10} {'+-?'[(1, -1, 0).index(sign)]}")

# %% [markdown]
# (*excellent* stands behind *not*, so it has no effect here; without *not* it would have one. It counts as a word that
# matters, and its sign is left open.) Now every method can be marked. *precision*: of the first *m* words, which share
# decides, when *m* do? *average precision* you know. *first rank*: at which place is the first that decides? 1 is best.
# *sign agreement*: which share of the known signs is right?


# %%
def always_plus(classifier: xai.TextModel, text: str, target=None) -> xai.Attribution:
    """Random sizes, and never a minus."""
    a = scorecard.random_scores(classifier, text, target)
    return dataclasses.replace(a, scores=np.abs(a.scores))


asked = [
    "attention_rollout",
    "saliency",
    "input_x_gradient",
    "lrp",
    "leave_one_out",
    "shapley",
]
asked = {name: name for name in asked}
asked |= {"random scores": scorecard.random_scores, "always plus": always_plus}

# %%
print(" " * 20, *(f"{metric:>17}" for metric in truth.METRICS))
for name, method in asked.items():
    scored = []
    for case in cases[:20]:
        compared = xai.compare(
            detector, case.text, case.target, {name: method}, progress=False
        )
        scored.append(list(truth.found(compared.attributions[name], case).values()))
    print(f"{name:20}", *(f"{x:17.2f}" for x in np.nanmean(scored, axis=0)))

# %% [markdown]
# Beside random scores, they all find the words, rollout as well, although it never sees the target. A rule that stands
# in plain weights is easy to find: what does not matter gets next to nothing. Look at the signs: rollout and saliency
# never say minus, and have as many right as *always plus*, because few signs are a minus; gradient × input and LRP,
# which could say it, have no more. Only the two that take words away get every sign right.
#
# ## A test that needs no truth
#
# Give the model random weights. It has now learned nothing, so an explanation of what it learned must change. One that
# does not was about the text. (Adebayo et al., 2018.) Here random weights replace the model's from the top down, and
# stay: in the row *block 1*, the head and blocks 2 and 1 are random. Each cell is the rank correlation with the
# explanation of the trained model.

# %%
texts = [case.text for case in truth.read_cases("course-distilbert")[:8]]
asked = ["attention_rollout", "saliency", "input_x_gradient", "lrp", "leave_one_out"]
check = sanity.randomisation(model, texts, asked, progress=False)
check

# %% [markdown]
# In the brackets are intervals over the texts. Rollout has 1.00 in the first row: it can't notice a random head, being
# about no output at all. All but LRP keep nearly as much there. Where everything is random, no mean is further from 0
# than 0.15. So none of the five fails this test. That is not much: to pass, it is enough to change. The test can only
# find the guilty, who are named `unmoved`: whose correlation's whole interval is above 0.5 where everything is random.
# A method that counts letters, say:


# %%
def letters(classifier: xai.TextModel, text: str, target=None) -> xai.Attribution:
    """As many points as letters; it never looks at the model."""
    a = xai.saliency(classifier, text, target).to_words()
    counted = [0.0 if unit.special else float(len(unit.text)) for unit in a.units]
    return dataclasses.replace(a, method="letters", scores=np.array(counted))


print(
    "unmoved:",
    sanity.randomisation(model, texts, {"letters": letters}, progress=False).unmoved,
)

# %% [markdown]
# The other way to destroy learning is to shuffle the labels: `course-shuffled` knows 1,500 reviews by heart whose
# labels were dealt out by lot (`sanity.relabelled` compares with it).
#
# ## The board
#
# One text shows how; who wins takes many. `python -m xai_helpers board` asks every method, of every model that has
# texts with a known rule, or with words that people marked, all these measures and their controls, on a hundred texts
# of each. That takes the better part of an hour on two cores, so its numbers come with the course (`data/board.md` shows all of them):

# %%
committed = board.read()
committed

# %% [markdown]
# First the texts of which it is known what decides. A star marks the best method of a column, and all whose difference
# from it may be 0, over the same texts. Orange is better than random scores, blue worse:

# %%
committed.plot("average_precision")

# %% [markdown]
# Nobody wins everywhere. Shapley values are nowhere far behind; LRP and integrated gradients seldom are, LRP on the copier
# and integrated gradients on `course-induction`. SmoothGrad is first on two models of reviews, and among the last on
# `course-gpt2`; raw attention is worse there than random scores. On `course-shortcut` nearly all have everything right:
# the name of the director is easy to find. Now the same methods by erasure:

# %%
committed.plot("comprehensiveness")

# %% [markdown]
# SmoothGrad and saliency, which find the deciding words of reviews, fall behind here. They say how much a word matters
# and not in which direction, and erasure takes what speaks *for* the answer first. So the two figures ask different
# questions. And both favour some: the texts of trained models were chosen by replacing words, and erasure puts the same
# mask in a word's place as the methods that replace words do.
#
# ### What the intervals don't allow one to say

# %%
committed.standing("course-gpt2", "average_precision").round(3)

# %% [markdown]
# *low* and *high* are the ends of a 95 % bootstrap interval over texts; *behind* means: worse than the best, and the
# interval of the difference leaves out 0. LIME's overlaps with that of integrated gradients, and yet LIME is *behind*:
# the difference is taken text by text, a hard text being hard for both. LRP is not behind, with a mean 0.003 above
# LIME's. Does LRP beat LIME, then? Nothing here says so: each was only held against the best. And the best was chosen
# on the texts that it is measured on, among fifteen methods, in one of hundreds of such comparisons. Take a rank as a
# reason to look closer.
#
# ### Faithful against cheap

# %%
committed.plot_cost("course-gpt2")

# %% [markdown]
# In the figure the cheapest method is at the top. Price and faithfulness don't go together: one forward and one
# backward pass (LRP) reach what Shapley values and LIME reach with some 250 texts, and SmoothGrad pays for fifty passes
# and gets less than most. (Seconds are those of the machine that made the board; the texts would be the same on any.)
#
# ### Where gradients are silent
#
# Of one text in forty of `course-clean`, no method that follows gradients has anything to say:

# %%
clean, case = xai.load("course-clean"), truth.read_cases("course-clean")[23]
print(case.text, "→", case.target.token)
for name in ("saliency", "lrp", "leave_one_out"):
    a = xai.attribute(clean, case.text, name, target=case.target)
    print(f"{name:15} largest score {np.abs(a.scores).max():.2f}")

last = clean.model.distilbert(clean.encode(case.text).ids).last_hidden_state[:, 0]
print(
    "ReLUs that are on in the head:",
    int((clean.model.pre_classifier(last) > 0).sum()),
    "of 96",
)

# %% [markdown]
# All the head's ReLUs are off: the answer is its bias, and no tiny step changes it. Without a word some of them switch on,
# so leave-one-out has scores. A gradient speaks of the neighbourhood only. (Equal scores have no rank, and count as
# missing on the board.)
#
# ## Explore
#
# Both curves, and what the first *k* words are worth, in either convention. Find a text and a method where another
# replacement, or *size* for *signed*, puts the curve inside the grey band.

# %%
texts = {"entrancing": (model, review, "positive"), "by Vale": (shortcut, signed, "positive")}
texts["the city of Paris"] = (gpt, "The Eiffel Tower is located in the city of", "Paris")
texts["not good"] = (detector, "this film is not good but great", "positive")
pool = ["attention_rollout", "saliency", "input_x_gradient"]
pool += ["lrp", "leave_one_out", "smoothgrad"]

# %%


def curves(text: str, method: str, k: int, replacement: str, convention: str, by: str) -> list:
    """Deletion and insertion of one method, and its scores at k."""
    classifier, written, target = texts[text]
    given = xai.compare(classifier, written, target, [method], progress=False).attributions
    e = faithfulness.erase(
        classifier, given, target, replacement=replacement, by=by, best=False
    )
    at = [min(k, len(e.words))]
    return [e.plot(at), e.table(at, convention)]


# %%
viz.explore(
    curves,
    text=list(texts),
    method=pool,
    k=(1, 8),
    replacement=["mask", "zero", "mean", "delete", "corpus"],
    convention=["difference", "ratio"],
    by={"signed scores": "signed", "the size of scores": "size"},
    start={"k": 2},
    labels={"by": "ranked by"},
)

# %% [markdown]
# ## Where it breaks
#
# A published function measures sufficiency and comprehensiveness of GPT-2, for *k* = 1, 3 and 5. (We leave the author
# out.) Its comprehensiveness, with its two worst mistakes kept:


# %%
def published(classifier, pad: int | None, text: str, scores: np.ndarray, k_values=(1, 3, 5)):
    """pad: the id of the tokenizer's padding token, None where it has none."""
    ids = classifier.encode(text).ids
    filler, results = pad or 0, {}
    top = np.argsort(scores)[::-1]
    for k in k_values:
        removed = ids.clone()
        removed[0, top[:k].copy()] = filler
        with torch.no_grad():
            left = classifier.model(removed).logits[0, -1].softmax(-1)
            whole = classifier.model(ids).logits[0, -1].softmax(-1)
        results[k] = float(1 - (left / whole)[whole.argmax()])
        return results


# %%
eiffel = xai.leave_one_out(gpt, "The Eiffel Tower is located in the city of", "Paris")
print(published(gpt, None, eiffel.text, eiffel.scores))

# %% [markdown]
# Asked for three values of *k*, it gives one: `return` stands inside the loop. That one sees at once. The other
# mistake, `or 0`, you met in chapter 04: GPT-2 has no padding token, and its id 0 is "!". Here is what a control says
# to that. We put a mask, "the" and "!" in the words' place, each beside its random orders:

# %%
ks = (1, 3, 5)
for replacement in ("mask", "the", "!"):
    e = faithfulness.erase(gpt, eiffel, "Paris", replacement=replacement, best=False)
    own = faithfulness.comprehensiveness(e.deletion[0], ks, "ratio")
    chance = faithfulness.comprehensiveness(e.random_deletion, ks, "ratio").mean(axis=0)
    print(f"{replacement:5} leave-one-out {own.round(2)}   random orders {chance.round(2)}")

# %% [markdown]
# With "!" leave-one-out takes 79 % of the probability with one token, and all of it with three: a fine score, until one
# looks at the random orders, which take 87 % with three and all with five. A token that has a meaning takes no word
# away; it makes another text, one that no city follows. At *k* = 3 a mask leaves 0.64 between the method and chance,
# "the" 0.27 and "!" 0.13; at *k* = 5 only the mask leaves any. (Exercise 1 mends the rest.)
#
# ## The same by a library
#
# captum has **infidelity** (Yeh et al., 2019): how well do the scores foretell what is lost without some words? It
# takes any function that perturbs, so let it take our masks; then the numbers must be ours.

# %%
game = text_game(model, review, "positive", units="words")
kept = faithfulness.random_coalitions(game.n, 100)
drops = game.whole - game(kept)
scores = xai.lrp(model, review, "positive").to_words().scores[1:-1].copy()
ours = faithfulness.infidelity(scores, kept, drops)

# %%
gone = torch.from_numpy(~kept).double()
theirs = captum.metrics.infidelity(
    lambda mask: torch.from_numpy(game(mask.numpy() > 0.5)),
    lambda inputs: (gone, inputs - gone),
    torch.ones(1, game.n, dtype=torch.float64),
    torch.from_numpy(scores)[None],
    n_perturb_samples=100,
    normalize=True,
)
assert np.isclose(ours, theirs.item())
print(f"infidelity {ours:.3f}, as a share of the drops' square {ours / (drops**2).mean():.2f}")

# %% [markdown]
# 0 is perfect; as a share of the drops' square, 1 is what scores of zero get. `normalize=True` multiplies the scores by
# the factor that fits best. It may be negative: the opposite explanation has the same infidelity. See for yourself with
# `-scores`.
#
# ## Does it transfer?
#
# The measures do; the ranks need not. Our models are small, their texts short, and their rules were planted; on large
# models nobody knows the rule, and only the tests without a truth remain. What transfers is the discipline: a control
# beside each score, an interval over texts, and a question that could have come out otherwise.
#
# ## Exercise 1 (easy, 10 minutes): mend the rest
#
# Three more decisions of the published function are doubtful: it divides by a probability that may be tiny, it takes
# special tokens away like words, and it ranks signed scores without saying so. Write it anew. `value(kept)` is what the
# output is worth when a frozenset of positions is kept; `special`, bool, says which never go, nor count among the *k*;
# a *k* beyond the last word takes all words. Give the loss for every *k*, as a difference; `by` is "signed" (what
# speaks most for the answer goes first) or "size" (the greatest absolute score does).


# %% tags=["exercise"]
def mended(
    value, scores: np.ndarray, special: np.ndarray, ks: list[int], by: str
) -> list[float]:
    """Comprehensiveness for each k in ks; a k beyond the number of words takes all of them."""
    # solution
    ranked = np.abs(scores) if by == "size" else scores
    order = [i for i in np.argsort(-ranked) if not special[i]]
    everyone = frozenset(range(len(scores)))
    return [value(everyone) - value(everyone - set(order[:k])) for k in ks]
    # end solution


# %% tags=["check"]
course.check("mended", mended)

# %% [markdown]
# ## Exercise 2 (medium, 10 minutes): what chance would reach
#
# The control, exactly: the mean comprehensiveness over all subsets of *k* of *n* words, with `value` as in exercise 1.


# %% tags=["exercise"]
def chance(value, n: int, k: int) -> float:
    """The mean loss over all ways to take k of the words 0 ... n - 1 away."""
    # solution
    everyone = frozenset(range(n))
    lost = [
        value(everyone) - value(everyone - set(gone))
        for gone in itertools.combinations(range(n), k)
    ]
    return float(np.mean(lost))
    # end solution


# %% tags=["check"]
course.check("chance", chance)

# %% [markdown]
# ## Exercise 3 (medium, 10 minutes): average precision
#
# Go down the ranking. At each word that decides, note which share of the words so far, this one included, decide. The
# mean of these notes is the average precision. (No two scores are equal here.)


# %% tags=["exercise"]
def average_precision(scores: np.ndarray, decide: np.ndarray) -> float:
    """scores: (n,), the greatest first in rank. decide: bool (n,)."""
    # solution
    found = decide[np.argsort(-scores)]
    precision = np.cumsum(found) / np.arange(1, len(found) + 1)
    return float(precision[found].mean())
    # end solution


# %% tags=["check"]
course.check("average-precision", average_precision)

# %% [markdown]
# ## Exercise 4 (medium, 15 minutes): a method of your own
#
# Write a method: a function of a model, a text and a target that returns an `Attribution`. Combine what you know, or
# invent something. (`dataclasses.replace(a, scores=...)` makes an attribution from another one.) It must
# put the word that decides first in `keyword-detector`, *not* and *good* first in a text of `negation-detector`, for
# either answer, and reach an average precision of 0.80 on six texts; and it must leave the model as it was.


# %% tags=["exercise"]
def my_method(model: xai.TextModel, text: str, target=None) -> xai.Attribution:
    """One signed score for each token or word."""
    # solution
    masked = xai.leave_one_out(model, text, target, replacement="mask")
    filled = xai.leave_one_out(model, text, target, replacement="the")
    return dataclasses.replace(masked, scores=(masked.scores + filled.scores) / 2)
    # end solution


# %% tags=["check"]
course.check("my-method", my_method)

# %% [markdown]
# Then put it on the board, beside all others (a minute or two):
#
# `mine = committed.with_method("mine", my_method, ["negation-detector"])`
#
# `mine.plot("average_precision", ["negation-detector"])`
#
# ## Quiz

# %%
course.ask("plausible-or-faithful")

# %%
course.ask("two-conventions")

# %%
course.ask("score-alone")

# %%
course.ask("circle")

# %%
course.ask("sanity")

# %%
course.ask("intervals")

# %% [markdown]
# ## In short
#
# - Comprehensiveness: what is lost without the top words. Sufficiency: what they do alone. Say which convention.
# - A score means something between its controls: random orders, the order reversed, the best subsets.
# - Plausible is what convinces people, faithful what is true of the model. They part ways where the model cheats.
# - Scores by perturbation favour perturbation. Ask also where the truth is known, and say how the texts were chosen.
# - Random weights find methods that don't look at the model. Who passes is not yet right.
# - Ranks always have a first. Look at the interval of the difference.
#
# **Next:** chapters 08a and 08b let language models explain, and check what they say.
#
# **Sources.** DeYoung et al. 2020, *ERASER: A Benchmark to Evaluate Rationalized NLP Models*. Samek et al. 2017,
# *Evaluating the Visualization of What a Deep Neural Network Has Learned*. Jacovi & Goldberg 2020, *Towards Faithfully
# Interpretable NLP Systems*. Adebayo et al. 2018, *Sanity Checks for Saliency Maps*. Petsiuk et al. 2018, *RISE:
# Randomized Input Sampling for Explanation of Black-box Models* (deletion, insertion). Luss et al. 2021, *Leveraging
# Latent Features for Local Explanations* (monotonicity). Yeh et al. 2019, *On the (In)fidelity and Sensitivity of
# Explanations*. Davis & Goadrich 2006, *The Relationship Between Precision-Recall and ROC Curves*. Attanasio et al.
# 2023, *ferret: a Framework for Benchmarking Explainers on Transformers*.
