"""Plausibility: marks on characters become marks on units, real reviews, ERASER's files read as ERASER reads them."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st

import xai_helpers as xai
from xai_helpers import errors, retrieval
from xai_helpers.attribution import Attribution, Unit
from xai_helpers.plausibility import Marked, marked_units, plausible, read_eraser, read_marked

CORPORA = Path(__file__).parents[1] / "data" / "corpora"
MEASURES = ("token_f1", "iou_f1", "auprc", "average_precision", "precision_at")
CLOSE = {"rel": 0, "abs": 1e-14}


@pytest.fixture(scope="module")
def reviews() -> tuple[Marked, ...]:
    return read_marked(CORPORA / "reviews" / "marked.jsonl")


def measures(found: Any) -> list[float]:
    return [getattr(found, name) for name in MEASURES]


def marked_words(review: Marked) -> list[bool]:
    """Character by character: whether a word, from blank to blank, holds a marked one."""
    inside = {i for start, end in review.spans for i in range(start, end)}
    return [bool(inside & set(range(*word.span()))) for word in re.finditer(r"\S+", review.text)]


def scored(review: Marked, scores: Any) -> Attribution:
    return tiny.example(review.text, list(scores))


# --- units ----------------------------------------------------------------------------------------------------------


def test_a_unit_counts_from_the_first_shared_character_on() -> None:
    units = [Unit("[CLS]", 0, 0, special=True), Unit("un", 0, 2), Unit("like", 2, 6), Unit("it", 7, 9), Unit("", 9, 9)]
    for spans, expected in [
        ([(2, 6)], [0, 0, 1, 0, 0]),
        ([(1, 3)], [0, 1, 1, 0, 0]),
        ([(5, 8)], [0, 0, 1, 1, 0]),
        ([(6, 8)], [0, 0, 0, 1, 0]),  # the blank before it belongs to no unit
        ([(8, 9), (0, 1)], [0, 1, 0, 1, 0]),
        ([(0, 9)], [0, 1, 1, 1, 0]),
    ]:
        assert marked_units(units, spans).tolist() == [bool(x) for x in expected]
        assert marked_units(units, np.array(spans)).tolist() == [bool(x) for x in expected]  # type: ignore[arg-type]


def test_special_units_are_never_marked() -> None:
    """Not even those that claim characters, as a mask does."""
    units = [Unit("[MASK]", 0, 6, special=True), Unit("film", 7, 11)]
    assert marked_units(units, [(0, 11)]).tolist() == [False, True]
    with pytest.raises(errors.OptionError, match=r"\(0, 6\) touches no unit"):
        marked_units(units, [(0, 6)])


def test_a_span_that_touches_nothing_is_named() -> None:
    units = [Unit("a", 0, 1), Unit("film", 2, 6)]
    for span in ((1, 2), (6, 8), (90, 95)):
        with pytest.raises(errors.OptionError, match=re.escape(f"{span} touches no unit")):
            marked_units(units, [(0, 1), span])
    with pytest.raises(errors.OptionError, match="nothing is marked"):
        marked_units(units, [])
    with pytest.raises(errors.OptionError, match="touches no unit"):
        marked_units([], [(0, 1)])
    for span in ((3, 3), (3, 2), (-1, 2), (0.5, 2)):
        with pytest.raises(errors.OptionError, match=r"start=|end="):
            marked_units(units, [span])  # type: ignore[list-item]
    with pytest.raises(errors.OptionError, match="no span"):
        marked_units(units, [3])  # type: ignore[list-item]


def test_tokens_and_words_of_real_reviews_are_marked_alike(reviews: tuple[Marked, ...]) -> None:
    """A word is marked if and only if one of its tokens is, with the embedded classifier's own pieces."""
    model = xai.load("course-distilbert")
    parted = 0
    for review in reviews:
        units = model.encode(review.text).units
        marks = marked_units(units, review.spans)
        tokens = Attribution("by hand", review.text, units, marks.astype(float), None, model.name)
        words = tokens.to_words()
        assert np.array_equal(words.scores > 0, marked_units(words.units, review.spans))
        parted += len(units) - len(words.units)
        inside = "".join(review.text[start:end] for start, end in review.spans)
        shown = "".join(review.text[u.start : u.end] for u, mark in zip(units, marks, strict=True) if mark)
        assert re.sub(r"\s", "", inside) == re.sub(r"\s", "", shown)  # marks are on word borders: no more, no less
    assert parted > 100


# --- real reviews, explained by hand --------------------------------------------------------------------------------


def test_the_reviews_are_read(reviews: tuple[Marked, ...]) -> None:
    assert len(reviews) == 321 and sum(review.label == "positive" for review in reviews) == 161
    assert sum(len(review.spans) == 1 for review in reviews) == 285
    assert reviews[0] == Marked("The whole corridor reeked of damp and old cigarettes.", "negative", ((19, 25),))
    sample = read_marked(CORPORA / "course-distilbert-sample.jsonl")
    assert len(sample) == 500
    assert sample[2] == Marked("You may call it aggravating; you are mistaken.", "positive", ((16, 27), (37, 45)))


def test_finding_every_mark_is_best_and_avoiding_them_is_worst(reviews: tuple[Marked, ...]) -> None:
    for review in reviews:
        truth = np.array(marked_words(review))
        n, true = len(truth), int(truth.sum())
        if true == n:
            continue
        best = plausible(scored(review, truth), review.spans)
        worst = plausible(scored(review, ~truth), review.spans)
        assert measures(best) == pytest.approx([1] * 5, **CLOSE) and best.k == true
        assert best.share == worst.share == true / n
        assert worst.precision_at == pytest.approx(max(0, 2 * true - n) / true, **CLOSE)
        assert worst.average_precision == pytest.approx(true / n, **CLOSE)  # its marked words are all tied
        constant = plausible(scored(review, np.full(n, -0.3)), review.spans)
        assert [constant.average_precision, constant.precision_at] == pytest.approx([true / n] * 2, **CLOSE)
        assert constant.auprc == pytest.approx((1 + true / n) / 2, **CLOSE)


def test_by_hand(reviews: tuple[Marked, ...]) -> None:
    """The whole corridor *reeked* of damp and old cigarettes: the marked word is second, behind "damp"."""
    attribution = scored(reviews[0], [0, 0, 0.1, -0.5, 0, 0.9, 0, 0.2, 0.3])
    one = plausible(attribution, reviews[0].spans)
    assert (one.k, one.share, measures(one)) == (1, 1 / 9, [0, 0, 0.25, 0.5, 0])
    two = plausible(attribution, reviews[0].spans, k=2)  # chosen are two spans of one word each
    assert measures(two) == pytest.approx([2 / 3, 2 / 3, 0.25, 0.5, 0.5], **CLOSE)
    assert (two.k, two.share) == (2, 1 / 9)
    assert plausible(attribution, reviews[0].spans, by="signed").average_precision == 1 / 9  # the only one below 0


def test_several_spans_by_hand() -> None:
    review = Marked("dull plot and truly awful jokes", "negative", ((0, 4), (14, 25)))
    found = plausible(scored(review, [5, 0, 0, 4, 3, 6]), review.spans, k=2)
    # chosen: dull, jokes; marked: dull, truly awful
    assert found.token_f1 == pytest.approx(2 * 1 / (2 + 3), **CLOSE)
    assert found.iou_f1 == pytest.approx(2 * 1 / (2 + 2), **CLOSE)
    assert found.precision_at == 0.5
    assert found.average_precision == pytest.approx((1 / 2 + 2 / 3 + 3 / 4) / 3, **CLOSE)
    assert found.auprc == pytest.approx(((0 + 1 / 2) + (1 / 2 + 2 / 3) + (2 / 3 + 3 / 4)) / 6, **CLOSE)


@given(st.integers(0, 320), st.integers(0, 2**32 - 1), st.sampled_from(["size", "signed"]), st.integers(1, 4))
def test_rescaling_and_monotone_maps_change_nothing(
    reviews: tuple[Marked, ...], index: int, seed: int, by: Any, k: int
) -> None:
    """Maps that keep the sign and the order of sizes; and only content units count, wherever special ones stand."""
    review = reviews[index]
    scores = np.random.default_rng(seed).integers(-3, 4, len(marked_words(review))).astype(float)
    k = min(k, len(scores))
    found = plausible(scored(review, scores), review.spans, by=by, k=k)
    for changed in (scores * 7e-9, scores / 3, scores**3, np.arctan(scores)):
        assert plausible(scored(review, changed), review.spans, by=by, k=k) == found
    plain = scored(review, scores)
    framed = dataclasses.replace(
        plain,
        units=(Unit("[CLS]", 0, 0, special=True), *plain.units, Unit("[SEP]", 0, 0, special=True)),
        scores=np.array([99.0, *scores, -99.0]),
    )
    assert plausible(framed, review.spans, by=by, k=k) == found
    values = np.abs(scores) if by == "size" else scores
    truth = np.array(marked_words(review))
    assert found.average_precision == retrieval.average_precision(values, truth)
    assert found.auprc == retrieval.auprc(values, truth)
    assert found.precision_at == retrieval.precision_at(values, truth, k)
    chosen = retrieval.chosen(values, k)
    assert (found.token_f1, found.iou_f1) == (retrieval.token_f1(chosen, truth), retrieval.iou_f1(chosen, truth))


def test_the_seed_decides_between_ties(reviews: tuple[Marked, ...]) -> None:
    constant = scored(reviews[0], np.ones(9))
    drawn = [plausible(constant, reviews[0].spans, seed=seed) for seed in range(300)]
    assert plausible(constant, reviews[0].spans, seed=3) == drawn[3]
    assert {found.token_f1 for found in drawn} == {0, 1} and len({found.auprc for found in drawn}) == 1
    assert np.mean([found.token_f1 for found in drawn]) == pytest.approx(1 / 9, abs=4 * (8 / 81 / 300) ** 0.5)


def test_bad_options_are_named(reviews: tuple[Marked, ...]) -> None:
    attribution = scored(reviews[0], np.arange(9))
    with pytest.raises(errors.OptionError, match="'size' or 'signed'"):
        plausible(attribution, reviews[0].spans, by="rank")  # type: ignore[arg-type]
    for k in (0, 10, 1.5):
        with pytest.raises(errors.OptionError, match=f"k={k}: .* at most 9"):
            plausible(attribution, reviews[0].spans, k=k)  # type: ignore[arg-type]
    with pytest.raises(errors.OptionError, match="seed="):
        plausible(attribution, reviews[0].spans, seed=-1)
    with pytest.raises(errors.OptionError, match="touches no unit"):
        plausible(attribution, [(200, 203)])
    only_special = tiny.example("a b", [1.0, 2.0], special=2)
    with pytest.raises(errors.OptionError, match="touches no unit"):
        plausible(only_special, [(0, 1)])


# --- JSON lines -----------------------------------------------------------------------------------------------------


def test_marks_are_kept_in_order_and_once() -> None:
    marked = Marked("a good film", "positive", [[7, 11], [2, 6], [7, 11]])  # type: ignore[arg-type]
    assert marked.spans == ((2, 6), (7, 11))
    for spans in ((), [[0, 12]], [[3, 3]], [[4, 2]], [[-1, 2]], [[0, 1.5]], [[True, 2]], [[1]], "ab", 3, [[1, 2]]):
        with pytest.raises(errors.OptionError, match=r"span|start=|end="):  # the last is a blank
            Marked("a good film", "positive", spans)  # type: ignore[arg-type]
    with pytest.raises(errors.OptionError, match="strings"):
        Marked("a good film", 1, ((0, 1),))  # type: ignore[arg-type]


GOOD = '{"text": "a good film", "label": "positive", "rationale": [[2, 6]]}'


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "Expecting property name"),
        ("[]", "one JSON object"),
        ('{"label": "positive", "rationale": [[2, 6]]}', "field 'text' is missing"),
        ('{"text": "a good film", "label": "positive"}', "one field, rationale or deciding"),
        (GOOD[:-1] + ', "deciding": [[2, 6]]}', "one field, rationale or deciding"),
        (GOOD.replace("[2, 6]", "[2, 60]"), "end=60"),
        (GOOD.replace("[2, 6]", "2, 6"), "2 is no span"),
        (GOOD.replace("[[2, 6]]", "[]"), "at least one pair"),
        (GOOD.replace("[[2, 6]]", "null"), "at least one pair"),
        (GOOD.replace('"positive"', "1"), "text and label are strings"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "marked.jsonl"
    path.write_text(f"{GOOD}\n\n{line}\n", encoding="utf-8")
    with pytest.raises(errors.FormatError, match=rf"marked\.jsonl, line 3: .*{message}"):
        read_marked(path)


def test_files_that_are_none(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.jsonl"):
        for read in (read_marked, read_eraser):
            with pytest.raises(errors.OptionError, match="name a file"):
                read(path)
    (tmp_path / "latin.jsonl").write_bytes(GOOD.replace("good", "tr\u00e8s").encode("latin-1"))
    with pytest.raises(errors.FormatError, match="UTF-8"):
        read_marked(tmp_path / "latin.jsonl")


def test_characters_are_counted_as_python_counts_them(tmp_path: Path) -> None:
    """A line separator inside a string ends no line; an emoji is one character."""
    (tmp_path / "a.jsonl").write_text('{"text": "\u2028 \U0001f600 fun", "label": "", "deciding": [[4, 7]]}\n', "utf-8")
    (marked,) = read_marked(tmp_path / "a.jsonl")
    assert [marked.text[slice(*span)] for span in marked.spans] == ["fun"]


# --- ERASER ---------------------------------------------------------------------------------------------------------

DOCUMENT = "plot : two teens drive .\n they get into an accident . \t\n\nwhat 's the deal ?\nit is  simply too bad .\n"


def evidence(start: int, end: int, docid: str = "negR_000.txt", **fields: Any) -> dict[str, Any]:
    return {"docid": docid, "start_token": start, "end_token": end, "start_sentence": 0, "end_sentence": 1} | fields


def annotation(*groups: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    known = {"annotation_id": "negR_000.txt", "classification": "NEG", "query": "What is the sentiment?"}
    return known | {"evidences": list(groups), "query_type": None, "docids": None} | fields


def write(folder: Path, annotations: list[dict[str, Any]], documents: dict[str, str], in_folder: bool = True) -> Path:
    """A data set in ERASER's format, documents as files or as one file of JSON lines."""
    path = folder / "val.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in annotations), encoding="utf-8")
    if in_folder:
        (folder / "docs").mkdir()
        for name, text in documents.items():
            (folder / "docs" / name).write_text(text, encoding="utf-8")
    else:
        rows = [json.dumps({"docid": name, "document": text}) + "\n" for name, text in documents.items()]
        (folder / "docs.jsonl").write_text("".join(rows), encoding="utf-8")
    return path


def test_eraser_by_hand(tmp_path: Path) -> None:
    """Sentences have 6, 6, 5 and 6 tokens; blank lines, double blanks and a line's ends are none."""
    rows = [annotation([evidence(18, 20)], [evidence(12, 16), evidence(18, 20)]), annotation([evidence(0, 1)])]
    path = write(tmp_path, rows, {"negR_000.txt": DOCUMENT})
    first, second = read_eraser(path)
    sentences = [
        "plot : two teens drive .",
        "they get into an accident .",
        "what 's the deal ?",
        "it is simply too bad .",
    ]
    assert first.text == " ".join(sentences)
    assert first.label == "NEG" and second.text == first.text
    assert [first.text[slice(*span)] for span in first.spans] == ["what 's the deal", "is simply"]
    assert [second.text[slice(*span)] for span in second.spans] == ["plot"]
    assert read_eraser(path, tmp_path / "docs") == (first, second)


@st.composite
def data_sets(draw: st.DrawFn) -> tuple[list[dict[str, Any]], dict[str, list[list[str]]]]:
    """Annotations with at least one evidence, and documents as sentences of tokens."""
    token = st.text(st.sampled_from("ab.'é😀"), min_size=1, max_size=3)
    documents: dict[str, list[list[str]]] = {}
    rows = []
    for index in range(draw(st.integers(1, 3))):
        name = f"posR_{index:03}.txt"
        documents[name] = draw(st.lists(st.lists(token, min_size=1, max_size=4), min_size=1, max_size=4))
        tokens = list(itertools.chain.from_iterable(documents[name]))
        pairs = st.tuples(st.integers(0, len(tokens)), st.integers(0, len(tokens))).filter(lambda x: x[0] < x[1])
        groups = draw(st.lists(st.lists(pairs, min_size=1, max_size=2), min_size=1, max_size=3))
        evidences = [[evidence(*pair, name, text=" ".join(tokens[slice(*pair)])) for pair in g] for g in groups]
        rows.append(annotation(*evidences, annotation_id=name, classification=draw(st.sampled_from(["POS", "NEG"]))))
    return rows, documents


@given(data_sets(), st.booleans())
def test_eraser_round_trip(data: tuple[list[dict[str, Any]], dict[str, list[list[str]]]], in_folder: bool) -> None:
    """As ERASER scores: one truth for each token of the document, true where any evidence holds it."""
    rows, documents = data
    texts = {name: "\n".join(" ".join(sentence) for sentence in lines) for name, lines in documents.items()}
    with tempfile.TemporaryDirectory() as folder:
        found = read_eraser(write(Path(folder), rows, texts, in_folder))
    for row, marked in zip(rows, found, strict=True):
        tokens = list(itertools.chain.from_iterable(documents[row["annotation_id"]]))
        truth = [False] * len(tokens)
        for one in itertools.chain.from_iterable(row["evidences"]):
            truth[one["start_token"] : one["end_token"]] = [True] * (one["end_token"] - one["start_token"])
            assert one["text"] in [marked.text[slice(*span)] for span in marked.spans]
        assert marked.text.split(" ") == tokens and marked.label == row["classification"]
        assert marked_units(scored(marked, np.zeros(len(tokens))).units, marked.spans).tolist() == truth


def test_empty_lines_count_as_eraser_counts_them(tmp_path: Path) -> None:
    """They are no tokens of a file in docs, but one token each in docs.jsonl."""
    document = "a b\n\nc d"
    files, lines = tmp_path / "files", tmp_path / "lines"
    files.mkdir()
    lines.mkdir()
    (one,) = read_eraser(write(files, [annotation([evidence(2, 3)])], {"negR_000.txt": document}))
    (two,) = read_eraser(write(lines, [annotation([evidence(3, 4)])], {"negR_000.txt": document}, in_folder=False))
    assert one.text[slice(*one.spans[0])] == two.text[slice(*two.spans[0])] == "c"


def test_annotations_without_evidence_are_left_out(tmp_path: Path) -> None:
    """Even of a document that is empty or missing."""
    rows = [annotation(annotation_id="posR_161.txt"), annotation([evidence(0, 1)]), annotation([])]
    (found,) = read_eraser(write(tmp_path, rows, {"negR_000.txt": DOCUMENT, "posR_161.txt": ""}))
    assert found.spans == ((0, 4),)


def test_documents_elsewhere_and_numbers_as_names(tmp_path: Path) -> None:
    path = write(tmp_path, [annotation([evidence(0, 1, docid=7)])], {"7": "a b"})  # type: ignore[arg-type]
    moved = (tmp_path / "docs").rename(tmp_path / "texts")
    assert read_eraser(path, moved) == (Marked("a b", "NEG", ((0, 1),)),)
    (tmp_path / "texts.jsonl").write_text('{"docid": 7, "document": "a b"}\n', encoding="utf-8")
    assert read_eraser(path, tmp_path / "texts.jsonl") == (Marked("a b", "NEG", ((0, 1),)),)
    for docs in (None, tmp_path / "nowhere"):
        with pytest.raises(errors.OptionError, match="folder of the documents"):
            read_eraser(path, docs)


@pytest.mark.parametrize("in_folder", [True, False])
@pytest.mark.parametrize(
    ("row", "message"),
    [
        (annotation([evidence(5, 24)]), "end=24: .* at most 23"),
        (annotation([evidence(23, 24)]), "start=23"),
        (annotation([evidence(3, 3)]), "end=3"),
        (annotation([evidence(-1, -1)]), "start=-1"),
        (annotation([evidence("3", 4)]), "start='3'"),  # type: ignore[arg-type]
        (annotation([evidence(0, 1, "posR_1.txt")]), "no document 'posR_1.txt'"),
        (annotation([evidence(0, 1), evidence(0, 1, "posR_1.txt")]), "2 documents, negR_000.txt, posR_1.txt"),
        (annotation([{"docid": "negR_000.txt", "start_token": 0}]), "field 'end_token' is missing"),
        ({"annotation_id": "negR_000.txt", "classification": "NEG"}, "field 'evidences' is missing"),
        (annotation([evidence(0, 1)], classification=None), "text and label are strings"),
        (annotation("ab"), "string indices"),  # type: ignore[arg-type]
        (annotation(evidences=3), "not iterable"),
    ],
)
def test_a_bad_annotation_is_named(tmp_path: Path, row: dict[str, Any], message: str, in_folder: bool) -> None:
    path = write(tmp_path, [annotation([evidence(0, 1)]), row], {"negR_000.txt": DOCUMENT.strip()}, in_folder)
    if not in_folder:  # where empty lines would be tokens
        text = "\n".join(" ".join(line.split()) for line in DOCUMENT.splitlines() if line)
        (tmp_path / "docs.jsonl").write_text(json.dumps({"docid": "negR_000.txt", "document": text}), encoding="utf-8")
    with pytest.raises(errors.FormatError, match=rf"val\.jsonl, line 2: .*{message}"):
        read_eraser(path)


def test_bad_documents_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, [annotation([evidence(0, 1)])], {})
    for line, message in [("{}", "'docid' is missing"), ('{"docid": "a", "document": 3}', "attribute 'split'")]:
        (tmp_path / "docs.jsonl").write_text(line, encoding="utf-8")
        with pytest.raises(errors.FormatError, match=rf"docs\.jsonl, line 1: .*{message}"):
            read_eraser(path, tmp_path / "docs.jsonl")
