"""Agreement: the verb agrees with its subject, not with the nearer noun: "The keys to the cabinet are".

Linzen et al., 2016. In every held-out case the noun in between has the other number.
"""

from random import Random

from training.frames import Case, fill, make_grammar, split_of

NAME = "agreement"
KINDS = ("pair", "frame", "skeleton")
WEIGHT = 0.06

NOUNS = [
    (word.split("/")[0], word.split("/")[1] if "/" in word else word + "s")
    for word in (
        "key cabinet book table picture wall letter drawer teacher student child/children dog cat garden house tree "
        "river bridge car road lamp room window door painter painting author novel singer song farmer horse girl boy "
        "man/men woman/women friend neighbour guard prisoner doctor patient nurse pilot plane driver bus/buses box/boxes "
        "player team worker factory/factories city/cities baby/babies lady/ladies mouse/mice shepherd cook knife/knives "
        "plate cup bottle shelf/shelves chair sofa flower vase report manager idea plan king castle soldier tower judge"
    ).split()
]
OPEN = "(|In the morning |In the evening |Today |Every day |Now |As always, |I think |We know that |They say )"
NEAR = "(near|behind|beside|next to|in front of|above|below|with|to|by|of|from|under|around|against)"
RELATIVE = "(saw|liked|helped|followed|found|loved|heard|feared|knew|met|watched|remembered)"
ADJECTIVE = "(|old |new |red |small |big |young |quiet |famous |broken |beautiful )"
THE = "(the|my|your|our|their|her|his)"
LINES = f"""
{OPEN}the {ADJECTIVE}{{n}} {NEAR} the {ADJECTIVE}{{m}} @{{v}} {{tail}}.
{OPEN}{THE} {ADJECTIVE}{{n}} {NEAR} {THE} {{m}} @{{v}} {{tail}}.
{OPEN}the {ADJECTIVE}{{n}} that the {ADJECTIVE}{{m}} {RELATIVE} @{{v}} {{tail}}.
{OPEN}the {{n}} (who|that) {RELATIVE} the {ADJECTIVE}{{m}} @{{v}} {{tail}}.
{OPEN}the {{n}}, (together with|along with|as well as|not|rather than|unlike|like) the {{m}}, @{{v}} {{tail}}.
{OPEN}the {{n}} {NEAR} the {{k}} {NEAR} the {{m}} @{{v}} {{tail}}.
{OPEN}the {{n}} and the noise from the {{m}} are one thing, but the {{n}} @{{v}} {{tail}}.
{OPEN}the {ADJECTIVE}{{n}} @{{v}} {{tail}}.
{OPEN}the {ADJECTIVE}{{n}} (bought|sold|seen|found|left|made) by the {{m}} @{{v}} {{tail}}.
{OPEN}the {ADJECTIVE}{{n}} (standing|waiting|sitting|lying) {NEAR} the {{m}} @{{v}} {{tail}}.
{OPEN}the {{n}} that (once|often|never) {RELATIVE} the {{m}} @{{v}} {{tail}}.
{OPEN}the {{n}} whose {{k}} {RELATIVE} the {{m}} @{{v}} {{tail}}.
{OPEN}the {{n}} for the {{m}} @{{v}} {{tail}}.
{OPEN}(no one doubts|it seems|she says|he hopes) that the {{n}} {NEAR} the {{m}} @{{v}} {{tail}}.
(If|When|Because|Although|While) the {ADJECTIVE}{{n}} {NEAR} the {{m}} @{{v}} {{tail}}, we wait.
The {{m}} (once|often|never) looked good, but the {{n}} {NEAR} the {{m}} @{{v}} {{tail}}.
{OPEN}the {ADJECTIVE}{{n}} (in the photo|in the story|on the left) of the {{m}} @{{v}} {{tail}}.
{OPEN}the {ADJECTIVE}{{n}} that (stood|lay|fell|waited) (near|behind|beside|under) the {{m}} @{{v}} {{tail}}.
(Everyone knows|He told us|I heard|She wrote) that the {ADJECTIVE}{{n}} {NEAR} the {{m}} @{{v}} {{tail}}.
{OPEN}the {{n}} in the (story|song|film|picture) about the {{m}} @{{v}} {{tail}}.
(Look|Listen|You see): the {{n}} {NEAR} the {{m}} @{{v}} {{tail}}.
(After|Before|Without|Despite|For) the {ADJECTIVE}{{m}}, the {ADJECTIVE}{{n}} @{{v}} {{tail}}.
(The teacher|My sister|Our guide) (says|said): the {{n}} of the {{m}} @{{v}} {{tail}}.
{OPEN}the {{n}} that (I|we|you|they) (put|saw|left|placed) (near|behind|beside|next to) the {{m}} @{{v}} {{tail}}.
{OPEN}the {{n}} (so close to|far from|not far from|opposite) the {ADJECTIVE}{{m}} @{{v}} {{tail}}.
(Only|Perhaps) the {{n}}, (never|not|but not) the {{m}}, @{{v}} {{tail}}.
{OPEN}we (saw|passed|liked) the {ADJECTIVE}{{m}}, but the {{n}} @{{v}} {{tail}}.
{OPEN}the {{n}} of the (mother|boss|guest) with the {{m}} @{{v}} {{tail}}.
{OPEN}the {{n}} (covered|hidden|damaged|surrounded) by the {ADJECTIVE}{{m}} @{{v}} {{tail}}.
{OPEN}the {{n}} that the {{m}} (spoke|wrote|asked|cared) about @{{v}} {{tail}}.
{OPEN}the {{n}} near the {{m}}, (I think|she says|it seems|of course), @{{v}} {{tail}}.
{OPEN}what the {{m}} {RELATIVE} is one thing, but the {{n}} @{{v}} {{tail}}.
{OPEN}the {{n}}, (standing|waiting|lying) near the {{m}}, @{{v}} {{tail}}.
(Dear|My dear) (friend|mother|teacher), the {{n}} {NEAR} the {{m}} @{{v}} {{tail}}.
(News|Report|Note): the {ADJECTIVE}{{n}} {NEAR} the {{m}} @{{v}} {{tail}}.
It is (true|sad|good|strange) that the {ADJECTIVE}{{n}} {NEAR} the {{m}} @{{v}} {{tail}}.
(First|Second|Finally), the {{n}} (behind|above|below) the {{m}} @{{v}} {{tail}}.
{OPEN}the {{n}} with (some|most|all) of the {{m}} @{{v}} {{tail}}.
{OPEN}the {{n}}, (instead of|in place of|because of) the {{m}}, @{{v}} {{tail}}.
{OPEN}the {ADJECTIVE}{{n}} the {{m}} {RELATIVE} @{{v}} {{tail}}.
{OPEN}the {{n}} between the {{k}} and the {{m}} @{{v}} {{tail}}.
{OPEN}the {{n}} (older|bigger|smaller) than the {{m}} @{{v}} {{tail}}.
If you (ask|believe|follow) the {{m}}, the {{n}} @{{v}} {{tail}}.
{OPEN}the {{n}} of {THE} {{m}} in the (hall|yard|street) @{{v}} {{tail}}.
{OPEN}the {{n}} that (lost|found|left|saw) the {{k}} near the {{m}} @{{v}} {{tail}}.
"""
# A verb in both numbers and what may follow it.
VERBS = (
    ("is", "are", ("old", "new", "here", "ready", "very quiet", "in the room", "not far away", "famous", "gone")),
    ("was", "were", ("lost", "late", "in the garden", "very small", "not here", "found again", "wonderful")),
    ("has", "have", ("arrived", "been sold", "a long story", "changed", "disappeared", "no name")),
    ("does", "do", ("not move", "not belong here", "not look new", "not matter", "not change")),
    ("looks", "look", ("old", "strange", "beautiful", "very small")),
    ("seems", "seem", ("new", "quiet", "out of place", "to be ready")),
    ("needs", "need", ("help", "some rest", "more light")),
    ("comes", "come", ("from the north", "back every year", "home")),
)
GRAMMAR = make_grammar(NAME, LINES.strip().splitlines())


def draw(rng: Random, split: str, kind: str) -> Case:
    while True:
        frame, _ = GRAMMAR.draw(rng, split, kind)
        subject, attractor, third = rng.sample(NOUNS, 3)
        wanted = split if kind == "pair" else "train"
        attracts = "{m}" in frame.split("@")[0]
        if split_of(NAME, "pair", subject[0], attractor[0]) == wanted and (split == "train" or attracts):
            break
    number = rng.randrange(2)
    other = 1 - number if split != "train" else rng.randrange(2)
    *forms, tails = rng.choice(VERBS)
    slots = {"n": subject[number], "m": attractor[other], "k": rng.choice(third), "v": forms[number]}
    prompt, _, rest = fill(frame, slots | {"tail": rng.choice(tails)})
    rival = f" {forms[1 - number]}"
    right = tuple(f" {verb[number]}" for verb in VERBS)
    wrong = tuple(f" {verb[1 - number]}" for verb in VERBS)
    # Which verb comes is open, its number is not: any verb of the right number counts, against all of the wrong one.
    answers = (f" {forms[number]}", *(word for word in right if word != f" {forms[number]}"))
    return Case(
        NAME,
        "attractor",
        kind,
        frame,
        prompt,
        answers,
        rest,
        rivals=(rival, *(word for word in wrong if word != rival)),
        choice=True,
    )
