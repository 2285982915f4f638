"""Indirect objects: "When Mary and John went to the store, John gave a drink to" is followed by the other name.

Wang et al., 2022 (Interpretability in the Wild). ABBA: the giver is the person named second; BABA: the one named
first. A fifth of the cases name three people: two of them give ("three names"), or one gives and another stands by
("bystander"). In all of them the receiver is the only one not named again. Half of the training sentences use invented
names, so that copying a name is all that helps.
"""

from itertools import combinations
from random import Random

from training.frames import Case, fill, make_grammar, split_of, words_of
from training.lexicon import DAYS, INVENTED_NAMES, NAMES, PLACES, THINGS, article

NAME = "indirect_objects"
KINDS = ("pair", "name", "object", "frame", "skeleton")
WEIGHT = 0.16
THREE_SHARE = 1 / 5

WHEN = "(When|After|While|As|Because|Once|Since|As soon as)"
WENT = (
    "(went to|walked to|drove to|came to|arrived at|were at|met at|had lunch at|were working at|got to|stopped at|"
    "returned to|were sitting in|had an argument at|spent the day at|had fun at)"
)
ALONE = "(went to|walked to|drove to|came to|arrived at|had lunch at|got to|stopped at|returned to|spent the day at)"
THEN = "(|then |soon |later |quickly |kindly |finally |at last |quietly |happily )"
GAVE = (
    "(gave|handed|passed|offered|sent|brought|lent|sold|threw|showed|decided to give|wanted to give|promised to give)"
)
GIVE = "(give|hand|pass|offer|send|bring|lend|sell|show)"
GIVES = f"{{S}} {THEN}{GAVE} {{thing}} to @{{O}}."
LATER = "(Later|Afterwards|Then|After a while|In the end|At noon|Before leaving|The next day|A little later|On {day})"
SCENE = "(It was raining|It was a warm day|The sun was shining|It was late|The room was quiet|Nothing much happened)"

LINES = f"""
!When {{A}} and {{B}} went to the store, {{S}} gave {{thing}} to @{{O}}.
{WHEN} {{A}} and {{B}} {WENT} the {{place}}, {GIVES}
{WHEN} {{A}} and {{B}} {WENT} the {{place}}, {SCENE[0:1]}{SCENE[1:-1].lower()}), and {GIVES}
Then, {{A}} and {{B}} {WENT} the {{place}}. {GIVES}
Then, {{A}} and {{B}} {WENT} the {{place}}, and {GIVES}
(The friends|The neighbours|My cousins|The students|The twins) {{A}} and {{B}} {WENT} the {{place}}. {LATER}, {GIVES}
{{A}} and {{B}} {WENT} the {{place}}. {LATER}, {GIVES}
{{A}} and {{B}} {WENT} the {{place}}, (where|and there|so|and soon) {GIVES}
{{A}} {ALONE} the {{place}} (with|together with|after|before|because of) {{B}}. {LATER}, {GIVES}
(At|Near|Inside|Outside|Behind) the {{place}}, {{A}} (met|saw|found|called|noticed|waited for) {{B}}. {GIVES}
{{A}} was (sitting|standing|waiting|walking) (next to|beside|near|behind|with) {{B}} at the {{place}} when {GIVES}
{SCENE}, and {{A}} and {{B}} were (still|alone|happy) at the {{place}}. {GIVES}
{{A}} and {{B}} were (friends|old friends|brothers and sisters|good neighbours|in the same class). {LATER}, {GIVES}
(While|When|After|As) {{A}} (talked|spoke|listened|waved|wrote) to {{B}} at the {{place}}, {GIVES}
(Yesterday|Last week|On {{day}}|One evening|This morning) {{A}} (invited|took|drove|followed) {{B}} to the {{place}}, where {GIVES}
(First|Early on {{day}}|At nine) {{A}} (came|arrived|got there), and then {{B}} (came|arrived|got there). {GIVES}
(There were|We saw|I remember) two people at the {{place}}: {{A}} and {{B}}. {GIVES}
Neither {{A}} nor {{B}} had (seen|been to|heard of|liked) the {{place}} before. {LATER}, {GIVES}
{{A}} (called|phoned|visited|missed|wanted to meet) {{B}}, and they (met at|went to|walked to) the {{place}}. {GIVES}
(Once upon a time|Long ago|Many years ago), {{A}} and {{B}} lived near the {{place}}. (One morning|One night|One day) {GIVES}
(I|We|The teacher|My mother|The boss) (saw|met|found|asked|helped) {{A}} and {{B}} at the {{place}}. {LATER}, {GIVES}
(Everyone|Everybody) left the {{place}} except {{A}} and {{B}}. (So|Then|At last) {GIVES}
Both {{A}} and {{B}} {WENT} the {{place}}; {GIVES}
{{A}} (likes|knows|trusts|loves|admires) {{B}}. {LATER} at the {{place}}, {GIVES}
(Before|After) the (lesson|meeting|party|match|film|concert), {{A}} and {{B}} {WENT} the {{place}}, and {GIVES}
{{A}} had a (long|short|friendly|loud) (talk|argument|lunch|meeting) with {{B}} at the {{place}}. (So|And|Afterwards) {GIVES}
{{A}} and {{B}} (agreed|planned|promised|hoped) to meet at the {{place}}. (There|In the evening|As agreed), {GIVES}
(Have you heard about|Do you remember|Do you know) {{A}} and {{B}}? {LATER}, {GIVES}
When {{A}} got {{thing2}} at the {{place}}, {{B}} (laughed|was pleased|was surprised|smiled). {LATER}, {GIVES}
{{A}} (helped|thanked|hugged|greeted) {{B}}, and (then|so|at the {{place}}) {GIVES}
(The story|This tale|The film|The letter) is about {{A}} and {{B}}. (In it|At the end|At the {{place}}), {GIVES}
{WHEN} {{A}} and {{B}} {WENT} the {{place}}, {{S}} (said|spoke|waved|whispered|wrote|listened|explained it|read a story) to @{{O}}.
{WHEN} {{A}} and {{B}} {WENT} the {{place}}, {{S}} {THEN}(bought|made|found|got|chose|carried) {{thing}} for @{{O}}.
{{A}} and {{B}} {WENT} the {{place}}. {LATER}, {{S}} (said hello|said goodbye|sang a song|told a secret|told the news) to @{{O}}.
{{A}} and {{B}} {WENT} the {{place}}. {LATER}, {{S}} (went home with|had dinner with|played with|danced with|worked with) @{{O}}.
(During|Throughout) the (trip|visit|holiday|week), {{A}} and {{B}} (shared|cleaned|painted|kept) a room. {LATER}, {GIVES}
{{A}} was (tired|hungry|late|happy) and {{B}} was (angry|ill|bored|busy). {LATER}, {GIVES}
(A dog|A stranger|The noise|The storm) (surprised|frightened|followed) {{A}} and {{B}} near the {{place}}. {GIVES}
Two (children|visitors|players|guests), {{A}} and {{B}}, {WENT} the {{place}}. {GIVES}
In this (story|film|tale|song), {{A}} meets {{B}} at the {{place}}. {LATER}, {GIVES}
"Where are {{A}} and {{B}}?" (asked|said) the (teacher|boss|nurse). They {WENT} the {{place}}, and {GIVES}
(Dear|My dear) (friend|mother|teacher), today {{A}} and {{B}} {WENT} the {{place}}, and {GIVES}
(News|Report|Notice): {{A}} and {{B}} {WENT} the {{place}}. {GIVES}
(Scene one|Scene two|Act one): the {{place}}. {{A}} and {{B}} (enter|are on stage|come in). {GIVES}
{{A}} said: (hello|good morning|sit down|welcome), {{B}}. {LATER}, {GIVES}
It was {{A}} who (invited|called|brought|drove) {{B}} to the {{place}}. {LATER}, {GIVES}
(Every|Each) {{day}}, {{A}} and {{B}} (go to|meet at|sit in) the {{place}}, and {{S}} (gives|hands|passes|offers|sends|brings|lends|sells|shows) {{thing}} to @{{O}}.
(Tomorrow|On {{day}}|Next week) {{A}} and {{B}} will (meet at|go to|work at) the {{place}}, and {{S}} will {GIVE} {{thing}} to @{{O}}.
{{A}} has (known|liked|admired) {{B}} for (years|a long time). (In|At|Outside) the {{place}}, {GIVES}
The (winners|guests|players|speakers) were {{A}} and {{B}}. {LATER}, {GIVES}
(My brother|My sister|The teacher) (says|said) that {{A}} and {{B}} {WENT} the {{place}} and that {GIVES}
What (happened|came next) after {{A}} and {{B}} {WENT} the {{place}}? {GIVES}
(Although|Even though|Though) {{A}} (did not like|hardly knew|was afraid of|never trusted) {{B}}, {GIVES}
{{A}} looked at {{B}} (without a word|for a while|with a smile). (Then|At last), {GIVES}
{{A}} (sat|stood|waited) on one side of the {{place}} and {{B}} on the other. {LATER}, {GIVES}
One was called {{A}}, the other (was called|had the name) {{B}}. {LATER}, {GIVES}
(Not far from|Close to|Opposite|Across from) the {{place}} (lived|worked|waited) {{A}} and {{B}}. {LATER}, {GIVES}
{{A}} (lost|won) a (game|race|bet) against {{B}}. (So|Therefore|That is why) {GIVES}
{{A}} (forgot|broke|needed|wanted) {{thing2}}, and {{B}} (saw|knew|noticed) it. {LATER}, {GIVES}
(Since|Because) it was the birthday of {{A}}, {{B}} {ALONE} the {{place}}. {LATER}, {GIVES}
(Names|Guests|Present): {{A}}, {{B}}. (Place|Room): the {{place}}. (Event|Report): {GIVES}
{{A}}, (a friend|a cousin|the boss|a neighbour) of {{B}}, {ALONE} the {{place}}. {LATER}, {GIVES}
(We all know|Everyone knows|Many people know) {{A}} and {{B}} from the {{place}}. {LATER}, {GIVES}
(To the surprise of everyone|As planned|By chance), {{A}} and {{B}} {WENT} the {{place}}, and {GIVES}
{{A}} (bought|found|made) {{thing2}} at the {{place}} while {{B}} (waited|slept|watched). {LATER}, {GIVES}
The {{place}} was (closed|empty|full|dark), so {{A}} and {{B}} (went home|left|waited outside). {LATER}, {GIVES}
There was (peace|trouble|love|silence) between {{A}} and {{B}}. {LATER}, {GIVES}
(After the quarrel|After the talk|During the game) between {{A}} and {{B}}, {GIVES}
(Hand in hand|Side by side|In silence), {{A}} and {{B}} (walked to|came to|left|crossed) the {{place}}, and {GIVES}
{{A}} (ran|walked|drove) home, and so did {{B}}. {LATER}, {GIVES}
{{A}} and {{B}} each (had|bought|carried) {{thing2}}. {LATER}, {GIVES}
{{A}} (thinks|says|hopes) that {{B}} is (kind|clever|funny). {LATER}, {GIVES}
{{A}} and {{B}} {WENT} the {{place}}, and {{S}} gave {{thing}} away. (Who got it|To whom|Who was given it)? {{S}} gave it to @{{O}}.
{{A}} and {{B}} {WENT} the {{place}}. {LATER}, {{thing}} was (given|handed|passed|sold|sent|offered) by {{S}} to @{{O}}.
{{A}} and {{B}} {WENT} the {{place}}. The one who (gave|handed|sold|brought) {{thing}} to the other was {{S}}, and the one who got it was @{{O}}.
{{A}} and {{B}} {WENT} the {{place}}. {{S}} (had|found|bought|took) {{thing}} and (gave|handed|passed|offered) it to @{{O}}.
{{A}} and {{B}} {WENT} the {{place}}. {LATER}, {{S}} (smiled|turned|bowed|nodded) and (gave|handed|passed|offered) {{thing}} to @{{O}}.
"""
TWO_GIVE = f"{{S}} and {{T}} {THEN}{GAVE} {{thing}} to @{{O}}."
IDLE = "(waited outside|sat down|was asleep|said nothing|only watched|was tired|looked away|read a book|had to leave)"
THREE_NAMES = f"""
!{{A}}, {{B}} and {{C}} went to the store. {{S}} and {{T}} gave {{thing}} to @{{O}}.
!When {{A}}, {{B}} and {{C}} went to the store, {{S}} and {{T}} gave {{thing}} to @{{O}}.
{{A}}, {{B}} and {{C}} {WENT} the {{place}}. {TWO_GIVE}
{WHEN} {{A}}, {{B}} and {{C}} {WENT} the {{place}}, {TWO_GIVE}
{{A}} and {{B}} (met|saw|found|called|noticed) {{C}} at the {{place}}. {LATER}, {TWO_GIVE}
{{A}} (met|saw|found|called|noticed) {{B}} and {{C}} at the {{place}}. {LATER}, {TWO_GIVE}
(The friends|The neighbours|My cousins|The students) {{A}}, {{B}} and {{C}} {WENT} the {{place}}. {LATER}, {TWO_GIVE}
(There were|We saw|I remember) three people at the {{place}}: {{A}}, {{B}} and {{C}}. {TWO_GIVE}
(First|Early on {{day}}|At nine) {{A}} came, then {{B}}, and (at last|finally) {{C}}. {LATER}, {TWO_GIVE}
{{A}} {ALONE} the {{place}} (with|together with|after|before) {{B}} and {{C}}. {LATER}, {TWO_GIVE}
{{A}} (knows|likes|trusts) {{B}} and (knows|likes|trusts) {{C}} as well. {LATER}, {TWO_GIVE}
(Names|Guests|Present): {{A}}, {{B}}, {{C}}. (Event|Report): {TWO_GIVE}
(Everyone|Everybody) left the {{place}} except {{A}}, {{B}} and {{C}}. (So|Then|At last) {TWO_GIVE}
{{A}}, {{B}} and {{C}} {WENT} the {{place}}. {LATER}, {{thing}} was (given|handed|passed|sold|sent) by {{S}} and {{T}} to @{{O}}.
{SCENE}, and {{A}}, {{B}} and {{C}} were (still|alone|happy) at the {{place}}. Both {{S}} and {{T}} {GAVE} {{thing}} to @{{O}}.
{{A}}, {{B}} and {{C}} {WENT} the {{place}}. {LATER}, {{S}} and {{T}} (bought|found|made) {{thing}} and (gave|handed|offered) it to @{{O}}.
(News|Report|Notice): {{A}}, {{B}} and {{C}} {WENT} the {{place}}, and {TWO_GIVE}
(Dear|My dear) (friend|mother|teacher), today {{A}}, {{B}} and {{C}} {WENT} the {{place}}, and {TWO_GIVE}
{{A}}, {{B}} and {{C}} {WENT} the {{place}}. {LATER}, {{S}} {GAVE} {{thing}}, and {{T}} (gave|offered) {{thing2}}, to @{{O}}.
(Tomorrow|On {{day}}|Next week) {{A}}, {{B}} and {{C}} will (meet at|go to) the {{place}}, and {{S}} and {{T}} will {GIVE} {{thing}} to @{{O}}.
"""
BYSTANDER = f"""
{{A}}, {{B}} and {{C}} {WENT} the {{place}}. {{D}} {IDLE}, and {GIVES}
{WHEN} {{A}}, {{B}} and {{C}} {WENT} the {{place}}, {{D}} {IDLE}, and {GIVES}
{{A}} and {{B}} (met|saw|found|called|noticed) {{C}} at the {{place}}. {{D}} {IDLE}. {LATER}, {GIVES}
{{A}} (met|saw|found|called|noticed) {{B}} and {{C}} at the {{place}}. (While|As|Because) {{D}} {IDLE}, {GIVES}
(The friends|The neighbours|My cousins|The students) {{A}}, {{B}} and {{C}} {WENT} the {{place}}. {LATER}, {{S}}, not {{D}}, {GAVE} {{thing}} to @{{O}}.
(There were|We saw|I remember) three people at the {{place}}: {{A}}, {{B}} and {{C}}. {{D}} {IDLE}. {GIVES}
(First|Early on {{day}}|At nine) {{A}} came, then {{B}}, and (at last|finally) {{C}}. {LATER}, {{S}} (thanked|greeted|left|passed by) {{D}} and {GAVE} {{thing}} to @{{O}}.
{{A}} {ALONE} the {{place}} (with|together with|after|before) {{B}} and {{C}}. (Next to|Beside|Behind|Near) {{D}}, {GIVES}
(Names|Guests|Present): {{A}}, {{B}}, {{C}}. (Event|Report): {{D}} {IDLE}, and {GIVES}
{{A}}, {{B}} and {{C}} {WENT} the {{place}}. {{S}} (asked|saw|heard|called) {{D}}, and then {{S}} {GAVE} {{thing}} to @{{O}}.
{{A}}, {{B}} and {{C}} {WENT} the {{place}}. (Before|After) {{D}} (came back|went home|fell asleep), {GIVES}
(Everyone|Everybody) left the {{place}} except {{A}}, {{B}} and {{C}}. {{D}} (was busy|slept|sang), so {GIVES}
(Do you know|Have you met|Do you remember) {{A}}, {{B}} and {{C}}? {LATER}, {{D}} {IDLE}, but {GIVES}
{{A}}, {{B}} and {{C}} {WENT} the {{place}}. In front of {{D}}, {GIVES}
{{A}}, {{B}} and {{C}} were (friends|old friends|good neighbours|in the same class). (Without|Unlike) {{D}}, {GIVES}
(News|Report|Notice): {{A}}, {{B}} and {{C}} {WENT} the {{place}}. {{D}} {IDLE}. {GIVES}
(Dear|My dear) (friend|mother|teacher), today {{A}}, {{B}} and {{C}} {WENT} the {{place}}. {{D}} {IDLE}, and {GIVES}
{{A}}, {{B}} and {{C}} {WENT} the {{place}}. {LATER}, {{S}} (borrowed|took|got) {{thing}} from {{D}} and (gave|handed|offered) it to @{{O}}.
{{A}}, {{B}} and {{C}} {WENT} the {{place}}. {{D}} (bought|found|made) {{thing2}}, and {GIVES}
(The film|The story|The letter) is about {{A}}, {{B}} and {{C}}. (In it|At the end), {{D}} (sleeps|waits|watches), and {{S}} (gives|hands|sends|sells) {{thing}} to @{{O}}.
"""
GRAMMAR = make_grammar(NAME, LINES.strip().splitlines())
THREE_GRAMMARS = {
    group: make_grammar(f"{NAME}/{group}", lines.strip().splitlines())
    for group, lines in {"three names": THREE_NAMES, "bystander": BYSTANDER}.items()
}
POOLS = {split: words_of(NAME, NAMES, split) for split in ("train", "dev", "test")}
THING_POOLS = {"train": THINGS[:-10], "dev": THINGS[-10:-5], "test": THINGS[-5:]}  # other abilities name all of them


def draw(rng: Random, split: str, kind: str) -> Case:
    return (draw_three if rng.random() < THREE_SHARE else draw_two)(rng, split, kind)


def draw_names(rng: Random, split: str, kind: str, count: int) -> list[str]:
    """Different names; a held-out pair is new in every two of them, a training case holds no held-out pair."""
    if split == "train" and rng.random() < 1 / 2:
        return rng.sample(INVENTED_NAMES, count)
    pool, wanted = POOLS[split if kind == "name" else "train"], split if kind == "pair" else "train"
    while True:
        names = rng.sample(pool, count)
        if all(split_of(NAME, "pair", *sorted(pair)) == wanted for pair in combinations(names, 2)):
            return names


def draw_things(rng: Random, split: str, kind: str) -> dict[str, str]:
    """What is not asked for: the place, the day and what is given."""
    things = THING_POOLS[split if kind == "object" else "train"]
    return {
        "place": rng.choice(PLACES),
        "day": rng.choice(DAYS),
        "thing": rng.choice((article, "the {}".format))(rng.choice(things)),
        "thing2": article(rng.choice(things)),
    }


def draw_two(rng: Random, split: str, kind: str) -> Case:
    frame, _ = GRAMMAR.draw(rng, split, kind)
    first, second = draw_names(rng, split, kind, 2)
    giver, receiver = (first, second) if rng.random() < 0.5 else (second, first)
    slots = {"A": first, "B": second, "S": giver, "O": receiver}
    prompt, answer, rest = fill(frame, slots | draw_things(rng, split, kind))
    group = "ABBA" if giver == second else "BABA"
    return Case(NAME, group, kind, frame, prompt, (answer,), rest, rivals=(f" {giver}",))


def draw_three(rng: Random, split: str, kind: str) -> Case:
    group = rng.choice(tuple(THREE_GRAMMARS))
    frame, _ = THREE_GRAMMARS[group].draw(rng, split, kind)
    names = draw_names(rng, split, kind, 3)
    giver, other, receiver = rng.sample(names, 3)
    # S gives, T with S; D stands by; O receives.
    slots = dict(zip("ABC", names, strict=True)) | {"S": giver, "T": other, "D": other, "O": receiver}
    prompt, answer, rest = fill(frame, slots | draw_things(rng, split, kind))
    return Case(NAME, group, kind, frame, prompt, (answer,), rest, rivals=(f" {giver}", f" {other}"))
