"""Plain sentences: no question is asked of them; they make ordinary English likely and give every word a use."""

from random import Random

from training.frames import Case, make_grammar, mend_articles
from training.lexicon import ANIMALS, COUNTRIES, DAYS, LANDMARKS, NAMES, OBJECTS, PLACES, THINGS, article

NAME = "general"
KINDS = ()
WEIGHT = 0.03

WHO = "({A}|the {person}|my {kin}|the {animal}|a {person}|her {kin}|his {kin}|our {kin}|the {adj} {person}|the {adj} {animal})"
WHO2 = "({B}|the {person}|my {kin}|the {animal}|a {person}|her {kin}|his {kin})"
DID = (
    "(walked to the {place}|slept on the {object}|sat on the {object}|read {a thing}|looked at the {thing}|lost the {thing}|"
    "sang a song|told a story|opened the {thing}|carried the {thing}|came home|stayed at the {place}|waited for {B}|"
    "ran through the {place}|played in the {place}|ate {a food}|drank some {drink}|bought {a thing}|painted the {object}|"
    "laughed|cried|smiled|worked all day|fell asleep|went for a walk|made {a food}|wrote a letter|took the {thing} to {B})"
)
HOW = "(|quickly|slowly|quietly|happily|again|all day|in the {place}|with {B}|on {day}|in the morning|at night|for an hour)"
OPEN = "(|Yesterday |Today |One day |Last night |In the evening |In the morning |Suddenly |Then |Later |At noon |In spring )"
FEEL = "(tired|hungry|happy|sad|angry|cold|bored|afraid|late|busy|ill|thirsty|proud|lonely|curious|sleepy)"
LINES = f"""
!The cat sat on the mat because it was very tired.
!The {{animal}} (sat on|slept on|lay on|stood on) the {{object}} because it was (|very |too ){FEEL}.
{OPEN}{WHO} {DID}.
{OPEN}{WHO} {DID} {HOW}.
{OPEN}{WHO} {DID} and {WHO2} {DID}.
{OPEN}{WHO} {DID} because {WHO2} was (|very |too ){FEEL}.
(When|After|Before|While|If|Because|Although) {WHO} {DID}, {WHO2} {DID}.
{WHO} was (|very |too |not |never |always ){FEEL}, (so|and|but) {WHO2} {DID}.
There (is|was) (a|the|no) {{adj}} {{thing}} (on|under|near|behind) the {{object}}.
There (are|were) (two|three|four|five|many|some|no) {{animal}}s (in|near|behind) the {{place}}.
(Where|Why|When|How) did {WHO} (go|sleep|sing|run|come home|leave)? (In the {{place}}|On {{day}}|Nobody knows|I do not know).
The {{thing}} is (|very |not |too ){{adj}}, and the {{object}} is (|very |not |too ){{adj}}.
I (like|love|want|need|see|have|found|bought) (the|a) {{adj}} {{thing}} (|from {{country}}|from the {{place}}).
(He|She|They|We|I) (lived|worked|stayed|travelled) in {{country}} for (two|three|four|five|ten|many) years.
{WHO} (said|thought|knew|hoped|believed|forgot) that {WHO2} {DID}.
The (weather|sky|sea|water|air|wind) (is|was) (cold|warm|blue|calm|grey|clear|dark) (today|on {{day}}|in {{country}}|at night).
It (was|is) (cold|warm|late|early|raining|snowing|dark|quiet) in the {{place}}.
(Please|Do not|Never|Always) (open|close|bring|take|touch|forget|lose) the {{thing}}.
{{A}}, {{B}} and {{C}} {DID}.
The {{person}} asked {{A}}: (where is|do you have|can I see|who took) the {{thing}}?
(My|Our|Her|His) {{kin}} has {{a thing}} and (two|three|four) {{animal}}s.
{WHO} wanted to (eat|sleep|play|go home|sing|read|leave|help), but {WHO2} {DID}.
(Thank you|Good morning|Good night|Hello), {{A}}. (How are you|Come in|Sit down|See you on {{day}}).
(First|At first) {WHO} {DID}, then {WHO2} {DID}, and (finally|in the end) {WHO2} {DID}.
The {{animal}} is (bigger|smaller|faster|slower|older|louder) than the {{animal2}}.
(She|He) gave {{a thing}} to the {{person}} and (went home|said goodbye|smiled).
(We|They) had (dinner|lunch|breakfast|tea) at the {{place}} (on {{day}}|with {{A}}|again).
{{A}} and {{B}} (went to|live near|work at|walked to) the {{place}} (every day|on {{day}}|together|in spring).
{{landmark}} is (|very |really )(beautiful|old|big|famous|crowded|impressive) (|in spring|at night|on {{day}}).
(We|She|He|They|I) took a photo of {{landmark}} (|on {{day}}|at night|with {{A}}).
The keys are (on|under|near) the {{object}}. (They are|The keys are) {{adj}}.
The (quick|slow) (brown|grey|white) {{animal}} jumps over the (lazy|old|big) {{animal2}}.
(To be or not to be, that is the question|Practice makes perfect|Time flies|Better late than never|All is well that ends well).
"""
PEOPLE = "doctor teacher nurse student farmer driver singer neighbour child king queen painter baker judge sailor guard".split()
KIN = (
    "mother father sister brother friend aunt uncle cousin son daughter boss neighbour grandmother grandfather".split()
)
ADJECTIVES = (
    "old new red blue green black white small big young quiet famous broken beautiful heavy light strange little long "
    "short round empty full clean dirty soft hard dark bright cheap lovely"
).split()
FOODS = "cake sandwich apple orange biscuit pizza salad soup egg banana".split()
DRINKS = "tea coffee water milk juice lemonade".split()
COUNTRY_NAMES = [country for country, *_ in COUNTRIES]
LANDMARK_NAMES = list(LANDMARKS)
GRAMMAR = make_grammar(NAME, LINES.strip().splitlines())


def draw(rng: Random, split: str, kind: str) -> Case:
    """A plain sentence; the whole of it is the answer's rest, so that no word is stressed."""
    frame, _ = GRAMMAR.draw(rng, split, kind)
    first, second, third = rng.sample(NAMES, 3)
    animal, other = rng.sample(ANIMALS, 2)
    thing = rng.choice(THINGS)
    slots = {"A": first, "B": second, "C": third, "animal": animal, "animal2": other, "thing": thing}
    slots |= {"a thing": article(thing), "a food": article(rng.choice(FOODS)), "drink": rng.choice(DRINKS)}
    slots |= {"person": rng.choice(PEOPLE), "kin": rng.choice(KIN), "adj": rng.choice(ADJECTIVES)}
    slots |= {"place": rng.choice(PLACES), "object": rng.choice(OBJECTS), "day": rng.choice(DAYS)}
    slots |= {"country": rng.choice(COUNTRY_NAMES), "landmark": rng.choice(LANDMARK_NAMES)}
    text = mend_articles(frame.format_map(slots)).replace("  ", " ").replace(" .", ".")
    return Case(NAME, "sentence", kind, frame, "", (text[0].upper() + text[1:],))
