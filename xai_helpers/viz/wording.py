"""What the views say in words: numbers, tokens, the header, and one sentence about an attribution."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..attribution import Attribution

CONTROL_PICTURES = {code: chr(0x2400 + code) for code in range(0x20)} | {0x7F: "\u2421"}
# C1 controls and lone surrogates have no picture, and no place in a page
NOT_SHOWN = dict.fromkeys((*range(0x80, 0xA0), *range(0xD800, 0xE000)), "\ufffd")
BLANKS = {ord(" "): "\u2423", ord("\n"): "\u21b5", ord("\t"): "\u21e5", 0xA0: "\u237d"}
# marks, embeddings, overrides and isolates that would reorder the line in which a token is quoted
REORDERING = dict.fromkeys((0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)), "\ufffd")
SAFE = CONTROL_PICTURES | NOT_SHOWN
SAFE_IN_TEXT = {code: picture for code, picture in SAFE.items() if chr(code) not in "\n\t"}
SAFE_ON_A_LINE = SAFE_IN_TEXT | {code: BLANKS[code] for code in (9, 10)} | REORDERING


def written(text: str) -> str:
    """The text as it is, with a picture for each control character but newlines and tabs. Same length."""
    return text.translate(SAFE_IN_TEXT)


def visible(token: str) -> str:
    """A token by itself, on one line: blanks as signs, invisible characters by their numbers."""
    if not token:
        return "\u2205"
    if token.isspace():
        return "".join(BLANKS.get(ord(blank)) or SAFE.get(ord(blank)) or _code_point(blank) for blank in token)
    shown = token.translate(SAFE_ON_A_LINE)
    if all(unicodedata.category(character) in ("Cf", "Cn", "Co") for character in shown):
        return " ".join(map(_code_point, shown))
    # an accent by itself needs something to stand on
    return ("\u25cc" if unicodedata.category(shown[0]).startswith("M") else "") + shown


def number(value: float, end: float, signed: bool = True) -> str:
    """A value with as many decimals as give three digits at the scale's end, so that columns line up."""
    sign = "+" if signed and value != 0 else ""
    if end == 0 or not 1e-4 <= end < 1e6:
        return f"{value:{sign}.2e}" if value else "0"
    decimals = min(6, max(0, 2 - math.floor(math.log10(end))))
    if not round(value, decimals):
        return f"{0:.{decimals}f}"  # no "-0.00"
    return f"{value:{sign}.{decimals}f}"


def is_signed(scores: Iterable[float]) -> bool:
    """Whether any score is negative; only then are positive ones written with a plus sign."""
    return any(score < 0 for score in scores)


def header(a: Attribution) -> tuple[str, ...]:
    """Method, model, what is explained, and where it is read from where the attribution says so."""
    parts = [a.method, a.model, "no target" if a.target is None else str(a.target)]
    if a.position is not None:
        parts.append(f"read at token {range(len(a.units))[a.position]}, {visible(a.tokens[a.position])!r}")
    return tuple(visible(part) for part in parts)


def balance(a: Attribution) -> str:
    """ "total = tokens + absorbed, gap" in numbers, or "" for a method that shares out nothing."""
    if a.total is None or a.gap is None:
        return ""
    tokens = math.fsum(a.scores)
    end = max(abs(a.total), abs(tokens), *map(abs, a.absorbed.values()), 0.0)
    terms = [("tokens", tokens), *((visible(name), value) for name, value in a.absorbed.items())]
    named = " + ".join(f"{name} {_term(value, end)}" for name, value in terms)
    # below this, what is left is float32's rounding, which differs from machine to machine
    gap = "no gap" if abs(a.gap) < 1e-6 * end or a.gap == 0 else f"gap {_term(a.gap, end)}"
    return f"total {_term(a.total, end)} = {named}, {gap}{_trust(a, end)}"


def _trust(a: Attribution, end: float) -> str:
    """How far scores that were sampled or fitted can be trusted, as far as the method found out."""
    errors, fit = a.details.get("standard_errors"), a.details.get("r2")
    sampled = "" if errors is None else f"; sampled, standard errors up to {_term(max(errors), end)}"
    return sampled if fit is None else f"{sampled}; R2 {fit:.2f}"


def summary(a: Attribution) -> str:
    """One sentence with what a reader would see first: how many tokens, and the strongest three."""
    end, signed = max(map(abs, a.scores), default=0.0), is_signed(a.scores)
    strongest = ", ".join(f"{visible(token)!r} {number(score, end, signed)}" for token, score in a.top(3) if score)
    verdict = f"strongest of the text: {strongest}" if strongest else "all scores of the text are 0"
    return f"{', '.join(header(a))}; {len(a.units)} tokens, {verdict}"


def _code_point(character: str) -> str:
    return f"U+{ord(character):04X}"


def _term(value: float, end: float) -> str:
    """A gap that is far below the other terms keeps its size: 1e-07 is not 0.000."""
    small = value != 0 and abs(value) < end / 1000
    return f"{value:.0e}" if small else number(value, end, signed=False)
