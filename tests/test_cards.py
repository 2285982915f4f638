"""The cards: what was asked beside what was measured, from scores made up for the purpose."""

from pathlib import Path

import pytest

from training.abilities import ABILITIES
from training.card import format_history, format_mixture, format_tables, professions_by_share, rows_below
from training.evaluate import Bar, Outcome, evaluate_points, format_bars, format_count, summarise


def scores(right: int, difference: float):
    outcomes = [Outcome("sums", "A", "pair", i < right, difference) for i in range(10)]
    return summarise([*outcomes, Outcome("sums", "B", "frame", True)])


@pytest.mark.parametrize(
    ("right", "difference", "reached"), [(9, 3.5, "yes"), (8, 3.5, "no"), (9, 2.5, "no"), (10, 3.0, "yes")]
)
def test_a_bar_is_reached_by_share_and_difference(right: int, difference: float, reached: str) -> None:
    row = format_bars(scores(right, difference), [Bar("sums", ("pair",), 0.9, ("A",), 3.0)]).splitlines()[-1]
    assert row.startswith(f"| sums, A | pair | 0.90, logit difference 3 | {right} of 10 | ")
    assert row.endswith(f"| {reached} |")


def test_each_kind_has_a_bar_of_its_own() -> None:
    rows = format_bars(scores(5, 1.0), [Bar("sums", ("pair", "frame"), 0.9)]).splitlines()[2:]
    assert [row.split(" | ")[1] for row in rows] == ["pair", "frame"]
    assert [row.endswith("| yes |") for row in rows] == [False, True]


def test_tables_name_their_split_and_weak_rows() -> None:
    measured = {"dev": scores(5, 1.0), "test": scores(7, 1.0)}
    text = format_tables(measured, [Bar("sums", ("pair",), 0.9)])
    assert text.index("7 of 10") < text.index("### Test split") < text.index("### Development split")
    assert rows_below(measured["test"], 0.85) == "- sums, A, pair: 0.700 (7 of 10)."
    assert rows_below(measured["test"], 0.5) == "- No kind of case was measured below 0.50."


def test_counts_come_with_wilsons_interval() -> None:
    assert format_count(95, 100) == "95 of 100 (0.888 to 0.978)"
    assert format_count(1000, 1000) == "1,000 of 1,000 (0.996 to 1.000)"


def test_mixture_and_rates_are_whole() -> None:
    assert sum(int(part.rsplit(" ", 1)[1].rstrip("%")) for part in format_mixture().split(", ")) in range(95, 106)
    assert len(format_mixture().split(", ")) == len(ABILITIES)
    assert ["nurse", "midwife"] in [names for share, names in professions_by_share() if share == 0.95]


def test_points_of_training(tmp_path: Path) -> None:
    table = format_history([{"step": 200, "tokens": 409_600, "facts": 0.5, "indirect_objects": 1.0}])
    assert table.splitlines()[0] == "| steps | tokens | facts | indirect objects |"
    assert table.splitlines()[-1] == "| 200 | 409,600 | 0.50 | 1.00 |"
    with pytest.raises(FileNotFoundError, match="train course-gpt2 first"):
        evaluate_points(tmp_path, 2048)
