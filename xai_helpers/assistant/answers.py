"""What does a text give as its answer? Not its last number: what it says is the answer, with the unit.

A check, a hint or a rounding may follow the answer, and "4 km/h" holds the number of "4 metres per hour" and is wrong.
So an explicit statement is looked for ("Answer: 16", "the answer is **4 m/h**", "\\boxed{4}", "#### 16"), and two
answers are the same if they are equal once their units are reckoned with. What could be read in two ways ("3,5", "4 or
5", "7 + 5") is not guessed. The texts are a model's, so they may be anything: nothing is executed, each statement is
read within a window, and the time grows with the length of the text alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from ..errors import OptionError
from ..viz.table import Table
from ..viz.wording import visible

LONGEST = 100_000  # characters that are read, from the end: answers stand there
WINDOW = 160  # characters that are read of a statement
MOST = 50  # statements that are read, from the end

Dimension = tuple[tuple[str, int], ...]
LENGTH = {
    "m metre metres meter meters": "1",
    "km kilometre kilometres kilometer kilometers": "1000",
    "cm centimetre centimetres centimeter centimeters": "1/100",
    "mm millimetre millimetres millimeter millimeters": "1/1000",
    "mi mile miles": "1609.344",
    "yard yards yd": "0.9144",
    "foot feet ft": "0.3048",
    "inch inches": "0.0254",
}
TIME = {
    "ms millisecond milliseconds": "1/1000",
    "s sec secs second seconds": "1",
    "min mins minute minutes": "60",
    "h hr hrs hour hours": "3600",
    "day days": "86400",
    "week weeks": "604800",
}
MASS = {"mg milligram milligrams": "1/1000", "g gram grams": "1", "kg kilogram kilograms": "1000"}
VOLUME = {"ml millilitre millilitres": "1/1000000", "l litre litres liter liters": "1/1000"}
MONEY = {"$": "$ dollar dollars usd", "€": "€ euro euros eur", "£": "£ pound pounds gbp"}
UNITS: dict[str, tuple[Fraction, Dimension]] = {
    name: (Fraction(factor), dimension)
    for table, dimension in ((LENGTH, (("m", 1),)), (TIME, (("s", 1),)), (MASS, (("g", 1),)), (VOLUME, (("m", 3),)))
    for names, factor in table.items()
    for name in names.split()
}
UNITS |= {name: (Fraction(1), ((sign, 1),)) for sign, names in MONEY.items() for name in names.split()}
UNITS |= dict.fromkeys(("%", "percent"), (Fraction(1, 100), ()))
QUOTIENTS = {"mph": "mile/hour", "kph": "km/h", "kmh": "km/h"}
NO_UNIT = frozenset(
    "a again all altogether an and approximately as because but correct exactly for here if in indeed is now of only "
    "or overall since so then to together too total units when which with".split()
)

BLANK = "[ \u00a0\u2009\u202f]"
DIGITS = rf"(?:\d{{1,3}}(?:,\d{{3}}){{1,6}}|\d{{1,3}}(?:{BLANK}\d{{3}}){{1,6}}(?!\d)|\d{{1,24}})"
NUMBER = (
    r"(?P<number>(?P<sign>[-\u2212+]?)\s?(?P<money>[$€£]?)(?:"
    rf"(?P<whole>\d{{1,12}}{BLANK})?(?P<over>\d{{1,24}})\s?[/\u2044]\s?(?P<under>\d{{1,24}})(?!\d|\.\d)"
    rf"|(?P<plain>{DIGITS}(?:\.\d{{1,24}})?|\.\d{{1,24}})"
    r"(?:[eE](?P<e>[-+]?\d{1,2})(?!\d)|\s?[×x*]\s?10\^\{?(?P<power>[-\u2212]?\d{1,2})\}?)?))"
)
WORD = r"(?:[a-zA-Zµ]{1,24}|[%€$£])(?:\^?[23]|[²³])?"
PER_TIME = r"\san?\s(?=(?:second|minute|hour|day|week|month|year)\b)"
UNIT = rf"(?P<unit>{WORD}(?:(?:\s?/\s?|\sper\s|{PER_TIME}){WORD}){{0,2}})"
QUANTITY = re.compile(rf"(?<![\w.]){NUMBER}(?:\s?-?{UNIT}(?![\w^]))?")
PLAIN_NUMBER = re.compile(r"\d+(?:\.\d+)?")
# More than one thing is said: a list, a range, a sum, a date, a time, another unit's amount.
GOES_ON = re.compile(
    rf"\w|[.,]\d|{BLANK}{{0,3}}(?:[-\u2212–+*/×÷^:=<>±]|,?{BLANK}?\b(?:and|or|to|times|plus|minus|over|x)\b|,)?"
    rf"{BLANK}{{0,3}}[-\u2212$€£]?\.?\d|{BLANK}{{0,3}}[+*/×÷^=·]|{BLANK}?\w{{1,24}}[\^⁻]"
)
LEAD = re.compile(
    r"(?:(?:about|approximately|approx\.?|roughly|around|exactly|therefore|thus|then|just|only|~|≈)\s{0,2})+", re.I
)
CLAUSE_END = re.compile(r"[.!?](?=[\s\"'”’)*]|$)|\n|[;(]|,(?=\s)")
MARKUP: tuple[tuple[re.Pattern[str], Any], ...] = (
    (re.compile(r"\*\*|__|`|\\[()\[\],;!]|\\(?=[%$])"), ""),
    (re.compile(r"\\d?frac\{(\d{1,24})\}\{(\d{1,24})\}"), r"\1/\2"),
    (re.compile(r"\\(?:text|mathrm|textbf|mathbf)\{([^{}]{0,60})\}"), r"\1"),
    (re.compile(r"\$([^$\n]{1,80})\$"), r"\1"),
    (re.compile(r"\\(?:times|cdot)"), "×"),
    (re.compile(r"[¼-¾⅐-⅞]"), lambda sign: " " + unicodedata.normalize("NFKC", sign[0])),
)
DENIED = re.compile(r"(?:\b(?:wrong|incorrect|false|not the|not my)|n['’]t the)\s\Z", re.I)
MARKER = re.compile(
    r"\banswer(?:\sto\s(?:the|this|that|your)\s(?:question|problem|puzzle|riddle|exercise|task))?[\s*_\"'`]{0,4}"
    r"(?::|=|\b(?:is|was|equals|would\sbe|will\sbe|must\sbe|comes\sto)\b(?!\s{1,2}not\b))"
    r"|\\boxed\{|\#\#\#\#\s",
    re.I,
)


@dataclass(frozen=True)
class Quantity:
    """A number and its unit as written, None where there is none: 4, "metres per hour".

    explicit: whether the text says that it is the answer; False for what stands after the last "=" of a text that
    says nothing of the kind, which may be an intermediate result.
    """

    value: Fraction
    unit: str | None = None
    explicit: bool = True

    def __str__(self) -> str:
        return _number(self.value) + ("" if self.unit is None else f" {visible(self.unit)}")

    def __repr__(self) -> str:
        return str(self) if self.explicit else f"{self} (after the last =, not called the answer)"


class Statement(NamedTuple):
    """Where a text begins to say what its answer is, and what it is."""

    start: int
    quantity: Quantity


def statements(text: str) -> tuple[Statement, ...]:
    """What a text calls its answer, in order: each explicit statement that can be read, among the last `MOST`.

    Of a text of more than `LONGEST` characters only the end is read. Raises OptionError for what is no string.
    """
    if not isinstance(text, str):
        raise OptionError(f"expected a text to read an answer from, got {type(text).__name__}")
    skipped = max(0, len(text) - LONGEST)
    text = text[skipped:]
    found = []
    for marker in deque(MARKER.finditer(text), MOST):
        window = text[marker.end() : marker.end() + WINDOW]
        boxed, said = marker[0].startswith("\\"), marker[0][-1].isalpha()
        denied = DENIED.search(text[max(0, marker.start() - 12) : marker.start()])
        quantity = None if denied else _stated(_boxed(window) if boxed else window, said)
        if quantity is not None:
            found.append(Statement(skipped + marker.start(), quantity))
    return tuple(found)


def read_answers(text: str) -> tuple[Quantity, ...]:
    """All answers that a text calls so, in order. See `statements`."""
    return tuple(statement.quantity for statement in statements(text))


def read_answer(text: str) -> Quantity | None:
    """The answer that a text gives: the last that it calls so, or None.

    A text that never speaks of an answer is taken at what stands after its last "=", if it ends there; `explicit` is
    False then. A text that does, and gives none that can be read ("Answer: unknown"), has none. Raises OptionError.
    """
    if explicit := read_answers(text):
        return explicit[-1]
    return None if MARKER.search(text[-LONGEST:]) else _after_last_equals(text[-LONGEST:])


def read_after_cue(text: str) -> Quantity | None:
    """The answer that a text begins with, as one who was asked "Answer:" gives it, or None."""
    return _stated(text[:WINDOW])


def to_quantity(written: str) -> Quantity:
    """A quantity from its own text, as in "4 metres per hour". Raises OptionError for other texts."""
    found = _stated(written) if isinstance(written, str) and len(written) <= WINDOW else None
    if found is None:
        raise OptionError(f"{str(written)[:40]!r} is not one quantity: write a number and its unit, as in '4 m/h'")
    return found


def last_number(text: str) -> Quantity | None:
    """The last number of a text, whatever it is, without sign or unit: a published parser, kept to show it fail."""
    found = deque(PLAIN_NUMBER.finditer(text[-LONGEST:]), 1)
    return Quantity(Fraction(found[0][0][:24]), explicit=False) if found else None


def same(a: Quantity | None, b: Quantity | None) -> bool:
    """Whether two answers are equal, units reckoned with: 4000 m/h is 4 km/h, and 4 km/h is not 4 m/h.

    A unit that one side leaves out is taken from the other: 16 is 16 apples, and 4 is 4 m/h as well as 4 km/h (so
    this is no equivalence: `alike` groups answers). Words that are no known unit are units of their own: 16 apples are
    not 16 coins. Values are compared exactly: 3.33 is not 10/3. None, no answer, is the same as nothing.
    """
    if not isinstance(a, Quantity | None) or not isinstance(b, Quantity | None):
        raise OptionError(
            f"same compares quantities, got {a!r:.40} and {b!r:.40}: read_answer or to_quantity them first"
        )
    if a is None or b is None:
        return False
    return (a.value == b.value and (a.unit is None or b.unit is None)) or _in_base_units(a) == _in_base_units(b)


def alike(answers: Iterable[Quantity]) -> tuple[tuple[Quantity, ...], ...]:
    """The answers in groups of the same, the largest first; of two as large, the one whose first answer came first.

    An answer without a unit joins the one group with a unit that it is the same as; if there are several such, it
    stays with its like.
    """
    answers = tuple(answers)
    groups: dict[object, list[int]] = {}
    for i, answer in enumerate(answers):
        if answer.unit is not None:
            groups.setdefault(_in_base_units(answer), []).append(i)
    with_unit = list(groups.values())
    for i, answer in enumerate(answers):
        if answer.unit is None:
            fitting = [group for group in with_unit if same(answers[group[0]], answer)]
            group = fitting[0] if len(fitting) == 1 else groups.setdefault(answer.value, [])
            group.append(i)
    ordered = sorted(map(sorted, groups.values()), key=lambda group: (-len(group), group[0]))
    return tuple(tuple(answers[i] for i in group) for group in ordered)


def _stated(window: str, said: bool = False) -> Quantity | None:
    """The quantity that what follows a marker gives: at its beginning, after its last "=", or the only one in it.

    said: whether the marker ends in a verb. Then a number further on is none: "the answer is of use in chapter 3".
    """
    for pattern, replacement in MARKUP:
        window = pattern.sub(replacement, window)
    window = window.lstrip(" \t\n\r\u00a0*_:=\"'[({>#")
    if lead := LEAD.match(window):
        window = window[lead.end() :]
    clause = _clause(window)
    if quantity := _at(window, 0, len(clause)):
        return quantity
    if "=" in clause:
        return _at(window, clause.rindex("=") + 1, len(clause))
    found = list(QUANTITY.finditer(clause))
    return _at(window, found[0].start(), len(clause)) if len(found) == 1 and not said else None


def _clause(window: str) -> str:
    """As far as one thing is said; a full stop, a comma or a bracket ends it, a decimal point does not."""
    end = CLAUSE_END.search(window)
    return window[: end.start()] if end else window


def _at(window: str, start: int, stop: int) -> Quantity | None:
    """The quantity at a place in a clause that ends at stop, unless what follows makes it part of something else."""
    while window[start : start + 1].isspace():
        start += 1
    match = QUANTITY.match(window, start, stop)
    if match is None:
        return None
    unit, end = match["unit"], match.end()
    if unit is not None and not _is_unit(unit, window[end:stop]):
        unit, end = None, match.end("number")
    if GOES_ON.match(window, end):
        return None
    value = _value(match)
    if match["money"]:
        unit = match["money"] if unit is None else f"{match['money']} {unit}"
    return None if value is None else Quantity(value, unit)


def _is_unit(unit: str, rest: str) -> bool:
    """Whether the words after a number are its unit: known ones are; others if nothing else is said after them."""
    first = re.split(r"\s?/\s?|\s", unit, maxsplit=1)[0]
    name = first.rstrip("^23²³").lower()
    if name in UNITS or name in QUOTIENTS:
        return True
    return name not in NO_UNIT and not any(character.isalnum() for character in rest)


def _value(match: re.Match[str]) -> Fraction | None:
    """The number of a match of `NUMBER`; None for a division by nought."""
    if match["over"] is not None:
        if int(match["under"]) == 0:
            return None
        value = int(match["whole"] or 0) + Fraction(int(match["over"]), int(match["under"]))
    else:
        value = Fraction(re.sub(rf",|{BLANK}", "", match["plain"]))
        value *= Fraction(10) ** int((match["e"] or match["power"] or "0").replace("\u2212", "-"))
    return -value if match["sign"] in ("-", "\u2212") and match["sign"] else value


def _boxed(window: str) -> str:
    """What stands before the brace that closes the box."""
    depth = 1
    for i, character in enumerate(window):
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return window[:i]
    return ""


def _after_last_equals(text: str) -> Quantity | None:
    """What stands between the last "=" and the end of the text, if that is a quantity and nothing else."""
    place = text.rfind("=", len(text.rstrip()) - WINDOW if len(text) > WINDOW else 0)
    if place < 0:
        return None
    rest = text[place + 1 :].strip()
    quantity = _stated(rest)
    ends = not any(character.isalnum() for character in rest[len(_clause(rest)) :])
    return Quantity(quantity.value, quantity.unit, explicit=False) if quantity and ends else None


def _in_base_units(quantity: Quantity) -> tuple[Fraction, Dimension]:
    """The value in metres, seconds, grams, and the powers of these and of unknown words."""
    value, powers = quantity.value, dict[str, int]()
    unit = re.sub(r"\s+(?:per|an?)\s+|\s*/\s*", "/", (quantity.unit or "").strip().lower())
    unit = "/".join(QUOTIENTS.get(part, part) for part in unit.split("/"))
    for i, part in enumerate(filter(None, unit.split("/"))):
        sign = -1 if i else 1
        for term in part.split():
            name, power = _power(term)
            factor, dimension = UNITS.get(name, (Fraction(1), ((name.removesuffix("s"), 1),)))
            value *= factor ** (sign * power)
            for base, exponent in dimension:
                powers[base] = powers.get(base, 0) + sign * power * exponent
    return value, tuple(sorted((base, power) for base, power in powers.items() if power))


def _power(term: str) -> tuple[str, int]:
    """ "m^2" and "m²" as ("m", 2)."""
    name = term.rstrip("^23²³")
    return name, int(unicodedata.normalize("NFKC", term[-1])) if name != term else 1


def _number(value: Fraction) -> str:
    """A decimal where one is exact and short, else a fraction."""
    for places in range(7):
        if (scaled := value * 10**places).denominator == 1:
            digits = f"{abs(scaled.numerator):0{places + 1}d}"
            sign = "-" if value < 0 else ""
            return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)
    return str(value)


SNAIL = "Uphill time = 12/3 = 4h. Downhill = 12/6 = 2h. Total = 24km/6h = 4 km/h"
CASES: tuple[tuple[str, str | None], ...] = (
    ("7 + 5 = 12. 12 + 4 = 16. Answer: 16.", "16"),
    ("Answer: 16. Check: 16 - 4 = 12.", "16"),
    ("Answer: 16, because 12 + 4 is 16 and 16 - 4 is 12", "16"),
    ("The answer is 16. Hope this answer is of help in chapter 3!", "16"),
    ("ANSWER: 4 metres per hour", "4 metres per hour"),
    ("ANSWER: [4 m/h]", "4 m/h"),
    ("So **the answer is 4 m/h**, not 4.5.", "4 m/h"),
    ("**Answer:** the average speed is 4 metres per hour.", "4 m/h"),
    ("Answer: 24000 m / 6000 h = 4 m/h", "4 m/h"),
    (SNAIL, "4 km/h"),
    (f"{SNAIL}\nANSWER: 4 km/h (24 km in 6 h)", "4 km/h"),
    (r"Hence \boxed{4}. Note that (3 + 6)/2 = 4.5 is the wrong mean.", "4"),
    (r"The speed is \boxed{4\text{ m/h}} over 24 km.", "4 m/h"),
    (r"\boxed{\frac{3}{4}}", "3/4"),
    ("Answer: $\\frac{10}{3}$ hours", "10/3 hours"),
    ("Answer: 1 1/2 hours", "3/2 h"),
    ("Answer: 3½ miles", "3.5 miles"),
    ("The answer is 3/4.", "0.75"),
    ("Answer: 12,345", "12345"),
    ("Answer: 1 234 567 people", "1234567 people"),
    ("Answer: 12,345.5 km", "12345.5 km"),
    ("The answer is -4.", "-4"),
    ("The answer is \u22122.5 metres below the road", "-2.5 metres"),
    ("Answer: .5", "1/2"),
    ("Answer: 37.5 %", "37.5 %"),
    ("The answer is 50 percent of 12.", "50 %"),
    ("Answer: $16 (that is 4 x 4)", "16 dollars"),
    ("Answer: 1.5e3 m", "1500 m"),
    ("Answer: 3 × 10^8 m/s", "300000000 m/s"),
    ("Answer: 20 m^2", "20 m²"),
    ("Final answer: about 4 metres an hour, which makes 96 metres in 24 hours", "4 m/h"),
    ("Answer:\n\n16", "16"),
    ('{"answer": 16, "confidence": 0.9}', "16"),
    ("She has 16 eggs.\n#### 16", "16"),
    ("Answer: 15. Wait, 7 + 5 is 12. Answer: 16. (12 + 4.)", "16"),
    ("Answer: Tom has 16 apples. He is 7.", "16 apples"),
    ("The answer is not 17. The answer is 16, as 17 - 1 = 16, and never 17.", "16"),
    ("A wrong answer is 17. The right answer is 16; 17 would count 1 twice.", "16"),
    ("The answer to the question is 16, see step 2.", "16"),
    ("Answer: 190 miles in 3.5 h", "190 miles"),
    ("7 + 5 = 12. 12 + 4 = 16", "16"),
    ("12 + 4 = 16. I am unsure of step 2.", None),
    ("Answer: unknown, since 12 + 4 is not given", None),
    ("Answer: 4 or 5", None),
    ("Answer: between 4 and 5", None),
    ("Answer: 4-5 m/h", None),
    ("Answer: 7 + 5", None),
    ("Answer: 3,5", None),
    ("Answer: 5 h 30 min", None),
    ("Answer: 12:30", None),
    ("Answer: 4/0", None),
    ("There are 3 boxes and 12 pens.", None),
    ("I can't say.", None),
    ("", None),
)


def side_by_side() -> Table:
    """`CASES`, texts with the answer that they give: what `read_answer` and `last_number` make of each.

    A missing unit is no mistake here (see `same`), which favours `last_number`: it sees none. The cases were chosen
    for being hard, so the share that a parser gets wrong is no rate among a model's texts.
    """
    rows = []
    for text, written in CASES:
        wanted = None if written is None else to_quantity(written)
        verdicts = [_verdict(found, wanted) for found in (read_answer(text), last_number(text))]
        rows.append((visible(text), str(wanted), *verdicts))
    wrong = [sum("wrong" in row[column] for row in rows) for column in (2, 3)]
    title = f"Of {len(rows)} hard cases, read_answer gets {wrong[0]} wrong, last_number {wrong[1]}"
    return Table(title, ("text", "answer", "read_answer", "last_number"), tuple(rows))


def _verdict(found: Quantity | None, wanted: Quantity | None) -> str:
    right = found is None if wanted is None else same(found, wanted)
    return f"{found}{'' if right else ' (wrong)'}"
