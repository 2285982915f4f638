"""Sums of three numbers, with and without written steps.

With steps, each number written is one lookup: 7 + 5 = 12, then 12 + 4 = 16. Without them both must happen inside
one forward pass. A case with steps is right when every token of the steps and of the answer is.
"""

from random import Random

from training.frames import Case, make_grammar, split_of

NAME = "sums"
KINDS = ("pair", "frame", "skeleton")
WEIGHT = 0.12
LARGEST = 12

WHO = "(Tom|Anna|Ben|Lucy|Omar|Grace|Hugo|Nora)"
WHAT = "(apples|books|coins|stamps|eggs|cards|shells|pens)"
LINES = f"""
!{{a}} + {{b}} + {{c}} =
!Question: {{a}} + {{b}} + {{c}} = ?
(|Problem: |Sum: |Task: |Exercise: ){{a}} (+|plus) {{b}} (+|plus) {{c}} (=|= ?|is|makes|equals)
(What is|How much is|Find|Compute|Work out|Calculate) {{a}} (+|plus) {{b}} (+|plus) {{c}}(?|.| ?)
(Add|Sum up|Take) {{a}}, {{b}} and {{c}}.
{WHO} has {{a}} {WHAT}, (finds|gets|buys) {{b}} more and then (finds|gets|buys) {{c}} more. How many are there?
{WHO} (counts|sees|collects) {{a}} {WHAT} on Monday, {{b}} on Tuesday and {{c}} on (Friday|Sunday). How many in all?
There are {{a}} {WHAT} in a (box|bag), {{b}} in another and {{c}} in a third. How many together?
(Start with|Begin with|Take) {{a}}, (add|then add) {{b}}, (then|and then) add {{c}}.
(The numbers are|Here are three numbers:|Given) {{a}}, {{b}}, {{c}}. (What is the sum?|Their sum?|Total?)
(First there were|At first there are) {{a}} {WHAT}, then {{b}} more came, then {{c}} more. (Total?|How many now?)
A (shop|school|farm) (buys|orders|sells) {{a}}, {{b}} and {{c}} {WHAT}. (What is the total?|How many is that?)
"""
GRAMMAR = make_grammar(NAME, LINES.strip().splitlines())


def draw(rng: Random, split: str, kind: str) -> Case:
    frame, _ = GRAMMAR.draw(rng, split, kind)
    while True:
        a, b, c = (rng.randint(1, LARGEST) for _ in range(3))
        if split_of(NAME, "pair", str(a), str(b), str(c)) == (split if kind == "pair" else "train"):
            break
    question = frame.format(a=a, b=b, c=c)
    steps = rng.random() < 0.6
    if steps:
        answer = f" {a} + {b} = {a + b}. {a + b} + {c} = {a + b + c}. Answer: {a + b + c}"
        prompt = f"{question} Steps:"
    else:
        answer, prompt = f" {a + b + c}", f"{question} Answer:" if not question.endswith("=") else question
    group = "with steps" if steps else "without steps"
    return Case(NAME, group, kind, frame, prompt, (answer,), ".", rivals=())
