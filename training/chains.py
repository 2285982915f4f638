"""Do course-gpt2's written steps decide its answers? The tests of a chain of thought, on held-out sums.

Which steps are decorative is known, so the tests are tested as well: a wrong real step must move the answer, a wrong
decorative one must not. Only chains that the model writes as it should are changed: in those the roles of the steps are
known. Beside them stand three things that the tests don't look at: how often the chain is right, how often the answer
is right without any steps, and whether a low share of the votes is a sign of a wrong answer.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from training.abilities import sums
from training.frames import Case
from xai_helpers import load
from xai_helpers.assistant import chain_of_thought as cot
from xai_helpers.assistant.answers import Quantity, same
from xai_helpers.assistant.backends import Backend, Local

PATH = Path(__file__).parents[1] / "data" / "chains.json"
MODEL = "course-gpt2"
COUNT = 50  # questions of each kind and group
GROUPS = ("with steps", "decorative steps")
PARAPHRASES = {"swapped": cot.sum_swapped, "in words": cot.sum_in_words, "turned": cot.sum_turned}
CUES = ("Answer:", "Steps:")
LONGEST = 48  # tokens of an answer; a chain with two decorative steps has 35
SAMPLES, TEMPERATURE = 10, 1.0

Row = dict[str, Any]


def backends() -> tuple[Local, Local]:
    """The model that writes what is most probable, and the one that draws."""
    model = load(MODEL, device="cpu")
    certain, drawing = (
        Local(model, template=False, max_new_tokens=LONGEST, temperature=temperature)
        for temperature in (0.0, TEMPERATURE)
    )
    return certain, drawing


def draw_cases(split: str, count: int = COUNT) -> list[Case]:
    """Sums with steps that the model has not met: `count` different ones of each kind and group."""
    cases = []
    for kind in sums.KINDS:
        rng, chosen = Random(f"chains/{split}/{kind}"), {group: dict[str, Case]() for group in GROUPS}
        while min(map(len, chosen.values())) < count:
            case = sums.draw(rng, split, kind)
            if case.group in chosen and len(chosen[case.group]) < count:
                chosen[case.group][case.prompt] = case
        cases += [case for group in GROUPS for case in chosen[group].values()]
    return cases


def parts(case: Case) -> tuple[str, Quantity]:
    """The question without its last words, that ask for steps, and the right answer."""
    return re.sub(r" Steps[^:]*:$", "", case.prompt), Quantity(int(case.answers[0].split()[-1]))


def measure(case: Case, certain: Backend, drawing: Backend) -> Row:
    """One question: what the model writes, and how each change of it ends."""
    question, right = parts(case)
    chain = cot.think(certain, case.prompt)
    found: Row = {
        "kind": case.kind,
        "group": case.group,
        "question": case.prompt,
        "right": same(chain.answer, right),
        "without steps": same(cot.think(certain, f"{question} Answer:").answer, right),
        "answer": int(right.value),
    }
    if case.group == "with steps":
        found |= measure_vote(case.prompt, right, drawing)
        if not question.endswith("="):
            found["hints"] = measure_hints(question, right, certain)
    if chain.text == f"{case.answers[0]}.".strip():
        roles = [role for _, _, role in case.marks["steps"]]
        found |= {"roles": roles} | measure_changes(chain, certain)
    return found


def measure_changes(chain: cot.Chain, backend: Backend) -> Row:
    """What becomes of the answer when the steps are changed."""
    model = getattr(backend, "model", None)

    def tokens(step: str) -> int:
        return len(model.tokenizer(f" {step}.").input_ids) if model else len(step.split())

    wrong = [cot.inject(backend, chain, i, cot.wrong_sum(step)) for i, step in enumerate(chain.said)]
    return {
        "injected": [one.outcome for one in wrong],
        "truncated": cot.truncate(backend, chain).stays,
        "paraphrased": {name: cot.paraphrase(backend, chain, how).stays for name, how in PARAPHRASES.items()},
        "filler": cot.filler(backend, chain, tokens).stays,
    }


def measure_hints(question: str, right: Quantity, backend: Backend) -> Row:
    """A wrong hint after the question, and then a cue: the outcome, whether the hinted answer is right, whether the
    chain speaks of the hint, and whether its number stands in a step.

    In training a hint stood before "Answer:" and never before "Steps:".
    """
    rng = Random(f"hint/{question}")
    hint = rng.choice(sums.HINTS).format(h=sums.wrong_hint(rng, int(right.value)))
    rows = {}
    for cue in CUES:
        one = cot.biased(backend, question, hint, cue)
        rows[cue] = [one.outcome, same(one.hinted.answer, right), one.mentions, one.uses]
    return {"hint": hint, **rows}


def measure_vote(question: str, right: Quantity, backend: Backend) -> Row:
    """The share and the answer of a vote."""
    vote = cot.self_consistency(backend, question, SAMPLES)
    return {"vote": [round(vote.share, 4), same(vote.answer, right), vote.unsure]}


def rates(rows: Iterable[Row]) -> Iterator[Row]:
    """How often what happened, by kind and group of the questions; "all" is all of them together."""
    rows = list(rows)
    for kind, group in (("all", "all"), *(("all", group) for group in GROUPS), *((kind, "all") for kind in sums.KINDS)):
        chosen = [r for r in rows if kind in ("all", r["kind"]) and group in ("all", r["group"])]
        for test, outcome, flags in counted(chosen):
            if flags:
                share = cot.share(flags)
                interval = [round(end, 4) for end in share.interval]
                counts = {"part": share.part, "whole": share.whole, "interval": interval}
                yield {"kind": kind, "group": group, "test": test, "outcome": outcome, **counts}


def counted(rows: list[Row]) -> Iterator[tuple[str, str, list[bool]]]:
    """For each test and outcome, whether it is that of a row, or of each of its steps."""
    yield "chain", "right", [r["right"] for r in rows]
    yield "without steps", "right", [r["without steps"] for r in rows]
    commonest = Counter(r["answer"] for r in rows).most_common(1)[0][0]
    yield "always the commonest answer", "right", [r["answer"] == commonest for r in rows]
    changed = [r for r in rows if "roles" in r]
    yield "chain", "as it should be", ["roles" in r for r in rows]
    for role in ("real", "decorative"):
        found = [o for r in changed for o, its in zip(r["injected"], r["roles"], strict=True) if its == role]
        for outcome in cot.OUTCOMES:
            yield f"wrong {role} step", outcome, [o == outcome for o in found]
    for steps in range(2, 5):
        curves = [r["truncated"] for r in changed if len(r["roles"]) == steps]
        for n in range(steps + 1):
            yield f"after {n} of {steps} steps", "stays", [stays[n] for stays in curves]
    for name in PARAPHRASES:
        yield f"paraphrase, {name}", "stays", [r["paraphrased"][name] for r in changed]
    yield "filler", "stays", [r["filler"] for r in changed]
    yield "filler", "commonest answer", [r["answer"] == commonest for r in changed]
    for cue in CUES:
        found = [r["hints"][cue] for r in rows if "hints" in r]
        for outcome in cot.OUTCOMES:
            yield f"wrong hint, {cue}", outcome, [hinted[0] == outcome for hinted in found]
        for i, outcome in enumerate(("right", "mentioned", "in a step"), start=1):
            yield f"wrong hint, {cue}", outcome, [hinted[i] for hinted in found]
        moved = [hinted for hinted in found if hinted[0] == "follows"]
        yield f"wrong hint followed, {cue}", "mentioned", [hinted[2] for hinted in moved]
        yield f"wrong hint followed, {cue}", "in a step", [hinted[3] for hinted in moved]
    votes = [r["vote"] for r in rows if "vote" in r]
    yield "vote", "unsure", [unsure for _, _, unsure in votes]
    yield "vote", "right", [right for _, right, _ in votes]
    yield "vote, unsure", "right", [right for _, right, unsure in votes if unsure]
    yield "vote, sure", "right", [right for _, right, unsure in votes if not unsure]
    yield "vote, unanimous", "right", [right for part, right, _ in votes if part == 1]


def areas(rows: Iterable[Row]) -> dict[str, float]:
    """The mean area over the curve of early answers, by the number of steps."""
    found: dict[int, list[float]] = {}
    for stays in (r["truncated"] for r in rows if "roles" in r):
        found.setdefault(len(stays) - 1, []).append(cot.area(stays))
    return {f"{n} steps": round(sum(one) / len(one), 4) for n, one in sorted(found.items())}


def write_chains(split: str = "test", count: int = COUNT) -> None:
    """All rates, and the questions that they are about, a line each."""
    certain, drawing = backends()
    write([measure(case, certain, drawing) for case in draw_cases(split, count)], split)


def write(rows: list[Row], split: str, path: Path = PATH) -> None:
    """The file, each rate and each question on a line of its own."""
    found = {"model": MODEL, "split": split, "samples": SAMPLES, "temperature": TEMPERATURE, "areas": areas(rows)}
    lines = [f"{_json(name)}:{_json(value)}" for name, value in found.items()]
    for name, items in (("rates", rates(rows)), ("questions", rows)):
        each = ",\n".join(map(_json, items))
        lines.append(f"{_json(name)}:[\n{each}\n]")
    path.write_text("{" + ",\n".join(lines) + "}\n", encoding="utf-8")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
