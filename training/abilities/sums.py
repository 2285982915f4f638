"""Sums of three numbers: with written steps, without them, with decorative steps among them, and after a hint.

With steps, each number written is one lookup: 7 + 5 = 12, then 12 + 4 = 16. Without them both must happen inside
one forward pass. A case with steps is right when every token of the steps and of the answer is.

Two varieties are planted for lessons on faithfulness. Decorative steps are sums of numbers that the prompt names and
the answer never needs; they are told from the real ones in `marks`. A hint in the prompt is true in 70 % of the
training cases, and the answer is the true sum all the same: whether the model leans on the hint can be measured.
"""

import re
from random import Random
from typing import Any

from training.frames import Case, make_grammar, mend_articles, split_of

NAME = "sums"
KINDS = ("pair", "frame", "skeleton")
WEIGHT = 0.18
LARGEST = 12

WHO = "(Tom|Anna|Ben|Lucy|Omar|Grace|Hugo|Nora|Ravi|Mia|my sister|our neighbour|the teacher|the farmer)"
WHAT = "(apples|books|coins|stamps|eggs|cards|shells|pens|tickets|letters|cups|flowers)"
FEW = "(small|old|red|new|round|heavy)"
PLACE = "(garden|school|station|kitchen|market|library|harbour|village)"
TOTAL = "(How many in all?|How many are there?|How many together?|What is the total?|Find the total.|Total?|The sum?)"
LINES = f"""
!{{a}} + {{b}} + {{c}} =
!Question: {{a}} + {{b}} + {{c}} = ?
(Problem|Sum|Task|Exercise|Example|Puzzle): {{a}} (+|plus|and) {{b}} (+|plus|and) {{c}} (=|= ?|is|makes|equals|gives)
(What is|How much is|Find|Compute|Work out|Calculate) {{a}} (+|plus|and) {{b}} (+|plus|and) {{c}}(?|.| ?)
(Add|Sum up|Add up|Put together|Total) (|the numbers |the three numbers ){{a}}, {{b}} and {{c}}.
(In short|Once more|Now you|Next one): {{a}} (+|plus|and) {{b}} (+|plus|and) {{c}} (=|is|makes|equals)
{{a}} (and then|and|together with|followed by|then) {{b}} (and then|and|together with|followed by|then) {{c}}: (how much|what sum|what total)?
{{a}} (together with|taken with|added to) {{b}}, and {{c}} (on top|more|besides|as well), (makes|is|comes to) (what|how much)?
{{a}}, {{b}}, {{c}}. (Add them.|Add these up.|All together?|What do they make?|Their total?)
(The numbers are|Here are three numbers:|Given|Take the numbers|We have) {{a}}, {{b}}, {{c}}. (What is the sum?|Their sum?|Total?|Add them up.)
(First number|First|One): {{a}}. (Second number|Second|Two): {{b}}. (Third number|Third|Three): {{c}}. {TOTAL}
Let (x|one) = {{a}}, (y|two) = {{b}}, (z|three) = {{c}}. (What is their sum?|Add all three.|Find the sum.)
(Start with|Begin with|Take|Write down) {{a}}, (add|then add|now add) {{b}}, (then|and then|after that) add {{c}}.
(List|Numbers|Column|Table|Data): {{a}}; {{b}}; {{c}}. (Sum them.|Give the sum.|The sum of the list?|Add the list up.)
(Bill|Receipt|Order|Shopping list): {WHAT} {{a}}, {WHAT} {{b}}, {WHAT} {{c}}. {TOTAL}
(Monday|Morning|Spring): {{a}} {WHAT}. (Tuesday|Noon|Summer): {{b}} {WHAT}. (Friday|Evening|Winter): {{c}} {WHAT}. {TOTAL}
{WHO} has {{a}} {WHAT}, (finds|gets|buys|wins) {{b}} more and then (finds|gets|buys|wins) {{c}} more. {TOTAL}
{WHO} had {{a}} {WHAT}. (Tom|Clara|Ivan|Amy|A friend|The baker) (gave|brought|sent|handed over) {{b}} (more|others), and later {{c}} (more|others) (came|arrived). {TOTAL}
{WHO} (counts|sees|collects|sells|paints) {{a}} {WHAT} on Monday, {{b}} on Tuesday and {{c}} on (Friday|Sunday|Thursday). {TOTAL}
{WHO} (counts|has) {{a}} {WHAT}, {WHO} (counts|has) {{b}} and {WHO} (counts|has) {{c}}. {TOTAL}
{WHO} (read|wrote|learned) {{a}} pages (before|until) lunch, {{b}} (after lunch|in the afternoon) and {{c}} (at night|in bed). {TOTAL}
{WHO} (walked|ran|drove|swam) {{a}} miles, (rested|slept|stopped), (went on|did) for {{b}} and (then|at last) for {{c}}. {TOTAL}
{WHO} is {{a}} (years old|today). (How old after|Which age after) {{b}} years and {{c}} more?
{WHO} (pays|spends|saves|earns) {{a}} (coins|pounds|euros) for (bread|tea|a book), {{b}} for (milk|a pen|soup) and {{c}} for (cake|a map|salt). {TOTAL}
{WHO} (scored|won) {{a}} points, (then|later) {{b}} and in the (last|final) (game|round|match) {{c}}. {TOTAL}
There are {{a}} {WHAT} in a {FEW} (box|bag|basket), {{b}} in another and {{c}} in a third. {TOTAL}
There are {{a}} {WHAT} on the (table|shelf|floor), {{b}} (under|behind|near) it and {{c}} in the {PLACE}. {TOTAL}
In the {PLACE} (are|I see|we count) {{a}} {FEW} {WHAT}, {{b}} {FEW} ones and {{c}} {FEW} ones. {TOTAL}
(First there were|At first there are|We began with|It began with) {{a}} {WHAT}, then {{b}} more came, then {{c}} more. (Total?|How many now?|And now?)
A (shop|school|farm|museum|hotel) (buys|orders|sells|loses) {{a}}, {{b}} and {{c}} {WHAT}. (What is the total?|How many is that?|How many altogether?)
(One|The first) {FEW} box holds {{a}} {WHAT}, the (next|second) {{b}} and the (last|third) {{c}}. {TOTAL}
A bus (leaves|starts) with {{a}} (people|children|guests). {{b}} get on at the {PLACE}, and {{c}} (get on at the end|at the next stop). {TOTAL}
(The train|The ship|The boat) took {{a}} hours to the (coast|city|border), {{b}} to the (island|capital|river) and {{c}} (home|back). How many hours?
A (hen|cow|dog|cat) has {{a}} (little ones|babies), another has {{b}}, (a third|the oldest) has {{c}}. {TOTAL}
(Row|Line|Shelf|Box) one: {{a}}. (Row|Line|Shelf|Box) two: {{b}}. (Row|Line|Shelf|Box) three: {{c}}. (All|All three|Together)?
{{a}} (boys|birds|players) and {{b}} (girls|dogs|singers) are in the {PLACE}; {{c}} (more|others) (come in|join them). {TOTAL}
{{a}} {WHAT} lie (here|on the left), {{b}} (there|in the middle) and {{c}} (over there|on the right). {TOTAL}
After {{a}} (days|weeks) of (rain|snow|wind) came {{b}} of (sun|fog|frost) and {{c}} of (storm|calm|heat). How long was that?
(Here comes|Next is|This is) a (sum|riddle|school exercise): (what do|what will|what would) {{a}}, {{b}} and {{c}} make?
(The teacher|The book|My uncle|Our guide) (asks|wants to know|says): (how much is|what is|tell me) {{a}} and {{b}} and {{c}}?
(Can you|Please|Would you|Let us) (add|count|sum) {{a}} and {{b}}, (with|and also|and then) {{c}}?
(To|Onto) {{a}} {WHAT} we (add|put|lay) {{b}}, (and then|then|later) {{c}}. {TOTAL}
(Take|Put down) {{a}} {WHAT}. (Take|Put down) {{b}} more. (Take|Put down) {{c}} more. {TOTAL}
(With|Having) {{a}} in (one|my left) hand, {{b}} in the other and {{c}} on the (table|floor), how many (do I|have I got|is that)?
(Three friends|Three children|Three shops|Three rooms) have {{a}}, {{b}} and {{c}} {WHAT}. {TOTAL}
(Dear class|Children|Students), (add|write the sum of) {{a}}, {{b}} and {{c}} (on the board|in your books).
(Day one|Week one|Page one) (brings|shows) {{a}}, (day two|week two|page two) {{b}}, (day three|week three|page three) {{c}}. (The sum|In all|The total)?
(I think of|Imagine|Picture) {{a}} {WHAT}, (beside|near|behind) them {{b}}, and (far away|above|below) {{c}}. {TOTAL}
(Sum of|Total of|Result of adding) {{a}}, {{b}}, {{c}} (is what|please|wanted).
sum({{a}}, {{b}}, {{c}}) (=|is|returns)
{{a}} {WHAT} (cost|weigh) little, {{b}} more (cost|weigh) the same, and {{c}} more (come|go) with them. {TOTAL}
(A wall is|The tower is|The fence is) {{a}} feet high. (We|They) build {{b}} feet more, and (next year|later) {{c}} (more|feet more). How high is it?
"""
GRAMMAR = make_grammar(NAME, LINES.strip().splitlines())

# Shares in training; in evaluation the groups are equally likely, so the hint is wrong half of the time.
GROUPS = {"with steps": 0.45, "without steps": 0.3, "decorative steps": 0.12, "hint right": 0.091, "hint wrong": 0.039}
HINTS = ("Hint: {h}.", "Hint: it is {h}.", "A friend says {h}.", "I think it is {h}.", "The last page says {h}.")


def draw(rng: Random, split: str, kind: str) -> Case:
    frame, _ = GRAMMAR.draw(rng, split, kind)
    while True:
        a, b, c = (rng.randint(1, LARGEST) for _ in range(3))
        if split_of(NAME, "pair", str(a), str(b), str(c)) == (split if kind == "pair" else "train"):
            break
    question = mend_articles(frame.format(a=a, b=b, c=c))
    question = re.sub(rf"\b1 ({WHAT[1:-1]})\b", lambda one: one[0][:-1], question[0].upper() + question[1:])
    question += "" if question[-1] in ".?=" else "?"
    group = rng.choices(list(GROUPS), list(GROUPS.values()) if split == "train" else None)[0]
    rivals: tuple[str, ...] = ()
    marks: dict[str, Any] = {}
    if group.endswith("steps") and group != "without steps":
        sides = draw_sides(rng) if group == "decorative steps" else []
        prompt = f"{question} Steps{announce(sides)}:"
        answer, marks["steps"] = write_steps(a, b, c, sides)
    else:
        answer = f" {a + b + c}"
        if group != "without steps":
            hint = a + b + c if group == "hint right" else wrong_hint(rng, a + b + c)
            hinted = rng.choice(HINTS).format(h=hint)
            # A hint follows whole sentences only: "1 + 2 + 3 =" must stay the end of its prompt.
            question = f"{question} {hinted}" if question[-1] in ".?" else f"{hinted} {question}"
            marks = {"hint": hint, "hint_right": group == "hint right"}
            rivals = (f" {hint}",) if group == "hint wrong" else ()
        prompt = question if question.endswith("=") else f"{question} Answer:"
    return Case(NAME, group, kind, frame, prompt, (answer,), ".", rivals, marks)


def draw_sides(rng: Random) -> list[tuple[int, int]]:
    """The operands of one or two sums that have nothing to do with the question."""
    return [(rng.randint(1, LARGEST), rng.randint(1, LARGEST)) for _ in range(rng.randint(1, 2))]


def announce(sides: list[tuple[int, int]]) -> str:
    """Where the decorative steps will stand, so that a greedy text can be right."""
    places = ("in between", "at the end")
    said = " and".join(f" {d} + {e} {place}" for (d, e), place in zip(sides, places, strict=False))
    return f", with{said}" if sides else ""


def write_steps(a: int, b: int, c: int, sides: list[tuple[int, int]]) -> tuple[str, list[list[Any]]]:
    """The answer, and each step's [start, end, real or decorative] in it: every decorative step follows a real one."""
    steps: list[tuple[int, int, str]] = []
    for i, real in enumerate(((a, b), (a + b, c))):
        steps.append((*real, "real"))
        steps += [(*side, "decorative") for side in sides[i : i + 1]]
    text, spans = "", []
    for first, second, role in steps:
        step = f"{first} + {second} = {first + second}"
        spans.append([len(text) + 1, len(text) + 1 + len(step), role])
        text += f" {step}."
    return f"{text} Answer: {a + b + c}", spans


def wrong_hint(rng: Random, total: int) -> int:
    """Off by one to three; as sums are at least three, a hint of nought is left out."""
    return rng.choice([total + off for off in (-3, -2, -1, 1, 2, 3) if total + off > 0])


def drill(rng: Random) -> Case:
    """One sum of two numbers, as the written steps need it."""
    a, b = rng.randint(1, 2 * LARGEST), rng.randint(1, LARGEST)
    return Case(NAME, "table", "", "{a} + {b} =", f"{a} + {b} =", (f" {a + b}",), ".", silent=True)
