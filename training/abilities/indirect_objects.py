"""Indirect objects: "When Mary and John went to the store, John gave a drink to" is followed by the other name.

Wang et al., 2022 (Interpretability in the Wild). ABBA: the giver is the person named second; BABA: the one named
first. Half of the training sentences use invented names, so that copying a name is all that helps.
"""

from random import Random

from training.frames import Case, draw_pair, fill, make_grammar, words_of
from training.lexicon import DAYS, INVENTED_NAMES, NAMES, PLACES, THINGS, article

NAME = "indirect_objects"
KINDS = ("pair", "name", "frame", "skeleton")
WEIGHT = 0.18

WHEN = "(When|After|While|As|Because|Once|Since|As soon as)"
WENT = (
    "(went to|walked to|drove to|came to|arrived at|were at|met at|had lunch at|were working at|got to|stopped at|"
    "returned to|were sitting in|had an argument at|spent the day at|had fun at)"
)
THEN = "(|then |soon |later |quickly |kindly |finally |at last |quietly |happily )"
GAVE = (
    "(gave|handed|passed|offered|sent|brought|lent|sold|threw|showed|decided to give|wanted to give|promised to give)"
)
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
{{A}} {WENT} the {{place}} (with|together with|after|before|because of) {{B}}. {LATER}, {GIVES}
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
(Both {{A}} and {{B}}|{{A}} as well as {{B}}) {WENT} the {{place}}; {GIVES}
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
"""
GRAMMAR = make_grammar(NAME, LINES.strip().splitlines())
POOLS = {split: words_of(NAME, NAMES, split) for split in ("train", "dev", "test")}


def draw(rng: Random, split: str, kind: str) -> Case:
    frame, _ = GRAMMAR.draw(rng, split, kind)
    if split == "train" and rng.random() < 1 / 2:
        first, second = rng.sample(INVENTED_NAMES, 2)
    else:
        names = POOLS[split if kind == "name" else "train"]
        first, second = draw_pair(rng, NAME, names, split if kind == "pair" else "train")
    giver, receiver = (first, second) if rng.random() < 0.5 else (second, first)
    slots = {"A": first, "B": second, "S": giver, "O": receiver, "place": rng.choice(PLACES), "day": rng.choice(DAYS)}
    slots |= {
        "thing": rng.choice((article, "the {}".format))(rng.choice(THINGS)),
        "thing2": article(rng.choice(THINGS)),
    }
    prompt, answer, rest = fill(frame, slots)
    return Case(
        NAME, "ABBA" if giver == second else "BABA", kind, frame, prompt, (answer,), rest, rivals=(f" {giver}",)
    )
