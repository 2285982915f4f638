"""Facts: landmark to city, country to capital, country to language, person to profession.

A held-out case never asks for a fact that training withheld, which could not be known: it asks for a known fact in a
frame in which that fact (`pair`), or any fact (`frame`, `skeleton`), was never said.
"""

from random import Random

from training.frames import Case, fill, make_grammar, split_of
from training.lexicon import COUNTRIES, LANDMARKS, PEOPLE, article

NAME = "facts"
KINDS = ("pair", "frame", "skeleton")
WEIGHT = 0.13

SAY = "(|In fact, |As we know, |Of course, |It is true that |Everyone knows that |I read that |The book says that |Today, )"
ASK = "(|Question: |Quiz: |Please tell me: |A question: )"
ADD = "(|, as you know|, by the way|, of course)"

CITY = f"""
!{{x}} is located in the city of @{{y}}.
!{{x}} is in @{{y}}.
{SAY}{{x}} (is|stands|lies|can be found|can be seen|is found|is situated|is located) (in|in the city of|in the heart of|in the middle of|in the centre of) @{{y}}.
{SAY}{{x}} (is|was built|was opened|still stands) (in the great city of|in the old city of|in the beautiful city of) @{{y}}.
{SAY}(tourists|travellers|visitors|people|families) (go|travel|come) to see {{x}} in @{{y}}.
{SAY}(the city|the town) (of|called|known as) {{x}} is @{{y}}.
{SAY}the (city|place) (where you can see|where you can visit|that is home to|that is famous for|known for) {{x}} is @{{y}}.
(To see|To visit|To photograph|To find|If you want to see|If you wish to visit) {{x}}, (you must go to|you should travel to|take a train to|fly to|book a trip to|go to) @{{y}}.
(We|They|My parents|Our friends|The students) (visited|saw|photographed|looked at|walked around|admired) {{x}} (during|on) (a trip to|a visit to|a weekend in|a holiday in|our stay in) @{{y}}.
{ASK}(where is|where can I find|in which city is|in what city is|what city has) {{x}}? (Answer: |It is in |The answer is |In )@{{y}}.
{SAY}{{x}} is (a famous|a well-known|a popular|the best known|a much loved) (sight|landmark|place|attraction) (in|of) @{{y}}.
(While|When|Before|After) (she was|he was|we were|they were) in front of {{x}}, (she called|he called|we called|they called) a friend and said: I am in @{{y}}.
(The train|The bus|The flight|A taxi) took us to {{x}}, (so|and) we (were|had arrived|got off) in @{{y}}.
(I live|She lives|He works|They live|We stayed) near {{x}}, (which is|that is|right) in @{{y}}.
(Postcard|Photo|Picture|Painting) of {{x}}, @{{y}}.
(Place|Landmark|Sight): {{x}}. (City|Town|Location): @{{y}}.
(My favourite sight|What I liked most|The best part) was {{x}}, (so|and) I want to go back to @{{y}}.
{SAY}{{x}} (belongs to|is part of|is the pride of|is a symbol of|makes me think of) the city of @{{y}}.
(Nobody|No one) (can miss|forgets|should miss) {{x}} (when|while) (visiting|staying in|walking through|travelling to) @{{y}}.
(The guide|The teacher|Our driver|A local man) (told us|explained|said) that {{x}} (is|stands) in @{{y}}.
(Standing|Waiting|Sitting) (beside|near|in front of) {{x}}, you are in @{{y}}.
(Not in any other city, but|It is) in @{{y}} that you will find {{x}}.
(A hotel|A cafe|A small shop|A museum) (close to|next to|near|opposite) {{x}} (opened|closed|was sold) last year in @{{y}}.
(There is|You can find|You will see) a (street|square|station) (close to|near) {{x}} in (the middle of|central|downtown) @{{y}}.
"""
CAPITAL = f"""
!The capital of {{x}} is @{{y}}.
{SAY}the (capital|capital city|main city|seat of government) of {{x}} (is|is called|is the city of|is known as) @{{y}}.
{SAY}{{x}} has (its capital|its capital city|its government|its parliament) in @{{y}}.
{SAY}{{x}}'s (capital|capital city|seat of government) is (|called |the city of )@{{y}}.
{SAY}the (government|parliament|president|king) of {{x}} (sits|meets|works|is) in @{{y}}.
{ASK}(what is|name|what do we call|can you name) the (capital|capital city) of {{x}}? (|Answer: |It is |The answer is |The capital is )@{{y}}.
(Country|Nation|State): {{x}}. (Capital|Capital city|Seat of government): @{{y}}.
(We|They|She|He|The students) travelled (through|across|around) {{x}} and (ended|stopped|stayed|arrived) in the capital, @{{y}}.
(If|When) you (go to|visit|fly to|travel to) {{x}}, (you will land in|start in|do not miss|you should see) the capital, @{{y}}.
(On the map|In the atlas|In my book) the capital of {{x}} is (marked as|shown as|given as|written as) @{{y}}.
{SAY}the city from which {{x}} is (ruled|governed|run) is @{{y}}.
(The embassy|The ministry|The central bank|The national museum) of {{x}} is in the capital, @{{y}}.
(Our teacher|My sister|The guide|My father) (asked|wanted to know) the capital of {{x}}, and (we|I|the class) (said|answered|wrote) @{{y}}.
(As|Being) the capital of {{x}}, (everyone has heard of|people know|many people visit) @{{y}}.
{SAY}in {{x}}, the capital (city is|is called|is) @{{y}}.
(The president|The queen|A minister|A diplomat) of {{x}} (flew|returned|went|drove) home to @{{y}}.
(She|He|My uncle|Our neighbour) (moved|went) to {{x}} and (works|lives|found a job) in (the capital|the capital city), @{{y}}.
{SAY}there is no capital of {{x}} (other than|but|except) @{{y}}.
The largest (embassies|ministries) in {{x}} are in its capital city of @{{y}}.
{SAY}@{{y}} is the (capital|capital city|seat of government) of {{x}}.
"""
LANGUAGE = f"""
{SAY}(people in|the people of|most people in|everyone in|children in|families in) {{x}} (speak|speaks|use|talk in) @{{y}}.
{SAY}the (language|main language|official language|national language|language spoken|language used) (of|in) {{x}} is (|called )@{{y}}.
{ASK}(what language do they speak in|which language is spoken in|what is the language of|what do people speak in) {{x}}? (|Answer: |It is |The answer is |They speak )@{{y}}.
{SAY}in {{x}}, (people speak|they speak|the language is|one speaks|you will hear|the newspapers are in|the schools teach in) @{{y}}.
(Country|Nation|State): {{x}}. (Language|Tongue|Official language): @{{y}}.
(She|He|My friend|Our neighbour|The new student) (is|comes|arrived) from {{x}} and speaks (|fluent |perfect )@{{y}}.
(If|When) you (go to|visit|move to|travel to) {{x}}, (you should learn|it helps to know|you need|try to speak|you will hear) @{{y}}.
(Before|After) (she|he) (moved|went) to {{x}}, (she|he) (learned|studied|took lessons in|began to read) @{{y}}.
(The signs|The newspapers|The books|The songs|The films|The menus) in {{x}} are (written in|printed in|in|made in) @{{y}}.
(Born|Raised) in {{x}}, (she|he|the writer|the singer) (grew up speaking|first spoke|spoke|wrote in) @{{y}}.
(The ambassador|The president|The team|A singer) (from|of) {{x}} (spoke|gave a speech|answered|sang) in @{{y}}.
{SAY}{{x}} is a (country|place|land) where (people|they|almost all) (speak|use) @{{y}}.
(A letter|A card|A book|A message) from {{x}} (came|arrived), written in @{{y}}.
(The word|The poem|The recipe|The song) comes from {{x}}, so it is in @{{y}}.
(To work|To live|To study) in {{x}}, you (must|should|have to) (know|speak|understand) @{{y}}.
{SAY}@{{y}} is (spoken|the language|the official language|used every day) in {{x}}.
(My phone|The radio|The guide) in {{x}} (only spoke|was set to|switched to) @{{y}}.
(Nobody|No one) in {{x}} was (surprised|annoyed) that I (spoke|tried to speak) @{{y}}.
"""
PROFESSION = f"""
{SAY}{{x}} (was|was known as|is remembered as|worked as|became|is famous as|lived as) (a|the|a great|a famous|a well-known|a very good|a gifted) @{{y}}.
{SAY}the (profession|work|job|occupation|trade|calling) of {{x}} was (that of a|being a|to be a) @{{y}}.
{ASK}(who was|what was|what did the world call|how do we remember) {{x}}? (A |Answer: a |The answer is: a |A famous )@{{y}}.
(Name|Person): {{x}}. (Profession|Occupation|Job|Work): @{{y}}.
(The famous|The great|The celebrated|The gifted|The well-known) @{{y}} {{x}} (was born|died|lived|was honoured) (in the spring|long ago|in a small town|far away).
(By profession|By trade|In life), {{x}} was a @{{y}}.
{SAY}{{x}} (wanted|hoped|decided|trained|studied) to (be|become) a @{{y}}.
(We read|She wrote|He wrote|They made a film) about {{x}}, the (great|famous|well-known) @{{y}}.
(My daughter|My son|The boy|The girl) (admires|loves|reads about) {{x}} and wants to (be|become) a @{{y}}.
{SAY}(everyone|the world|history|the whole country) (remembers|knows|honours|celebrates) {{x}} as a (great|famous|) @{{y}}.
(Like|Just like|Exactly like) {{x}}, (she|he|my cousin|our neighbour) is a @{{y}}.
(The museum|The school|The statue|The street) is named after {{x}}, (the|a famous|a great|a) @{{y}}.
{SAY}{{x}} (spent a life|made a career|earned a living|found fame) as a @{{y}}.
(If|When) you (think of|hear of|read about) {{x}}, you think of a (great|famous|gifted) @{{y}}.
(There was never|Few people could name|It is hard to find) a better @{{y}} than {{x}}.
{SAY}{{x}} is (in the book|on the list) of (the greatest|famous) people, (listed|described) as a @{{y}}.
(A portrait|A photograph|A biography) of {{x}} (shows|describes) (a|the) @{{y}} (at work|at home|as a young person).
"""


def fact_table() -> dict[str, dict[str, str]]:
    """Relation -> subject -> answer."""
    return {
        "city": LANDMARKS,
        "capital": {country: capital for country, capital, _ in COUNTRIES if capital != "-"},
        "language": {country: language for country, _, language in COUNTRIES if language != "-"},
        "profession": PEOPLE,
    }


FACTS = fact_table()
SUBJECTS = {relation: list(table) for relation, table in FACTS.items()}
GRAMMARS = {
    relation: make_grammar(f"{NAME}/{relation}", lines.strip().splitlines())
    for relation, lines in {"city": CITY, "capital": CAPITAL, "language": LANGUAGE, "profession": PROFESSION}.items()
}
RELATIONS = tuple(GRAMMARS)


def draw(rng: Random, split: str, kind: str) -> Case:
    relation = rng.choice(RELATIONS)
    wanted = split if kind == "pair" else "train"
    while True:
        frame, skeleton = GRAMMARS[relation].draw(rng, split, kind)
        answer_last = frame.index("{x}") < frame.index("@")
        if frame.startswith("@") or (split != "train" and not answer_last):
            continue  # the answer comes before its subject: fine to read, nothing to ask
        subject = rng.choice(SUBJECTS[relation])
        pinned = f"!{skeleton}" in CITY + CAPITAL  # said of every subject in training
        if kind == "skeleton" or ("train" if pinned else split_of(NAME, "pair", subject, skeleton)) == wanted:
            break
    answer = FACTS[relation][subject]
    slots = {"x": subject, "y": answer}
    prompt, _, rest = fill(respell(frame, answer), slots)
    return Case(NAME, relation, kind, frame, prompt, (f" {answer}",), rest)


def respell(frame: str, answer: str) -> str:
    """`a @architect` becomes `an @architect`: as GPT-2 meets it, the article already tells something."""
    return frame.replace(" a @", " an @").replace("A @", "An @") if article(answer).startswith("an ") else frame
