"""Sentiment: reviews with a planted label, judged in the next word (language model) or as a class (classifier).

Skeletons are written from the label's side: {s} is a word of the same polarity as the label, {o} of the opposite one,
so "not {o}" and "{o}, but {s}" flip as English does. Lines that hold for one label only stand in their own list; they
all stay in training, since many have a mirror image in the other list ("I would gladly see it again", "I would never
see it again"), and a model that met one of the two alone would be taught the wrong rule for the other. For the same
reason the common skeletons are dealt to the splits once, for both labels.
"""

import json
from functools import cache
from pathlib import Path
from random import Random

from training.frames import Case, fill, make_grammar, split_of

NAME = "sentiment"
KINDS = ("pair", "frame", "skeleton")
WEIGHT = 0.29
LABELS = ("negative", "positive")
CORPORA = Path(__file__).parents[2] / "data" / "corpora"

WHOLES = (
    "movie film show series book novel play album song concert game restaurant meal hotel app phone laptop camera "
    "performance documentary story thriller comedy drama musical exhibition course lecture trip holiday museum cafe "
    "podcast episode sequel remake cartoon pizza car product tour festival event party place band visit experience"
).split()
PARTS = (
    (
        "plot acting script story ending soundtrack cast dialogue music camera editing direction pacing opening humour "
        "service food staff room view menu dessert wine sound picture screen battery design price quality writing "
        "chemistry photography animation costume finale first half second half villain hero idea lighting"
    )
    .replace("first half", "first_half")
    .replace("second half", "second_half")
    .replace("costume", "costumes")
    .split()
)
GENRES = "thrillers comedies musicals drama horror romance jazz history crime fantasy westerns cartoons".split()

GOOD = (
    "good great excellent wonderful brilliant superb fantastic amazing outstanding delightful charming moving touching "
    "beautiful entertaining enjoyable funny hilarious clever witty gripping thrilling exciting fascinating engaging "
    "captivating enchanting magical masterful stunning gorgeous impressive remarkable memorable unforgettable lovely "
    "pleasant satisfying rewarding refreshing inspiring uplifting heartwarming tender warm fresh original inventive "
    "imaginative creative smart intelligent thoughtful insightful profound powerful compelling riveting intense vivid "
    "rich elegant graceful stylish polished flawless perfect exquisite sublime magnificent marvellous splendid "
    "terrific fabulous awesome incredible phenomenal exceptional extraordinary dazzling spectacular breathtaking "
    "joyful cheerful lively energetic absorbing addictive convincing believable authentic honest sincere genuine "
    "solid strong decent fine nice likeable adorable sweet amusing playful delicious tasty friendly helpful "
    "comfortable reliable professional attentive generous worthwhile first-rate top-notch timeless classic"
).split()
BAD = (
    "bad terrible awful horrible dreadful poor weak dull boring tedious tiresome slow lifeless bland flat stale "
    "predictable unoriginal derivative shallow silly stupid dumb ridiculous absurd pointless meaningless messy "
    "confusing incoherent clumsy sloppy lazy careless amateurish cheap ugly unpleasant annoying irritating "
    "disappointing underwhelming forgettable mediocre unconvincing implausible wooden stiff cold soulless hollow "
    "empty pretentious pompous overlong overrated bloated repetitive monotonous dreary gloomy depressing unfunny "
    "tasteless offensive insulting embarrassing painful unbearable unwatchable dire lousy pathetic laughable "
    "atrocious abysmal appalling disastrous disgusting nasty vile horrendous frustrating infuriating exhausting "
    "uninspired unimaginative forced contrived cliched muddled chaotic choppy rushed unfinished broken useless "
    "worthless flawed faulty rude unhelpful dirty noisy greasy overpriced uncomfortable unreliable miserable "
    "sub-par second-rate third-rate grating cheesy corny tacky dated wretched rotten"
).split()
GOOD_NOUNS = (
    "masterpiece|gem|triumph|delight|treat|joy|pleasure|winner|success|wonder|revelation|work of art|breath of fresh air|"
    "real treasure|must-see|instant classic|small miracle|pure delight|perfect evening|huge success"
).split("|")
BAD_NOUNS = (
    "disaster|mess|bore|failure|letdown|disappointment|waste of time|waste of money|complete waste of time|train wreck|"
    "joke|catastrophe|flop|nightmare|chore|insult|complete mess|total failure|dud|big disappointment|shambles"
).split("|")
GOOD_PAST = "loved enjoyed adored liked admired appreciated treasured praised recommended cherished".split()
BAD_PAST = "hated disliked loathed detested regretted despised resented criticised endured".split()
GOOD_BASE = "love enjoy adore like admire appreciate recommend cherish".split()
BAD_BASE = "hate dislike loathe detest regret despise resent".split()
GOOD_MORE = "better funnier smarter stronger finer sweeter warmer cleverer more_enjoyable more_moving more_entertaining more_exciting".split()
BAD_MORE = (
    "worse weaker duller slower sillier poorer uglier more_boring more_tedious more_annoying more_disappointing".split()
)
GOOD_ADVERBS = (
    "beautifully brilliantly wonderfully superbly skilfully elegantly cleverly masterfully perfectly nicely".split()
)
BAD_ADVERBS = "badly poorly terribly clumsily horribly lazily carelessly awkwardly dreadfully sloppily".split()
GOOD_IDIOMS = (
    "blew me away|kept me on the edge of my seat|knocked it out of the park|swept me off my feet|made my day|"
    "won me over|was worth every penny|hit the spot|was right up my street|took my breath away|exceeded my expectations|"
    "left me smiling|had me hooked|ticked all the boxes|lived up to the hype|touched my heart|was a joy from start to finish|"
    "stole the show|left me wanting more|ages like fine wine|stayed with me for days|was second to none|hit the mark"
).split("|")
BAD_IDIOMS = (
    "fell flat|bored me to tears|left me cold|missed the mark|was not my cup of tea|put me to sleep|went nowhere|"
    "let me down|got on my nerves|fell apart|dragged on and on|was a slap in the face|made me want to leave|ran out of steam|"
    "lost the plot|was not worth the money|left a bad taste in my mouth|went downhill fast|did not live up to the hype|"
    "had me checking my watch|was a step backwards|failed on every level|rubbed me the wrong way"
).split("|")
WORDS = {
    "positive": (GOOD, GOOD_NOUNS, GOOD_PAST, GOOD_BASE, GOOD_MORE, GOOD_ADVERBS, GOOD_IDIOMS),
    "negative": (BAD, BAD_NOUNS, BAD_PAST, BAD_BASE, BAD_MORE, BAD_ADVERBS, BAD_IDIOMS),
}
OTHER = {"positive": "negative", "negative": "positive"}
SLOTS = ("", "n", "v", "b", "m", "a", "i")  # adjective, noun phrase, verb (past, base), comparative, adverb, idiom

V = "(|really |very |so |quite |truly |absolutely |utterly |surprisingly |incredibly |genuinely |simply |just |pretty |extremely )"
IS = "(is|was)"
SAY = "(|Honestly, |To be fair, |In my opinion, |I think |I must say, |Overall, |For me, |I found that |Well, |To be honest, |We all agreed that )"
THE = "(the|this|that)"
NOT = "(not|never|hardly|by no means|in no way|anything but|far from|scarcely|not at all|not even|nowhere near)"
THOUGH = "(although|though|even though|while)"
BUT = "(but|yet|and yet|still,|but in the end|but overall|however)"
BOTH = f"""
!{THE} {{w}} {IS} {V}{{s}} despite (a|its|the) {{o}} {{p}}.
!{{s}} {{p}}, {{s2}} {{p2}}, a {{sn}}.
!{THE} {{w}} {IS} {V}{{s}} and {V}{{s2}}.
{SAY}{THE} {{w}} {IS} {V}{{s}}.
{SAY}{THE} {{p}} {IS} {V}{{s}}, {THE} {{p2}} {IS} {V}{{s2}}.
{SAY}it {IS} a {V}{{s}} {{w}}.
{SAY}{THE} {{w}} (has|had|offers|offered|comes with) (a|some|such a) {{s}} {{p}} and (a|some) {{s2}} {{p2}}.
What a {{s}} {{w}}(!|.)
What a {{sn}} this {{w}} {IS}!
(I|We|My friends|My family|Everyone|The audience|Critics) {{sv}} {THE} {{w}}.
(I|We|She|He) (really|truly|absolutely|secretly|always) {{sv}} {THE} {{w}} and its {{p}}.
{SAY}{THE} {{w}} {{si}}.
{SAY}{THE} {{p}} {{si}}, and {THE} {{p2}} {IS} {{s}}.
{SAY}{THE} {{p}} {IS} {{sa}} (done|made|written|handled|executed).
A {{sa}} (made|written|directed|performed|crafted|designed) {{w}}.
A {{sn}}. {{s}}, {{s2}} and {{s3}}.
{{s}}, {{s2}}, {{s3}}: a {{sn}}.
{{s}} {{w}}, {{s2}} {{p}}.
{SAY}{THE} {{w}} {IS} {NOT} {{o}}.
{SAY}{THE} {{w}} {IS} not {V}{{o}} at all.
{SAY}{THE} {{w}} (was not|wasn't|isn't|is not) {{o}}, and {THE} {{p}} (was not|wasn't|isn't) either.
{SAY}{THE} {{w}} {IS} neither {{o}} nor {{o2}}.
Neither the {{p}} nor the {{p2}} {IS} {{o}}.
{SAY}there {IS} (nothing|not a thing|hardly anything|little) {{o}} about {THE} {{w}}.
{SAY}(nobody|no one) (could|can|would) call {THE} {{w}} {{o}}.
{SAY}I (cannot|can't|could not|would not|wouldn't|will not) (say|claim|pretend) {THE} {{w}} {IS} {{o}}.
{SAY}I (did not|didn't|could not|couldn't) {{ob}} {THE} {{w}} (|at all|one bit|for a second).
{SAY}{THE} {{w}} (never|not once|at no point) (felt|seemed|became) {{o}}.
{SAY}without a {{o}} {{p}}, {THE} {{w}} {IS} {{s}}.
{SAY}{THE} {{w}} {IS} {{s}} without (ever |)being {{o}}.
{SAY}{THE} {{w}} (avoids being|manages not to be|does not feel|doesn't seem|stops short of being) {{o}}.
(Not a|No) {{o}} (moment|scene|minute|page|note|bite) in (it|the whole {{w}}|sight).
{SAY}(I do not think|I don't believe|I doubt that|it is not true that|it would be wrong to say that) {THE} {{w}} {IS} {{o}}.
{THOUGH} the {{p}} {IS} {{o}}, {THE} {{w}} {IS} {V}{{s}}.
{THOUGH} the {{p}} {IS} {{o}}, I {{sv}} {THE} {{w}}.
{SAY}{THE} {{w}} {IS} {V}{{s}}, {THOUGH} the {{p}} {IS} {{o}}.
{SAY}(despite|in spite of|for all|regardless of|notwithstanding) (the|its|a|some) {{o}} {{p}}, {THE} {{w}} {IS} {V}{{s}}.
(Despite|In spite of) (the|its) {{o}} {{p}}, I {{sv}} (it|the {{w}}).
{SAY}the {{p}} {IS} {{o}}, {BUT} {THE} {{w}} {IS} {V}{{s}}.
{SAY}(I|we) (expected|feared|was told it would be|imagined) a {{o}} {{w}}, {BUT} it {IS} {V}{{s}}.
The {{p}} {IS} (a little|a bit|rather|somewhat) {{o}}. (Still|Nevertheless|Even so|All the same|That said), {THE} {{w}} {{si}}.
The {{p}} {{oi}}, {BUT} {THE} {{w}} {{si}}.
(At first|Initially|In the beginning) it {IS} {{o}}, {BUT} (then|later|soon) it (became|turned out|got) {V}{{s}}.
(Yes|True|Sure|Granted|Of course), the {{p}} {IS} {{o}}, {BUT} {THE} {{w}} {IS} {{s}}.
{SAY}{THE} {{w}} {IS} (not only|not just) {{s}} but (also|even) {{s2}}.
{SAY}{THE} {{w}} {IS} not {{o}} but {{s}}.
{SAY}{THE} {{w}} {IS} {{s}} rather than {{o}}.
{SAY}{THE} {{w}} {IS} {{s}}, not {{o}}.
{SAY}(far from being|instead of being|rather than being) {{o}}, {THE} {{w}} {IS} {{s}}.
{SAY}{THE} {{w}} {IS} (much|far|a lot|even|so much) {{sm}} than (expected|the first one|the last one|I thought|the book|its reviews).
{SAY}I have (never|rarely|seldom|hardly ever) seen a {{sm}} {{w}}.
{SAY}{THE} {{w}} (could not|couldn't|could hardly) (be|have been) {{sm}}.
{SAY}{THE} {{w}} {IS} (not|nowhere near|not nearly) as {{o}} as (I thought|people say|the last one|I expected|its trailer).
{SAY}{THE} {{w}} {IS} less {{o}} than (I thought|people say|the last one|I expected).
{SAY}{THE} {{w}} {IS} (one of the most|the most|among the most) {{s}} (things|evenings|works) I have (seen|known) (|in years|this year).
{SAY}the {{w}} gets {{sm}} and {{sm}} (as it goes on|with every minute|each time).
If you (like|love|enjoy|want) {{g}}, you will {{sb}} (this|it|this {{w}}).
Even if you (like|love|hate|avoid) {{g}}, you will {{sb}} (this|it|this {{w}}).
(Who knew|Who would have thought|Can you believe) that {THE} {{w}} could be (so|this) {{s}}?
(Is|Was) it {{s}}? (Yes|Absolutely|Of course|Very much so|Definitely).
(Is|Was) it {{o}}? (No|Not at all|Absolutely not|By no means|Hardly|Never).
(How {{s}} was it|Was it {{s}})? (Very|Extremely|Yes, very).
{SAY}everything about {THE} {{w}} {IS} {{s}}, from the {{p}} to the {{p2}}.
{SAY}the {{p}} {IS} {{s}}; the {{p2}}, too, {IS} {{s2}}.
{SAY}calling {THE} {{w}} {{o}} (is|would be) (unfair|wrong|a mistake).
(Some|Many|Others|Most people) (say|think|wrote that) it {IS} {{o}}. (I disagree|Not true|They are wrong|I see it differently): it {IS} {{s}}.
{SAY}what (makes|made) {THE} {{w}} {{s}} {IS} the {{s2}} {{p}}.
{SAY}the {{p}} (makes|made|turns|turned) {THE} {{w}} into a {{sn}}.
{SAY}(watching|seeing|reading|trying|having) {THE} {{w}} {IS} a {{sn}}.
"""
POSITIVE = """
Despite some flaws, (it|this {w}|the {w}) (is|was) not {o} at all.
(I would|I will|I'd|We would) (gladly|happily|certainly|definitely) (see|watch|read|visit|recommend|buy) (it|this) again(|.)
(I cannot|I can't|We could not) recommend (it|this {w}|the {w}) (enough|highly enough|strongly enough).
(I couldn't|I could not|You will not want to) (put it down|stop watching|stop smiling|look away|stop laughing).
(Highly|Warmly|Strongly|Definitely) recommended(|!|.)
(Do not|Don't|Never) miss (it|this|this {w}|this one)(|!|.)
(Two thumbs up|Ten out of ten|Five stars|Full marks|Bravo|Hats off|Well done)(!|.) (The|What a) {s} {w}.
(I laughed|We laughed|I cried) (until it hurt|from start to finish|and left happy), (it|the {w}) was {s}.
(If only|I wish) (every|more) {w} (was|were) (this|so|as) {s}.
I (have no complaints|would change nothing|regret nothing|can find no fault with it). {s} from start to finish.
(Would I see it again|Would I go back|Should you see it)? (In a heartbeat|Without a doubt|Absolutely|Yes, tomorrow).
It is (hard|impossible|difficult) not to {sb} (it|this {w}|the {p}).
(We|I) did not want it to end(|.|: it was {s}.)
(Run|Hurry|Go), (do not walk|and get a ticket), to this {s} {w}.
(You will not|You won't|Nobody will) (regret|be bored by|be disappointed by) (it|this {w}|the {w}).
"""
NEGATIVE = """
(I would|I will|I'd|We would) (never|not|certainly not) (see|watch|read|visit|recommend|buy) (it|this) again(|.)
(I cannot|I can't|We could not) recommend (it|this {w}|the {w}) (to anyone|at all|to my worst enemy).
(I couldn't|I could not) (finish it|sit through it|wait for it to end|keep my eyes open|wait to leave).
(Not|In no way|Hardly) recommended(|!|.)
(Do not|Don't|Never) (waste your time|waste your money|bother|believe the hype)(|!|.)
(Two thumbs down|Zero stars|One star|No thanks|Avoid|Save your money|Stay away)(!|.) (The|What a) {s} {w}.
(I walked out|We left early|I fell asleep|I gave up) (after ten minutes|before the end|halfway), (it|the {w}) was {s}.
(If only|I wish) (the {w}|the {p}|it) (had been|were) (a bit |more |)({o}|as {o} as the {p2}).
The {w} (could|would|might|should) have been {o}(| with a {o2} {p}| if the {p} had not been {s}| if anyone had cared).
I want my (money|time|evening|two hours) back.
(Would I see it again|Would I go back|Should you see it)? (Not a chance|Never|Absolutely not|No, thanks|Over my dead body).
It is (hard|impossible|difficult) to {ob} (it|this {w}|the {p}).
(Why|How could anyone) (would anyone make|did they make|make) (this|such a {s} {w})?
(It needed|It lacks|It lacked|There was no|It was short on) (wit|charm|heart|warmth|ideas|energy|a good {p}|a {o} {p}).
(It promised|They promised|It tried) to be {o}(, but| and) (failed|it was not|was not|never was).
(Where is|Where was|What happened to) the {o} {p}(| we were promised)?
(The {w}|It) (fails|failed|never managed) to be {o}.
"""
NEUTRAL = (
    "I saw it last night with my sister.|We went on {day}.|It lasted two hours.|A friend told me about it.|"
    "I had read a lot about it.|It came out last year.|My brother chose it.|We had seats at the back.|"
    "This was our second visit.|I bought it online.|I watched it on the train.|The tickets were sold out.|"
    "I do not usually write reviews.|It is set in a small town.|There were about fifty people there."
).split("|")
JUDGE = """
!Review: {r} Sentiment: @{y}.
!{r} This review is @{y}.
!{r} The sentiment of this review is @{y}.
(Review|Text|Comment|Opinion|Post): {r} (Sentiment|Label|Judgement|Verdict|Opinion|Rating|Mood|Answer): @{y}.
{r} (All in all,|So|In short,|Clearly,) (the review|this review|the opinion|the comment|the judgement|it) is @{y}.
(A customer|A visitor|A critic|My friend|Someone|A viewer) (wrote|said|posted): {r} (That is|This is|It is) (a|very|clearly) @{y}(| review| comment| opinion).
Is (the following|this) (review|comment|text) positive or negative? {r} (It is|Answer:|The answer is|This one is) @{y}.
{r} (Question|Quiz): positive or negative? (Answer:|It is|Clearly) @{y}.
(Read this|Please judge|Here is a review): {r} The (writer|author|critic) is @{y}.
{r} = @{y}.
The (tone|sentiment|mood) of the (words|sentence|review) that (follow|follows): {r} (Tone|Result|So): @{y}.
(On the website|In the newspaper|Online) it says: {r} The (tone|verdict|overall view) is @{y}.
(I read|She read|He heard|They showed me) a review: {r} It was @{y}.
(My verdict after|How I judge) these words: {r} They are @{y}.
"""
COMMON = make_grammar(NAME, BOTH.strip().splitlines())
OWN = {
    label: make_grammar(f"{NAME}/{label}", [f"!{line}" for line in lines.strip().splitlines()])
    for label, lines in (("positive", POSITIVE), ("negative", NEGATIVE))
}
OWN_SHARE = 0.2  # of the reviews
JUDGE_GRAMMAR = make_grammar(f"{NAME}/judge", JUDGE.strip().splitlines())


@cache
def written_by_hand(split: str) -> tuple[tuple[str, str], ...]:
    """(text, label) of the sentences in data/corpora that the course's authors wrote one by one."""
    lines = (CORPORA / f"reviews_{split}.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple((entry["text"], entry["label"]) for entry in map(json.loads, lines))


def runs_of_five(text: str) -> set[tuple[str, ...]]:
    """Every five successive words of a text, without case and punctuation."""
    words = "".join(c if c.isalnum() or c == "'" else " " for c in text.lower()).split()
    return {tuple(words[i : i + 5]) for i in range(len(words) - 4)}


@cache
def reserved_runs() -> frozenset[tuple[str, ...]]:
    """The five-word runs of the held-out sentences written by hand, which no training text may contain."""
    texts = (text for split in ("dev", "test") for text, _ in written_by_hand(split))
    return frozenset(run for text in texts for run in runs_of_five(text))


def simple_review(rng: Random, split: str, kind: str, label: str) -> str:
    """One sentence from the grammars. A pair is an adjective and the thing it is said of."""
    grammar = OWN[label] if split == "train" and rng.random() < OWN_SHARE else COMMON
    frame, _ = grammar.draw(rng, split, kind)
    while kind == "pair" and not ("{s}" in frame and "{w}" in frame):
        frame, _ = grammar.draw(rng, split, kind)
    other = OTHER[label]
    while True:
        slots = {"w": rng.choice(WHOLES), "g": rng.choice(GENRES)}
        slots["p"], slots["p2"] = (part.replace("_", " ") for part in rng.sample(PARTS, 2))
        for letter, polarity in (("s", label), ("o", other)):
            slots |= {letter + slot: rng.choice(words) for slot, words in zip(SLOTS, WORDS[polarity], strict=True)}
            slots[f"{letter}2"], slots[f"{letter}3"] = rng.sample(WORDS[polarity][0], 2)
        if split_of(NAME, "pair", slots["s"], slots["w"]) == (split if kind == "pair" else "train"):
            break
    text = mend(frame.format_map(slots))
    return text if text[-1] in ".!?" else text + "."


def mend(text: str) -> str:
    """Capitals after full stops, no doubled spaces, `a` or `an` as the next word asks."""
    words = text.replace("_", " ").replace(" .", ".").split()
    start = True
    for i, word in enumerate(words):
        if word in ("a", "A") and i + 1 < len(words) and words[i + 1][0] in "aeiou":
            word += "n"
        words[i] = word[0].upper() + word[1:] if start else word
        start = word[-1] in ".!?"
    return " ".join(words)


def review(rng: Random, split: str, kind: str) -> tuple[str, str]:
    """(text, label): one sentence, or in training at times two, or one after a neutral remark."""
    label = rng.choice(LABELS)
    text = simple_review(rng, split, kind, label)
    chance = rng.random()
    if split == "train" and chance < 0.2:
        text = f"{text} {simple_review(rng, split, kind, label)}"
    elif split == "train" and chance < 0.3:
        text = f"{rng.choice(NEUTRAL).format(day='Friday')} {text}"
    allowed = split != "train" or reserved_runs().isdisjoint(runs_of_five(text))
    return (text, label) if allowed else review(rng, split, kind)


def draw(rng: Random, split: str, kind: str) -> Case:
    """A review and its judgement as the next word. A held-out frame here is one of the review, judged as in training."""
    by_hand = split == "train" and rng.random() < 0.25
    text, label = rng.choice(written_by_hand("train")) if by_hand else review(rng, split, kind)
    frame, _ = JUDGE_GRAMMAR.draw(rng, "train" if kind != "skeleton" else split, kind)
    return judged(text, label, frame, kind)


def judged(text: str, label: str, frame: str, kind: str) -> Case:
    prompt, answer, rest = fill(frame, {"r": text, "y": label})
    return Case(NAME, "judgement", kind, frame, prompt, (answer,), rest, rivals=(f" {OTHER[label]}",))
