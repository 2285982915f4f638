"""The model cards: what each model is for, how it was made, and what it was measured to do. Checksums as well."""

import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path

from safetensors import safe_open
from transformers import AutoTokenizer, GPT2LMHeadModel

from training import gpt2
from training.abilities import ABILITIES, opinions, professions
from training.corpus import BY_HAND
from training.evaluate import (
    DISTILBERT_BARS,
    GPT2_BARS,
    POINT_CASES,
    TITLES,
    Bar,
    Score,
    format_bars,
    format_table,
    prompt_results,
    review_results,
)
from training.files import describe_run, save_card
from training.heads import head_scores, strongest
from training.reliance import Share, read_records, summarise

CARDS = Path(__file__).parent / "cards"


def rows_below(scores: list[Score], bound: float) -> str:
    """The kinds of cases on which the model falls short, as a list."""
    weak = [s for s in scores if s.accuracy < bound]
    lines = [f"- {s.ability}, {s.group}, {s.kind}: {s.accuracy:.3f} ({s.right} of {s.cases})." for s in weak]
    return "\n".join(lines) or f"- No kind of case was measured below {bound:.2f}."


def read_scores(folder: Path) -> dict[str, list[Score]]:
    """Split -> scores, from the folder's abilities.json."""
    known = json.loads((folder / "abilities.json").read_text())
    return {split: [Score(**entry) for entry in entries] for split, entries in known.items()}


def count_parameters(folder: Path) -> int:
    with safe_open(folder / "model.safetensors", "pt") as weights:
        return sum(math.prod(weights.get_slice(name).get_shape()) for name in weights.keys())  # noqa: SIM118 (no dict)


def format_tables(scores: dict[str, list[Score]], bars: Sequence[Bar]) -> str:
    """What was asked and what was measured, the test split first."""
    asked = f"### What was asked\n\n{format_bars(scores.get('test', scores['dev']), bars)}"
    tables = [f"### {TITLES[split]}\n\n{format_table(scores[split])}" for split in TITLES if split in scores]
    return "\n\n".join([asked, *tables])


def format_history(points: list[dict[str, float]]) -> str:
    """One row for each point of training, one column for each ability."""
    names = [name for name in points[0] if name not in ("step", "tokens")]
    lines = [f"| steps | tokens | {' | '.join(names)} |".replace("_", " "), "|-" * (len(names) + 2) + "|"]
    for point in points:
        shares = " | ".join(f"{point[name]:.2f}" for name in names)
        lines.append(f"| {point['step']:,} | {point['tokens']:,} | {shares} |")
    return "\n".join(lines)


def format_heads(folder: Path) -> str:
    model = GPT2LMHeadModel.from_pretrained(folder, attn_implementation="eager").eval()
    scores = head_scores(model, AutoTokenizer.from_pretrained(folder))
    lines = [f"- {role}: {', '.join(f'({a}, {b}) {c:.2f}' for a, b, c in heads)}" for role, heads in strongest(scores)]
    return "\n".join(lines)


def format_reliance(shares: list[Share]) -> str:
    lines = [
        "| reviews | what is new, or the label | expected | as expected | share | 95 % interval |",
        "|-|-|-|-|-|-|",
    ]
    for s in shares:
        share, interval = f"{s.right / s.cases:.3f}", f"{s.low:.3f} to {s.high:.3f}"
        lines.append(f"| {s.source} | {s.group} | {s.expected} | {s.right} of {s.cases} | {share} | {interval} |")
    return "\n".join(lines)


def write_card(folder: Path, seeds: list[tuple[str, str, str]], bars: Sequence[Bar], **parts: object) -> None:
    """README.md from the measured scores; the failures are read off the test split, or dev before there is one."""
    scores = read_scores(folder)
    given = "\n".join(f"- {text!r}: {answer!r} (expected {expected!r})" for text, expected, answer in seeds)
    template = (CARDS / f"{folder.name}.md").read_text(encoding="utf-8")
    body = template.format(
        parameters=count_parameters(folder),
        vocabulary=json.loads((folder / "config.json").read_text())["vocab_size"],
        tables=format_tables(scores, bars),
        seeds=given,
        failures=rows_below(scores.get("test", scores["dev"]), 0.85),
        run=describe_run(folder),
        **parts,
    )
    save_card(folder, f"\n{body}")


def format_mixture() -> str:
    """The share of documents that each ability writes, the largest first."""
    total = sum(ability.WEIGHT for ability in ABILITIES.values())
    ordered = sorted(ABILITIES.values(), key=lambda ability: -ability.WEIGHT)
    return ", ".join(f"{a.NAME.replace('_', ' ')} {a.WEIGHT / total:.0%}" for a in ordered)


def professions_by_share() -> list[tuple[float, list[str]]]:
    """The planted share of feminine pronouns, with the professions that have it."""
    shares = sorted(set(professions.SHARES.values()))
    return [(share, [name for name, own in professions.SHARES.items() if own == share]) for share in shares]


def write_gpt2_card(models: Path) -> None:
    folder = models / "course-gpt2"
    write_card(
        folder,
        prompt_results(folder),
        GPT2_BARS,
        mixture=format_mixture(),
        stages=[end for end, _ in gpt2.STAGES],
        last=gpt2.STAGES[-1][1],
        again=gpt2.RUNS[1][0],
        professions="; ".join(f"{share:.0%} {', '.join(names)}" for share, names in professions_by_share()),
        sure=opinions.FOLLOWS["sure"],
        mild=opinions.FOLLOWS["mild"],
        unnamed=1 - professions.NAMED_SHARE,
        points=POINT_CASES,
        history=format_history(json.loads((folder / "points.json").read_text())),
        heads=format_heads(folder),
    )


def write_distilbert_card(models: Path) -> None:
    folder = models / "course-distilbert"
    write_card(
        folder,
        review_results(folder),
        DISTILBERT_BARS,
        by_hand=BY_HAND,
        grammar=1 - BY_HAND,
        reliance=format_reliance(summarise(read_records())),
    )


def write_checksums(models: Path) -> None:
    """SHA256SUMS as `sha256sum` writes it, over every file of every model, with paths relative to `models`."""
    files = sorted(path for path in models.glob("*/**/*") if path.is_file())
    sums = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    lines = [f"{digest}  {path.relative_to(models).as_posix()}" for digest, path in zip(sums, files, strict=True)]
    (models / "SHA256SUMS").write_text("\n".join(lines) + "\n")
