# %% [markdown]
# # Perturbation: what happens without it?
#
# A gradient says what a small change would do, relevance how an output is shared out. The plainest question is another:
# take a word away, and look. For that one needs nothing of a model but its answers. It works on a service behind a wall
# as well as on a model of one's own, and anyone can repeat it.
#
# There is a catch. A word can't be taken away without leaving something in its place, and the model answers to that as
# well.
#
# **You will**
# - take words away one at a time, and in windows, and see what each way misses,
# - choose what stands in for a word, and measure how strange the result is to a language model,
# - build LIME and the Shapley value by hand, and hold them to their laws,
# - see how much of an explanation is chance,
# - find what no score per word can say: the negation in "not terrible",
# - find out why a published leave-one-out names *of* and *city*.
#
# **75 minutes, and 40 more for the exercises; 1.2 GB of memory.** You need: chapter 00. Chapters 02 and 03 help.

# %% tags=["bootstrap"]
import xai_helpers.course as course

course.start()

# %%
import itertools
import json

import captum.attr
import numpy as np
import shap
import torch
from lime.lime_text import LimeTextExplainer

import xai_helpers as xai
from xai_helpers import laws, surrogates, viz
from xai_helpers.perturbation import perplexity, text_game
from xai_helpers.viz import plots

model = xai.load("course-distilbert")
negated = "The movie was not terrible."
praise = "I loved the story and adored the acting."

# %% [markdown]
# `course-distilbert` is our own small classifier of reviews, and no DistilBERT of Hugging Face's.
#
# ## Before you look
#
# The model calls this review positive, and is sure. Which two words would you take away to make it unsure?

# %%
course.pick("loved-and-adored", model)

# %% [markdown]
# ## Leave one out, by hand
#
# Here is a model of one line: one word of praise is enough. Take away each word in turn.


# %%
def enough(kept: set[str]) -> float:
    """4 if there is a word of praise, else 0."""
    return 4.0 if kept & {"loved", "adored"} else 0.0


words = {"loved", "adored", "the"}
for word in sorted(words):
    print(word, enough(words) - enough(words - {word}))

# %% [markdown]
# Nothing matters! Each word of praise stands in for the other. **Leave-one-out** (Li, Monroe & Jurafsky, 2016) asks
# what is lost without this word *while all others stay*. That is a clear question, and often not the one that was
# meant. Now the model. We put its mask token in the place of each word, and look at the logit of *positive*:

# %%
whole = model.value(negated, "positive")
drops = {}
for word in ("The", "movie", "was", "not", "terrible"):
    changed = negated.replace(word, model.tokenizer.mask_token)
    drops[word] = whole - model.value(changed, "positive")
    print(f"{drops[word]:+.2f}  {changed}")

# %% [markdown]
# The same in one call. It runs all changed texts together, in one pass.

# %%
result = xai.leave_one_out(model, negated, "positive")
assert np.allclose([*drops.values()], result.scores[1:6], atol=1e-5)
result

# %% [markdown]
# *terrible* has a plus: without it the review is less positive. So a plus does not mean "a nice word". It means that
# the output, as it is, needs the word where it stands. There is no total here, since nothing is shared out.
#
# **The law.** What a model ignores gets 0. We know a model that ignores all but three words, since we wrote its weights
# by hand: `keyword-detector` looks for *good*, *great* and *excellent*.

# %%
detector = xai.load("keyword-detector")
for text in ("the plot is great", "the great plot is excellent"):
    a = xai.leave_one_out(detector, text, "positive")
    print(dict(zip(a.tokens[1:-1], a.scores[1:-1].round(3).tolist())))

# %% [markdown]
# The law holds: no other word has more than a rounding. In the second text it also shows the gap of one line above.
# Two words decide, by weights that we wrote, and leave-one-out gives them next to nothing.
#
# ## Windows
#
# **Occlusion** (Zeiler & Fergus, 2014) takes a window of neighbours away. A word's score is the mean over the windows
# that hold it. Window 1 is leave-one-out.

# %%
columns = {}
for window in (1, 2, 5):
    a = xai.occlusion(model, praise, "positive", window=window, units="words")
    columns[f"window {window}"] = a.scores
plots.side_by_side(a.tokens, columns, title="What the logit of positive loses", shared=True)

# %% [markdown]
# With windows of one or two words, no word has more than 0.81 of the review's 3.9. With windows of five *loved* has
# 3.04, since a window that holds *loved* may hold *adored*, too. But each word shares its score with its neighbours:
# *I* has as much as *adored*. Wide windows find what narrow ones miss, and blur it. Without both words, but with all
# others:

# %%
for text in (praise, praise.replace("loved", "[MASK]"), praise.replace("adored", "[MASK]")):
    print(f"{model.value(text, 'positive'):+.2f}  {text}")
neither = praise.replace("loved", "[MASK]").replace("adored", "[MASK]")
print(f"{model.value(neither, 'positive'):+.2f}  {neither}")

# %% [markdown]
# ## What stands in for a word?
#
# So far a mask did, because this model was trained with masks among its words. There are other choices:

# %%
choices = ["mask", "pad", "zero", "mean", "the", "delete", "corpus", "mlm"]
print("            ", *(f"{token:>9}" for token in result.tokens[1:-1]))
for choice in choices:
    a = xai.leave_one_out(model, negated, "positive", replacement=choice)
    print(f"{choice:13}", *(f"{score:9.2f}" for score in a.scores[1:-1]))

# %% [markdown]
# - *mask*, *pad*: the tokenizer's own tokens. *zero*: a vector of zeros; the same as *pad* here, because PyTorch never
#   trains the vector of padding. *mean*: the mean of all vectors.
# - *the*: any word that you name. *delete*: the text closes up.
# - *corpus*: words drawn from our reviews, by how often they come; *mlm*: words that our masked language model
#   `course-mlm` finds likely there. Both average over ten texts, drawn by a seed, and other seeds give other numbers.
#   This is **marginalising**: what is the output worth when we don't know the word?
#
# *not* is first in each row. The rest differs. *The* has 3.75 if it is deleted, 4.38 if the mean of all vectors stands
# in, and nothing by *mlm*, which writes words there that are likely. What kind of text is it, then, that the model is
# asked about?
#
# ## Off the manifold
#
# A text with holes may be unlike all texts that a model was trained on. Then it lies **off the manifold**. How far? A
# language model can say. Its **perplexity** is how surprised it is by the tokens: 1 is not at all, and V is a blind
# guess among V tokens. `course-gpt2` has a mask token, too.

# %%
gpt = xai.load("course-gpt2")
corpora = xai.models.data_folder() / "corpora"
fact = "The Eiffel Tower is located in the city of Paris.".split()
lines = (corpora / "course-gpt2-sample.jsonl").read_text(encoding="utf-8").splitlines()
drawn = np.random.default_rng(0).choice(
    " ".join(json.loads(x)["text"] for x in lines).split(), 10
)
fillers = {name: [name] for name in ("the", "<|mask|>", "<|pad|>", "!")}
fillers |= {"nothing (deleted)": [""], "words of the corpus": drawn.tolist()}

# %%
print(f"{'as it is':20} {perplexity(gpt, ' '.join(fact)):6.1f}")
for name, filler in fillers.items():
    changed = [[*fact[:i], word, *fact[i + 1 :]] for i in range(1, 9) for word in filler]
    surprise = [np.log(perplexity(gpt, " ".join(filter(None, words)))) for words in changed]
    print(f"{name:20} {np.exp(np.mean(surprise)):6.1f}")

# %% [markdown]
# Each line but the first is a (geometric) mean over eight texts, with one word changed in each, and over ten words
# for the corpus. Deleted words leave the least surprising texts; masks, although this model saw some in training,
# have more than ten times the perplexity of the text as it is. (*zero* and *mean* are no texts, so there is nothing
# to ask.)
#
# Does it matter? Three classifiers of ours have the same task. `course-clean` and `course-distilbert` saw a few masks
# in training, in a quarter of the reviews; `course-masking` saw any share of any review masked. We hide words of
# reviews that none of them was trained on, and compare how sure they are with how often they are right. (It takes some
# seconds.) Guess first: which of the three will be least sure of a review without a word?

# %%
path = corpora / "reviews" / "dev.jsonl"
reviews = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def sure_and_right(classifier: xai.TextModel, share: float) -> tuple[float, float]:
    """Mean probability of the prediction, and the share of right ones, with a share of the words masked."""
    rng, sure, right = np.random.default_rng(0), [], []
    for review in reviews:
        text = " ".join(
            "[MASK]" if rng.random() < share else w for w in review["text"].split()
        )
        (best,) = classifier.predict(text, k=1)
        sure.append(best.probability)
        right.append(best.token == review["label"])
    return np.mean(sure), np.mean(right)


# %%
print("masked:            ", *(f"{share:>12.0%}" for share in (0, 0.5, 1)))
for name in ("course-clean", "course-distilbert", "course-masking"):
    classifier = xai.load(name)
    pairs = [sure_and_right(classifier, share) for share in (0, 0.5, 1)]
    print(f"{name:19}", *(f"{sure:.2f} / {right:.2f}".rjust(12) for sure, right in pairs))

# %% [markdown]
# The first number is how sure, the second how often right. Where every word is hidden nobody can know; but
# `course-clean` is still 65 % sure, on average, of an answer that is right half of the time. It has an opinion about
# masks, and whatever leave-one-out with a mask says about it is partly that opinion. (All its reviews named a director,
# and these don't: one more reason to be lost.) The same few masks in training left `course-distilbert` as unsure of
# nothing but masks as it should be, but too sure of whole reviews. The model trained with masks has the two numbers
# nearest to each other in each column: that is what masking did for it, and not that it is right more often.
#
# ## LIME, by hand
#
# What if many words are taken away at once, at random, and a straight line is drawn through the answers? That is
# **LIME** (Ribeiro, Singh & Guestrin, 2016): a **surrogate**, a simple model that stands in for the real one *near*
# this text. Four steps. The words are now **players** of a **game**: a set of words that are kept wins what the target
# is worth. `text_game` plays it: it takes rows of kept words, runs the texts, and gives the values.

# %%
review = "The movie was surprisingly entertaining despite a weak script"
game = text_game(model, review, "positive", units="words")
kept = surrogates.lime_neighbours(
    game.n, samples=1000, seed=0
)  # 1. texts with some words missing
values = game(kept)  # 2. what the model says to them
distance = 100 * (1 - np.sqrt(kept.mean(axis=1)))  # 3. texts that keep more count more
weights = np.exp(-((distance / 25) ** 2) / 2)  # (the lime package's choice of numbers)
z = np.column_stack([kept, np.ones(len(kept))])
penalty = np.diag([1.0] * game.n + [0.0])  # 4. least squares with a penalty (ridge)
line = np.linalg.solve((z.T * weights) @ z + penalty, (z.T * weights) @ values)
assert np.allclose(line[:-1], surrogates.fit_lime(kept, values).coefficients)
print(dict(zip(game.words, line.round(2).tolist())))

# %%
explanation = xai.lime(model, review, "positive")
assert np.allclose(explanation.scores[list(explanation.content)], line[:-1])
explanation

# %% [markdown]
# The line above the words says how far the straight line is from the model *at this very text*: that is the gap, 1.33
# of 2.82. (The *intercept* is what the line gives to a text without any of the words.) And over all the changed
# texts?

# %%
print("R2:", round(explanation.details["r2"], 2))

# %% [markdown]
# **R²** is the share of the answers' variance that the line explains. What it does not explain is not a linear
# effect of single words: you will meet it below. LIME reports a number for each word anyway.
#
# And how much is chance? Ten seeds, that is ten draws of texts:

# %%
print("texts   agreement   largest deviation of a word's score")
for samples in (50, 200, 1000):
    spread = surrogates.over_seeds(model, review, "lime", "positive", samples=samples)
    print(f"{samples:5} {spread.agreement:10.2f} {spread.deviation.max():14.2f}")

# %% [markdown]
# *agreement* is the mean rank correlation (Kendall's τ) of two seeds: 1 is the same order of words, 0 no relation. With
# 50 texts, what comes after the first word is mostly chance. An explanation by sampling needs its spread beside it.
#
# ## The Shapley value, by hand
#
# Back to the model of one line, which needed one of two words. Let the words come in one after the other, and give each
# what it adds **when it comes**. The order matters, so average over all orders. That is the **Shapley value** (1953).

# %%
gains = {word: [] for word in sorted(words)}
for order in itertools.permutations(sorted(words)):
    for place, word in enumerate(order):
        before = set(order[:place])
        gains[word].append(enough(before | {word}) - enough(before))
for word, gained in gains.items():
    print(f"{word:7} {gained}  mean {np.mean(gained):.1f}")

# %% [markdown]
# Whoever of the two comes first gets 4, the other 0: on average 2 each. Nothing is lost and the idle word gets nothing.
# It is the only division that obeys four laws together:
#
# - **Efficiency:** the shares add up to the whole, minus what there is without any word.
# - **Symmetry:** who can be exchanged gets the same. **Dummy:** who changes nothing gets nothing.
# - **Linearity:** in the sum of two games everyone gets the sum of both shares.

# %%
shares = xai.shapley(model, praise, "positive")
missing = laws.completeness(shares.total, shares.scores, shares.absorbed)
print("missing less than 0.00001:", missing < 1e-5)
shares

# %% [markdown]
# Now *loved* and *adored* lead. All 2⁹ = 512 sets of words were asked. That is exact, and too many for a long text: 30
# words have a billion sets. Then one **samples**, and owes the reader an error. Two ways: random orders, each also
# read backwards, so that errors cancel; and **KernelSHAP** (Lundberg & Lee, 2017), a regression like LIME's with other weights, chosen such
# that its solution is the Shapley value.

# %%
praised = text_game(model, praise, "positive", units="words")
exact = surrogates.shapley_values(praised, praised.n)
for estimate in (surrogates.permutation_shapley, surrogates.kernel_shap):
    found, errors = estimate(praised, praised.n, samples=300, seed=0)
    off = np.abs(found - exact)
    print(
        f"{estimate.__name__:20} loved {found[1]:.2f} ± {errors[1]:.2f} (exact {exact[1]:.2f});"
    )
    print(f"   within two standard errors: {(off <= 2 * errors).sum()} of {praised.n} words")

# %% [markdown]
# After ± stands the **standard error**: how far such an estimate typically is from the exact value. Over all nine words
# the two are about as good, with as many texts.
#
# ## What no score per word can say
#
# A published tutorial explains "Despite some flaws, it was not terrible at all." It prints +0.18 for *not* and −0.30
# for *terrible*, and concludes that SHAP "captured negation". Our small model stumbles over that sentence (look at
# *flaws* in the explorer below), so take the shorter review, which it gets right. Does it hold there? Guess:

# %%
course.ask("sign-of-terrible")

# %%
for choice in ("mask", "the", "delete", "corpus", "mlm"):
    options = {"replacement": choice, "draws": 100}  # draws: of the two that draw words
    a = xai.shapley(model, negated, "positive", **options)
    both = surrogates.shapley_interactions(model, negated, "positive", **options)
    share = dict(zip(a.tokens, a.scores.round(2)))
    together = both.between("not", "terrible")
    line = f"not {share['not']:+.2f}, terrible {share['terrible']:+.2f}"
    print(f"{choice:7} {line}, together {together:+.2f}")

# %% [markdown]
# The sign of *terrible* depends on what stands in for it. The last column's doesn't: the **Shapley interaction index**
# is what two words are worth together, beyond what each is worth by itself. It is large and positive in every row.
#
# The last two rows are means over a hundred draws. With ten, the default, chance decides the sign:

# %%
for seed in range(5):
    a = xai.shapley(model, negated, "positive", replacement="corpus", seed=seed)
    print(
        f"corpus, ten draws by seed {seed}: terrible {dict(zip(a.tokens, a.scores))['terrible']:+.2f}"
    )

# %% [markdown]
# Without *not* and with *not*, *terrible* does different things to the output:

# %%
for choice in ("mask", "delete"):
    game_of_two = text_game(model, negated, "positive", units="words", replacement=choice)
    rest = np.ones((4, game_of_two.n), dtype=bool)
    rest[:, [3, 4]] = [
        [False, False],
        [False, True],
        [True, False],
        [True, True],
    ]  # not, terrible
    neither, terrible, not_, both = game_of_two(rest)
    print(f"{choice:7} without not: {terrible - neither:+.2f}, with not: {both - not_:+.2f}")

# %% [markdown]
# Without *not* it speaks against, after *not* for. One number for *terrible* has to be a compromise between the two,
# and which one depends on the details.
#
# Two words that stand in for each other have the opposite sign:

# %%
pairs = surrogates.shapley_interactions(model, praise, "positive")
print("loved and adored:", round(pairs.between("loved", "adored"), 2))

# %% [markdown]
# If you know which words belong together, let them come in together. That is the **Owen value**: only orders count in
# which *not* and *terrible* follow each other; what does each add when it comes? For the other words the phrase is one
# player, who is there or not. So longer texts can stay exact.

# %%
a = xai.shapley(model, negated, "positive", phrases=["not terrible"])
phrase = sum(score for token, score in zip(a.tokens, a.scores) if token in ("not", "terrible"))
print(f"'not terrible' has {phrase:.2f} of {a.total - a.absorbed['baseline']:.2f}")

# %% [markdown]
# (Their two Shapley values add up to more, 2.23: those count orders, too, in which other words come between the two.
# shap's `PartitionExplainer` does this with a tree of the text's words; so its values obey
# symmetry within a branch of the tree, and not between any two words.)
#
# ## Explore
#
# Leave-one-out and occlusion. (A stride above the window counts as the window: else it would skip words.) Set the
# window to 5 on the second review, and compare the replacements. Then take the last text: which window is the first
# to notice anything, and what does it say of *plot* and *is*?

# %%
texts = {
    "not terrible": (model, negated),
    "loved and adored": (model, praise),
    "flaws (the tutorial's)": (model, "Despite some flaws, it was not terrible at all."),
    "great and excellent (known rule)": (detector, "the great plot is excellent"),
}


# %%
def occluded(text: str, window: int, stride: int, replacement: str):
    """What the logit of positive loses with each window away."""
    classifier, written = texts[text]
    stride = min(stride, window)
    options = {"window": window, "stride": stride, "replacement": replacement}
    return xai.occlusion(classifier, written, "positive", units="words", **options)


# %%
viz.explore(
    occluded,
    text=list(texts),
    window=(1, 6),
    stride=(1, 6),
    replacement=["mask", "pad", "zero", "mean", "the", "delete"],
    start={"stride": 1, "window": 2},
)

# %% [markdown]
# And sampling: mean and standard deviation of each word's score over five seeds. From how many texts on do *weak* and
# *The* lie further apart than the larger of their deviations? (Five seeds tell a deviation only roughly.)


# %%
def spread_of(method: str, samples: int, replacement: str) -> plots.Picture:
    """Scores of five seeds: their mean, and how far they spread."""
    options = {"samples": samples, "replacement": replacement}
    if method != "lime":
        options["estimator"] = method
    name = "lime" if method == "lime" else "shapley"
    found = surrogates.over_seeds(model, review, name, "positive", seeds=5, **options)
    columns = {"mean": found.scores.mean(axis=0), "standard deviation": found.deviation}
    title = f"agreement between seeds (Kendall's tau): {found.agreement:.2f}"
    return plots.side_by_side(found.words, columns, title=title, shared=True)


# %%
viz.explore(
    spread_of,
    method={"LIME": "lime", "Shapley, orders": "permutation", "KernelSHAP": "kernel"},
    samples=[50, 100, 200, 400],
    replacement=["mask", "the", "delete"],
    labels={"samples": "texts"},
)

# %% [markdown]
# ## Where it breaks
#
# A published chapter takes the padding token for what stands in, "or 0" where there is none. GPT-2 has none, and its
# token 0 is an exclamation mark. So each token in turn is replaced by "!", the last one as well, and the loss of
# probability is printed. (We teach from the mistake, and leave the author out.) Here it is, with our own "!":

# %%
prompt = "The Eiffel Tower is located in the city of"
ids = gpt.encode(prompt).ids
with torch.no_grad():
    before = gpt.model(ids).logits[0, -1].softmax(-1)
    answer = before.argmax()
    lost = []
    for i in range(ids.shape[1]):
        changed = ids.clone()
        changed[0, i] = gpt.tokenizer.encode("!")[0]
        lost.append((before - gpt.model(changed).logits[0, -1].softmax(-1))[answer].item())
tokens = [unit.text for unit in gpt.encode(prompt).units]
print(", ".join(f"{token} {drop:.2f}" for token, drop in zip(tokens, lost)))

# %% [markdown]
# *of* and *city* decide that it is Paris, more than *Eiffel*? What does the model say to these two texts?

# %%
for text in (
    "The Eiffel Tower is located in the city!",
    "The Eiffel Tower is located in the! of",
):
    (best,) = gpt.predict(text, k=1)
    print(f"{text}  -> {best.token!r}, {best.probability:.2f}")

# %% [markdown]
# The first it ends, and to the second it says another little word. Neither asks for a name any more, so every city
# would lose. "!" is no word for "nothing". What helps? A replacement that the model knows, or a target that asks
# *which* city:

# %%
for replacement, target in (
    ("auto", xai.Target("Paris", output="probability")),
    ("!", xai.Target("Paris", versus="London")),
    ("auto", xai.Target("Paris", versus="London")),
):
    a = xai.leave_one_out(gpt, prompt, target, replacement=replacement)
    print(f"{a.target}, replaced by {a.options['replacement']}:")
    print("  ", ", ".join(f"{token} {score:.2f}" for token, score in zip(a.tokens, a.scores)))

# %% [markdown]
# With a mask *Eiffel* leads, whatever the target. With "!" the contrast with *London* alone is not enough: *city* and *of* still have
# much. `replacement="auto"`, the default, takes a mask token where the tokenizer has one, else the word *the*; never
# whatever has id 0. With `"delete"` the token that the prediction is read from, the last one of a GPT, is replaced and
# never deleted.
#
# ## The same by a library
#
# **captum** perturbs vectors, and **shap** plays any game: both here with our holes, captum on *not terrible*, shap
# on *loved and adored*. The **lime** package takes a function from texts to probabilities, and deletes words.

# %%
encoded = model.encode(negated)
vectors = model.model.get_input_embeddings()
masked = torch.full_like(encoded.ids, model.tokenizer.mask_token_id)
ablation = captum.attr.FeatureAblation(lambda x: model.model(inputs_embeds=x).logits[:, 1])
one_each = torch.arange(len(encoded.units))[None, :, None]
with torch.no_grad():
    theirs = ablation.attribute(vectors(encoded.ids), vectors(masked), feature_mask=one_each)
assert np.allclose(theirs[0, 1:-1, 0], result.scores[1:-1], atol=1e-5)

# %%
n = praised.n
played = shap.KernelExplainer(lambda kept: praised(kept.astype(bool)), np.zeros((1, n)))
theirs = played.shap_values(np.ones((1, n)), nsamples=2**n, silent=True)
assert np.allclose(theirs[0], exact, atol=1e-5)


def probabilities(texts: list[str]) -> np.ndarray:
    """What lime asks for: a row of probabilities for each text. (It asks about an empty text as well.)"""
    found = [
        sorted(model.predict(text.strip() or "[MASK]"), key=lambda p: p.id) for text in texts
    ]
    return np.array([[p.probability for p in row] for row in found])


# %%
lime_package = LimeTextExplainer(class_names=list(model.labels), random_state=0)
theirs = lime_package.explain_instance(review, probabilities, num_samples=300, num_features=9)
print({str(word): round(weight, 2) for word, weight in theirs.as_list()})
print("R2:", round(theirs.score, 2))

# %% [markdown]
# captum and shap agree to rounding. The lime package puts *The* first, and *despite*, our first, has a minus. It
# explains a probability, draws fewer and other texts, and deletes words. Which of the three makes the difference?

# %%
for replacement in ("mask", "delete"):
    a = xai.lime(model, review, "positive", samples=300, replacement=replacement)
    first = ", ".join(f"{word} {score:+.2f}" for word, score in a.top(2))
    print(f"ours, 300 texts, {replacement:7} R2 {a.details['r2']:.2f}, first {first}")

# %% [markdown]
# The deleting: then our line, too, explains next to nothing, and its list of words looks no different for that. Given the same texts and values its
# coefficients are ours, to nine digits (our tests hold `fit_lime` to that).
#
# ## Does it transfer?
#
# Everything here needs answers only, so it works on any model, at a price: an answer for each changed text. Whether a
# mask, a deleted word or a filler is ordinary to *yours* you can measure as above. GPT-2 has no mask token at all,
# and a classifier made from a pretrained model may not have seen its mask since.
#
# ## Exercise 1 (easy, 5 minutes): leave one out
#
# `game(kept)` takes a list of n booleans and gives a number. What does each player's absence cost?


# %% tags=["exercise"]
def leave_each_out(game, n: int) -> list[float]:
    """The value of everyone, minus the value without player i, for each i."""
    # solution
    everyone = [True] * n
    return [game(everyone) - game([k != i for k in range(n)]) for i in range(n)]
    # end solution


# %% tags=["check"]
course.check("leave-each-out", leave_each_out)

# %% [markdown]
# ## Exercise 2 (medium, 15 minutes): the Shapley value
#
# The same game. Go through all orders, as above, or through all sets: player i's gain from coming after the set *S*
# counts |*S*|! (n − |*S*| − 1)! / n! times.


# %% tags=["exercise"]
def shapley_of(game, n: int) -> list[float]:
    """Each player's gain when it comes in, averaged over all orders."""
    # solution
    gained = np.zeros(n)
    orders = list(itertools.permutations(range(n)))
    for order in orders:
        present = [False] * n
        for player in order:
            before = game(list(present))
            present[player] = True
            gained[player] += game(list(present)) - before
    return list(gained / len(orders))
    # end solution


# %% tags=["check"]
course.check("shapley-of", shapley_of)

# %% [markdown]
# ## Exercise 3 (medium, 15 minutes): windows
#
# Windows begin at 0, *stride*, 2 × *stride*, ..., until one reaches the end; it may be cut short there. A player's
# score is the mean loss over the windows that hold it.


# %% tags=["exercise"]
def occlude(game, n: int, window: int, stride: int) -> list[float]:
    """1 <= stride <= window <= n; the mean loss over the windows that hold each player."""
    # solution
    losses = [[] for _ in range(n)]
    for start in range(0, n - window + stride, stride):
        inside = range(start, min(start + window, n))
        loss = game([True] * n) - game([k not in inside for k in range(n)])
        for player in inside:
            losses[player].append(loss)
    return [float(np.mean(found)) for found in losses]
    # end solution


# %% tags=["check"]
course.check("occlude", occlude)

# %% [markdown]
# ## Exercise 4 (open)
#
# Write a review of your own that `course-distilbert` is sure of, and in which leave-one-out gives no word more than
# 0.3. What does Shapley say to it? And is there one of at most eight words in which Shapley, too, gives no word more
# than a third of the whole? There is no check: write down what you expect before you look.
#
# ## Quiz

# %%
course.ask("left-out-without-loss")

# %%
course.ask("perplexity-of-holes")

# %%
course.ask("api-only")

# %%
course.ask("what-r2-says")

# %%
course.ask("same-values-other-seed")

# %% [markdown]
# ## In short
#
# - Leave-one-out asks what is lost while all else stays. Of two words that stand in for each other, each has little.
# - Nothing can be taken away without something in its place. Name it; try two.
# - A text with holes is off the manifold. How strange it is can be measured, and how sure a model is where it sees nothing.
# - LIME draws a straight line near the text. R² says how straight the model is there, seeds say how much is chance.
# - Shapley values share out everything, and obey four laws. Exact up to about 14 words; after that they have an error.
# - Negation is an interaction. No score per word can hold it.
#
# **Next:** chapter 05 lets all methods speak about the same text.
#
# **Sources.** Li, Monroe & Jurafsky 2016, *Understanding Neural Networks through Representation Erasure*. Zeiler &
# Fergus 2014, *Visualizing and Understanding Convolutional Networks*. Ribeiro, Singh & Guestrin 2016, *"Why Should I
# Trust You?"* (LIME). Shapley 1953, *A Value for n-Person Games*. Owen 1977, *Values of Games with a Priori Unions*.
# Grabisch & Roubens 1999, *An Axiomatic Approach to the Concept of Interaction*. Lundberg & Lee 2017, *A Unified
# Approach to Interpreting Model Predictions*. Covert & Lee 2021, *Improving KernelSHAP*. Kim et al. 2020,
# *Interpretation of NLP Models through Input Marginalization*.
