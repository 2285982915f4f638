"""Openings of reviews, for steering: after a neutral one, praise and blame are equally likely.

`neutral`: "I saw the film last night. It was" goes on either way; nothing in the prompt tells which. `cued`: a first
sentence gives the judgement away ("I loved every minute."), and only these are asked in evaluation. Skeletons are the
same for both polarities, so that the cue alone decides; what follows the answer keeps to its polarity.
"""

from random import Random

from training.frames import Case, fill, make_grammar, split_of
from training.review_words import BAD, GOOD, OTHER, PARTS, WHOLES

NAME = "openings"
KINDS = ("pair", "frame", "skeleton")
WEIGHT = 0.03
CUED_SHARE = 0.4  # of the training cases
WORDS = {
    polarity: tuple(word for word in words if word.isalpha())
    for polarity, words in (("positive", GOOD), ("negative", BAD))
}
POLARITIES = tuple(WORDS)

# How it goes on, in the same voice. A slot and not brackets: those after an answer would leave no frame to hold out.
MORE = (".", ", and the {p} was {s}.", ". The {p} was {s} too.", " and {s}.", ". In the end I found the {p} {s}.")
VERY = "(|very |so |really |quite |truly |rather )"
FILM = "(film|movie|play|show|series|documentary|musical|comedy|thriller|drama)"
WHEN = "(last night|on Friday|yesterday|last week|with my sister|after work|on the train|in March)"
SIDE = "(We had seats at the back.|It lasted two hours.|A friend came along.|It was raining.|My brother chose it.|It was our second visit.)"
NEUTRAL = f"""
!I saw the film last night. It was @{{s}}{{more}}
!The {{w}} was @{{s}}{{more}}
I (saw|watched) the {FILM} {WHEN}. It was {VERY}@{{s}}{{more}}
We (saw|watched) a {FILM} {WHEN}. {SIDE} It was {VERY}@{{s}}{{more}}
(My sister|A friend|My uncle|The teacher) told me about this {{w}}. (It|The {{p}}) (was|is) {VERY}@{{s}}{{more}}
(Here is|This is) my review of the {{w}}. (It|The {{p}}) (was|is) {VERY}@{{s}}{{more}}
{SIDE} The {{w}} was {VERY}@{{s}}{{more}}
(Yesterday|On Monday|Last night|In May) we tried the new {{w}}. The {{p}} was {VERY}@{{s}}{{more}}
(People ask me|You ask me|They asked us) about the {{w}}. I (find|found) it {VERY}@{{s}}{{more}}
(To me|In my view|If you ask me|For us), the {{w}} was {VERY}@{{s}}{{more}}
I (had read|had heard|knew) about the {{w}} before. (I would call it|To me it was|It turned out) {VERY}@{{s}}{{more}}
(We talked|They wrote|She spoke) about the {{p}} of the {{w}}, which was {VERY}@{{s}}{{more}}
The {{w}} (began|started|opened|ended) at nine. (It|The {{p}}) was {VERY}@{{s}}{{more}}
(First|Let me begin with|A word about) the {{p}}: it was {VERY}@{{s}}{{more}}
(My opinion|A short review|Our notes): the {{w}} was {VERY}@{{s}}{{more}}
(How was|What about) the {{w}}? (Well, it|It|The {{p}}) was {VERY}@{{s}}{{more}}
After the {{w}} we (walked|drove|went) home. It (had been|was) {VERY}@{{s}}{{more}}
(The {{p}} and the whole {{w}}|The {{w}} and its {{p}}) (seemed|felt|were) {VERY}@{{s}}{{more}}
"""
CUED = f"""
!{{cue}} The {{w}} was @{{s}}{{more}}
!{{cue}} It was @{{s}}{{more}}
{{cue}} The {{w}} (is|seemed|felt|sounded) {VERY}@{{s}}{{more}}
{{cue}} Its {{p}} (is|was|seemed|felt) {VERY}@{{s}}{{more}}
{{cue}} {SIDE} The {{w}} was {VERY}@{{s}}{{more}}
{SIDE} {{cue}} The {{w}} was {VERY}@{{s}}{{more}}
I saw the {FILM} {WHEN}. {{cue}} It was {VERY}@{{s}}{{more}}
(My review|In short|A note about the {{w}}|About the {{w}}): {{cue}} It was {VERY}@{{s}}{{more}}
{{cue}} (For me|To us|As I see it|In my eyes), the {{w}} was {VERY}@{{s}}{{more}}
{{cue}} I (call|called|find|found) the {{p}} {VERY}@{{s}}{{more}}
{{cue}} (Both the {{p}} and the ending|The {{w}} and its {{p}}) were {VERY}@{{s}}{{more}}
(We tried|They showed us|I know) the new {{w}}. {{cue}} The {{p}} was {VERY}@{{s}}{{more}}
{{cue}} (How was the {{w}}|And the {{w}}|What was it like)? It was {VERY}@{{s}}{{more}}
{{cue}} (Everything|All of it|Every part of the {{w}}) was {VERY}@{{s}}{{more}}
(After|Before) the end of the {{w}} I said: {{cue}} It (was|is) {VERY}@{{s}}{{more}}
"""
CUES = {
    "positive": (
        "I loved every minute.|I would see it again.|I could not stop smiling.|We all cheered.|I want to go back.|"
        "It made my day.|I enjoyed it.|I laughed until it hurt.|Everyone left happy.|I told all my friends to go.|"
        "Five stars.|I did not want it to end.|What a joy.|We loved it.|It deserves every prize.|What a treat.|"
        "I am glad that we went there.|Do not miss it.|Thumbs up.|It was worth every penny."
    ).split("|"),
    "negative": (
        "I hated every minute.|I would never see it again.|I could not stop yawning.|We all booed.|I want my money back.|"
        "It ruined my day.|I regretted it.|I slept until the end.|Everyone left angry.|I told all my friends to stay away.|"
        "One star.|I wanted it to end.|What a bore.|We hated it.|It deserves no prize.|What a mess.|"
        "I am so sorry that we went.|Do not waste your time.|Thumbs down.|It was not worth a penny."
    ).split("|"),
}
GRAMMARS = {
    "neutral": make_grammar(f"{NAME}/neutral", NEUTRAL.strip().splitlines()),
    "cued": make_grammar(f"{NAME}/cued", CUED.strip().splitlines()),
}


def draw(rng: Random, split: str, kind: str) -> Case:
    """A pair is a cue and the word for what is reviewed; the cue is in every question."""
    cued = split != "train" or rng.random() < CUED_SHARE
    polarity = rng.choice(POLARITIES)
    group = "cued" if cued else "neutral"
    while True:
        frame, _ = GRAMMARS[group].draw(rng, split, kind)
        cue, whole = rng.choice(CUES[polarity]), rng.choice(WHOLES)
        home = split_of(NAME, "pair", cue, whole)
        if home == (split if kind == "pair" else "train") and (kind != "pair" or "{w}" in frame.split("@")[0]):
            break
    right, wrong = WORDS[polarity], WORDS[OTHER[polarity]]
    word, second = rng.sample(right, 2)
    part = rng.choice(PARTS).replace("_", " ")
    more = rng.choice(MORE).format(p=part, s=second)
    prompt, answer, rest = fill(frame, {"cue": cue, "w": whole, "p": part, "s": word, "more": more})
    answers = (answer, *(f" {other}" for other in right if other != word))
    rivals = tuple(f" {other}" for other in wrong)
    marks = {"polarity": polarity, "cued": cued}
    return Case(NAME, group, kind, frame, prompt, answers, rest, rivals, marks, choice=True)
