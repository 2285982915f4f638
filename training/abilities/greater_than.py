"""Greater than: "The war lasted from the year 1732 to the year 17" is followed by a number above 32.

Hanna et al., 2023 (How does GPT-2 compute greater-than?). Digits are tokens in pairs, so the answer is one token.
"""

from random import Random

from training.frames import Case, fill, make_grammar, mend_articles, split_of

NAME = "greater_than"
KINDS = ("pair", "name", "frame", "skeleton")
WEIGHT = 0.02

EVENTS = (
    "war siege voyage expedition reign conflict campaign dynasty drought famine revolt strike trial journey project "
    "programme study feud exhibition occupation truce treaty boom crisis plague rebellion construction partnership tour "
    "alliance quarrel experiment festival investigation friendship marriage empire exile search"
).split()
LINES = """
!The {event} lasted from the year {c}{a} to the year {c}@{b}.
!The {event} lasted from {c}{a} to {c}@{b}.
(The|That|This|A long|The famous|A bitter|The whole) {event} (lasted|went on|ran|continued|dragged on|took place) from (the year |){c}{a} (to|until|till) (the year |){c}@{b}.
(In our book|In history|As we know|In that land), the {event} (lasted|went on|ran|continued) from {c}{a} (to|until|till) {c}@{b}.
The {event} (began|started|broke out) in {c}{a} and (ended|was over|finished|came to an end) in {c}@{b}.
Between {c}{a} and {c}{b}, the {event} (went on|continued). It ended in {c}@{b}.
(Having begun|Having started) in {c}{a}, the {event} (ended|was over) in {c}@{b}.
(It was|They say it was) a long {event}, from {c}{a} (to|until|through) {c}@{b}.
(The dates of the|Years of the|Dates: the) {event}: {c}{a} to {c}@{b}.
The {event} of {c}{a} did not end (until|before) {c}@{b}.
(She|He|The queen|The king|The writer) was born in {c}{a}, (during the {event},|after the {event},) and died in {c}@{b}.
(The museum|The school|The bridge|The tower) was (planned|begun|founded) in {c}{a} and (finished|opened|closed) after the {event} in {c}@{b}.
(People remembered|Books describe|Songs tell of) the {event} from {c}{a} (up to|to|until) {c}@{b}.
(There was|We read about|They wrote about) a {event} that (started|began) in {c}{a} and (ended|stopped) in {c}@{b}.
The {event} (started|opened) in the spring of {c}{a} and (ended|closed) in the autumn of {c}@{b}.
"""
GRAMMAR = make_grammar(NAME, LINES.strip().splitlines())


def draw(rng: Random, split: str, kind: str) -> Case:
    while True:
        frame, _ = GRAMMAR.draw(rng, split, kind)
        if split != "train" and "{b}" in frame.split("@")[0]:
            continue  # the answer stands in the prompt already
        event, century, start = rng.choice(EVENTS), str(rng.randint(11, 19)), rng.randint(2, 97)
        new_event = split_of(NAME, "name", event) == (split if kind == "name" else "train")
        new_year = split_of(NAME, "pair", century, str(start)) == (split if kind == "pair" else "train")
        if new_event and new_year:
            break
    end = rng.randint(start + 1, 99)
    slots = {"event": event, "c": century, "a": f"{start:02d}", "b": f"{end:02d}"}
    prompt, answer, rest = fill(mend_articles(frame.replace("{event}", event)), slots)
    later = tuple(f"{year:02d}" for year in range(start + 1, 100) if year != end)
    rivals = tuple(f"{year:02d}" for year in (max(start - 5, 1),))
    return Case(NAME, "year", kind, frame, prompt, (answer, *later), rest, rivals)
