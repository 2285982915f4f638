"""The saved results of tools that have environments of their own: each held to ours, to its form, and to its pins."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import captum.attr
import numpy as np
import pytest
import torch
from packaging.utils import canonicalize_name

import xai_helpers as xai
from tooling import record
from xai_helpers import circuits, errors, faithfulness, gradients, tool_results
from xai_helpers.architectures import blocks_of, hooked
from xai_helpers.tool_results import saved

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("nnterp", "inseq", "sae-lens", "lxt", "ferret")
EXPLAINERS = saved("ferret").result["measures"]["explainer"]
SINGLE = 1e-5  # another order of summation, in single precision, of numbers of about 10


@pytest.fixture(scope="module")
def gpt() -> xai.TextModel:
    return xai.load("course-gpt2")


@pytest.fixture(scope="module")
def judge() -> xai.TextModel:
    return xai.load("course-distilbert")


# --- form -----------------------------------------------------------------------------------------------------------


def requirements(name: str) -> tuple[str, dict[str, str]]:
    """The first paragraph of a tool's requirements, and what they pin."""
    why, _, rest = (ROOT / "tooling" / name / "requirements.txt").read_text(encoding="utf-8").partition("\n#\n")
    lines = [line for line in rest.splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.]+", line) for line in lines), "a line pins no version"
    return " ".join(line.removeprefix("# ") for line in why.splitlines()), dict(line.split("==") for line in lines)


def test_each_tool_has_its_rule_its_requirements_its_run_and_its_result() -> None:
    (listed,) = re.findall(r"^APART := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed.split()) == sorted(NAMES)
    assert sorted(path.parent.name for path in (ROOT / "tooling").glob("*/requirements.txt")) == sorted(NAMES)
    assert all((ROOT / "tooling" / name / "run.py").is_file() for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_result_says_how_it_was_made(name: str) -> None:
    found, (why, pins) = saved(name), requirements(name)
    assert found.tool == name and found.command == "make tools" and found.why_apart == why
    assert found.text == (record.REVIEW if name == "ferret" else record.PROMPT)
    assert datetime.date.fromisoformat(found.made) >= datetime.date(2026, 11, 22)
    assert 0 < found.seconds < 3600 and 100 < found.peak_mb < 16_000
    assert canonicalize_name(next(iter(found.versions))).startswith(name) and {"torch", "transformers"} <= {
        *found.versions
    }
    for package, version in found.versions.items():
        assert pins[package] == version, f"{package} was {version}, and is pinned at {pins[package]}"


@pytest.mark.parametrize("name", NAMES)
def test_requirements_are_pinned_and_say_why(name: str) -> None:
    text = (ROOT / "tooling" / name / "requirements.txt").read_text(encoding="utf-8")
    why, pins = requirements(name)
    assert "beside the lock" in why and "To renew: install" in text.replace("\n# ", " ")
    assert "://" not in text and "--" not in text
    assert pins["torch"] == "2.13.0" and {"numpy", "safetensors", "transformers"} <= pins.keys()


@pytest.mark.parametrize("name", NAMES)
def test_files_are_small(name: str) -> None:
    sizes = {path.suffix: path.stat().st_size for path in (ROOT / "data" / "tools").glob(f"{name}.*")}
    assert sizes.pop(".json") < 10_000 and all(size < 50_000 for size in sizes.values())
    assert sizes.keys() == ({".safetensors"} if saved(name).arrays else set())


@pytest.mark.parametrize("name", NAMES)
def test_a_result_is_of_our_model_and_our_tokens(gpt: xai.TextModel, judge: xai.TextModel, name: str) -> None:
    found = saved(name)
    model = judge if name == "ferret" else gpt
    encoded = model.encode(found.text)
    ids = encoded.ids[0].tolist()
    assert found.result["model"] == model.name and found.result.get("ids", ids) == ids
    assert found.result.get("answer", record.ANSWER) == record.ANSWER
    words = model.tokenizer.convert_ids_to_tokens(ids) if model is judge else list(map(model.choice_name, ids))
    assert found.result.get("scores", {}).get("token", words) == words


# --- what is shown ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_view_is_marked_and_holds_all_columns(name: str) -> None:
    found = saved(name)
    package, version = next(iter(found.versions.items()))
    mark = f"saved result, not run here: {package} {version}, made on {found.made} by `make tools`"
    assert str(found).startswith(mark)
    assert mark in found._repr_html_() and "<script" not in found._repr_html_()
    columns = {name: value for name, value in found.result.items() if isinstance(value, dict)}
    assert [(table.title, table.header) for table in found.tables()[1:]] == [(n, tuple(c)) for n, c in columns.items()]
    assert found._repr_html_().count("<table") == 1 + len(columns)


def test_numbers_and_words_of_a_view_by_hand() -> None:
    result = {"ids": [3, 14], "delta": -1.25, "word": " <b>", "columns": {"token": ["a", " b"], "score": [-0.5, 20.0]}}
    versions = {"a-tool": "1.2", "torch": "2.13.0"}
    made = tool_results.ToolResult("tool", versions, "make tools", "2026-11-22", "why", "A text", 1.5, 200, result)
    first, columns = made.tables()
    assert first.title == "saved result, not run here: a-tool 1.2, made on 2026-11-22 by `make tools`"
    assert first.rows == (
        ("text", "A text"),
        ("ids", "3 14"),
        ("delta", "-1.25"),
        ("word", " <b>"),
        ("took", "1.5 s, 200 MB"),
    )
    assert (columns.title, columns.header) == ("columns", ("token", "score"))
    assert columns.rows == (("a", "-0.5"), (" b", "+20.0"))
    assert "<b>" not in made._repr_html_() and made.arrays == {}


def test_arrays_are_read_when_asked_for() -> None:
    found = saved("nnterp")
    assert "arrays" not in vars(found)
    assert found.arrays is found.arrays and found.arrays["resid_post_2"].shape == (10, 128)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.tool = "another"  # type: ignore[misc]


def test_what_is_not_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        errors.OptionError, match=r"'nnsight' is saved; there is .*ferret, inseq, lxt, nnterp, sae-lens"
    ):
        saved("nnsight")
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "other.json").write_text('{"tool": "other"}', encoding="utf-8")
    monkeypatch.setattr(tool_results, "data_folder", lambda: tmp_path)
    with pytest.raises(
        errors.FormatError, match=r"other\.json has the entries tool; a saved result has tool, versions"
    ):
        saved("other")


def test_a_run_is_saved_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "tools"
    monkeypatch.setattr(sys, "argv", ["run.py", str(folder)])
    monkeypatch.setattr(tool_results, "data_folder", lambda: tmp_path)

    def run(job: Callable[[], Any]) -> None:
        record.main("lxt", ("numpy", "torch"), "A text", job)

    run(lambda: ({"number": 1.5}, {"array": np.arange(3.0)}))
    first = saved("lxt")
    assert first.result == {"number": 1.5} and first.arrays["array"].tolist() == [0, 1, 2]
    assert first.versions == {"numpy": np.__version__, "torch": torch.__version__.split("+")[0]}
    for job in (lambda: ({"number": float("nan")}, {"array": np.zeros(1)}), lambda: 1 / 0):
        with pytest.raises((ValueError, ZeroDivisionError)):
            run(job)
        assert saved("lxt").result == first.result and saved("lxt").arrays["array"].tolist() == [0, 1, 2]
    assert sorted(path.name for path in folder.iterdir()) == ["lxt.json", "lxt.safetensors"]


# --- nnterp -----------------------------------------------------------------------------------------------------------


def test_nnterp_reads_our_residual_stream(gpt: xai.TextModel) -> None:
    found = saved("nnterp")
    _, cache = circuits.run_with_cache(gpt, found.text)
    assert np.abs(found.arrays["resid_post_2"] - cache["blocks.2.hook_resid_post"].numpy()).max() < SINGLE
    assert found.result["logit"] == pytest.approx(gpt.value(found.text, found.result["answer"].strip()), abs=SINGLE)


def test_nnterps_logit_lens_is_ours(gpt: xai.TextModel) -> None:
    found = saved("nnterp").result["logit lens"]
    ours = circuits.logit_lens(gpt, record.PROMPT)
    assert found["after block"] == list(range(gpt.n_layers))
    assert found["best token"] == [row[-1] for row in ours.best[1:]]  # ours begins with the embeddings
    assert np.abs(np.array(found["probability"]) - ours.probability[1:, -1]).max() < SINGLE


def test_nnterp_skips_as_a_hook_does(gpt: xai.TextModel) -> None:
    found = saved("nnterp").result["skipped"]
    encoded = gpt.encode(record.PROMPT)
    for block, logit, best in zip(*found.values(), strict=True):
        with hooked(blocks_of(gpt.model)[block], lambda module, given, output: given[0]), torch.no_grad():
            logits = gpt.forward(encoded).logits[0, -1]
        assert logits[gpt.resolve("Paris", encoded).id].item() == pytest.approx(logit, abs=SINGLE)
        assert gpt.choice_name(int(logits.argmax())) == best


# --- inseq ------------------------------------------------------------------------------------------------------------


def test_inseqs_integrated_gradients_are_ours(gpt: xai.TextModel) -> None:
    found = saved("inseq").result
    assert found["baseline"] == gpt.tokenizer.unk_token == "<|endoftext|>"
    ours = xai.integrated_gradients(gpt, record.PROMPT, "Paris", baseline="unk", steps=found["steps"])
    assert np.abs(ours.scores - found["scores"]["sum"]).max() < SINGLE
    assert found["logit"] == pytest.approx(ours.total, abs=SINGLE)
    assert found["delta"] == pytest.approx(
        -(ours.gap or 0.0), abs=SINGLE
    )  # theirs is what they have minus what it should be


def test_inseq_shows_norms_by_default(gpt: xai.TextModel) -> None:
    """Of the vectors whose sums are the scores; captum gives them here, too."""
    found = saved("inseq").result
    embed, ids = gpt.model.get_input_embeddings(), torch.tensor([found["ids"]])
    method = captum.attr.IntegratedGradients(lambda states: gpt.model(inputs_embeds=states).logits[:, -1])
    vectors = method.attribute(
        embed(ids).detach(),
        baselines=embed(torch.full_like(ids, gpt.tokenizer.unk_token_id)).detach(),
        target=gpt.resolve("Paris", record.PROMPT).id,
        n_steps=found["steps"],
    )[0]
    norms = vectors.norm(dim=-1)
    assert np.abs((norms / norms.sum()).numpy() - found["scores"]["shown by default"]).max() < 1e-6


# --- lxt --------------------------------------------------------------------------------------------------------------


def test_lxts_relevance_is_ours(gpt: xai.TextModel) -> None:
    found = saved("lxt").result
    ours = xai.lrp(gpt, record.PROMPT, "Paris", rule=found["rule"])
    assert np.abs(ours.scores - found["scores"]["relevance"]).max() < 3e-6
    assert found["logit"] == pytest.approx(ours.total, abs=SINGLE)
    # What lxt does not tell: where the rest of the logit is.
    assert found["sum"] == pytest.approx(sum(found["scores"]["relevance"]), abs=1e-6)
    assert found["logit"] - found["sum"] == pytest.approx(sum(ours.absorbed.values()), abs=SINGLE)


# --- ferret -----------------------------------------------------------------------------------------------------------


@functools.cache
def of_ferret(name: str) -> np.ndarray:
    return np.array(saved("ferret").result["scores"][name])


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("Gradient", functools.partial(xai.saliency, norm="l1")),
        ("Gradient (x Input)", xai.input_x_gradient),
        ("Integrated Gradient (x Input)", functools.partial(xai.integrated_gradients, baseline="pad", steps=50)),
    ],
)
def test_ferrets_gradients_are_ours(judge: xai.TextModel, theirs: str, ours: Callable[..., xai.Attribution]) -> None:
    found = saved("ferret")
    a = ours(judge, found.text, found.result["target"])
    assert np.abs(a.scores - of_ferret(theirs)).max() < 1e-6 * np.abs(a.scores).max()


def test_ferrets_plain_integrated_gradient_is_rounding(judge: xai.TextModel) -> None:
    """It adds up the components of a gradient, which the norm that follows the embeddings makes add up to 0."""
    gradient = gradients.embedding_gradient(judge, record.REVIEW, "positive").gradient
    assert float(gradient.sum(-1).abs().max()) < 1e-6 * float(gradient.abs().sum(-1).max())
    assert 0 < np.abs(of_ferret("Integrated Gradient")).max() < 1e-6 < 1 < np.abs(of_ferret("Gradient")).max()


def test_ferrets_shap_shares_out_what_ours_does(judge: xai.TextModel) -> None:
    """Owen values over a tree of neighbours are no Shapley values; both add up to the change of the probability."""
    target = xai.Target("positive", output="probability")
    ours = xai.shapley(judge, record.REVIEW, target, units="tokens", replacement="mask")
    scores = of_ferret("Partition SHAP")
    assert saved("ferret").result["probability"] == pytest.approx(judge.value(record.REVIEW, target), abs=1e-6)
    assert scores.sum() == pytest.approx(ours.scores.sum(), abs=1e-6)
    assert 0.01 < np.abs(scores - ours.scores).max() < 0.02
    assert scores.argmax() == ours.scores.argmax()


def test_ferrets_lime_names_the_word_that_ours_does(judge: xai.TextModel) -> None:
    """It asks fewer texts, without a seed, and masks [CLS] and [SEP] too: the numbers need not be ours."""
    ours = xai.lime(judge, record.REVIEW, xai.Target("positive", output="probability")).scores
    assert of_ferret("LIME").argmax() == ours.argmax() and (of_ferret("LIME")[[0, -1]] == 0).all()


@pytest.mark.parametrize("name", EXPLAINERS)
def test_ferrets_measures_are_ours(judge: xai.TextModel, name: str) -> None:
    """Of tenths of the tokens, rounded down, with scores above 0 only, sets that are equal once: as `aopc` says."""
    found = saved("ferret").result["measures"]
    scores = of_ferret(name)
    a = dataclasses.replace(xai.input_x_gradient(judge, record.REVIEW, "positive"), scores=scores, total=None)
    erased = faithfulness.erase(
        judge, {name: a}, "positive", units="tokens", replacement="delete", best=False, random_orders=0
    )
    n, positive = len(erased.words), int((erased.scores > 0).sum())
    at = sorted({min(int(share * n), positive) for share in np.arange(0.1, 1.1, 0.1)} - {0})
    row = found["explainer"].index(name)
    (lost,) = faithfulness.aopc("comprehensiveness", erased.deletion, at)
    (left,) = faithfulness.aopc("sufficiency", erased.insertion, at)
    assert found["aopc_compr"][row] == pytest.approx(lost, abs=1e-6)
    assert found["aopc_suff"][row] == pytest.approx(left, abs=1e-6)
    assert found["taucorr_loo"][row] == pytest.approx(erased.leave_one_out[0], abs=1e-12)


# --- sae-lens ---------------------------------------------------------------------------------------------------------


@functools.cache
def texts() -> list[str]:
    path = ROOT / "data" / "corpora" / "course-gpt2-sample.jsonl"
    return [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def streams(gpt: xai.TextModel) -> list[torch.Tensor]:
    """The residual stream after block 2 of each text: (tokens, width). Padding comes too late for a causal model."""
    found: dict[int, torch.Tensor] = {}
    kept: list[torch.Tensor] = []
    by_length = sorted(range(len(texts())), key=lambda i: len(texts()[i]))
    with hooked(blocks_of(gpt.model)[2], lambda module, given, output: kept.append(output)), torch.no_grad():
        for start in range(0, len(by_length), 100):
            chosen = by_length[start : start + 100]
            batch = gpt.tokenizer([texts()[i] for i in chosen], padding=True, padding_side="right", return_tensors="pt")
            gpt.model.base_model(**batch)
            lengths = batch["attention_mask"].sum(1).tolist()
            found |= {i: stream[:n] for i, stream, n in zip(chosen, kept.pop(), lengths, strict=True)}
    return [found[i] for i in range(len(found))]


def activations(states: torch.Tensor) -> np.ndarray:
    """The saved features of these states, (states, 3), by the saved weights: x W + b where above the threshold."""
    arrays = saved("sae-lens").arrays
    before = states.double().numpy() @ arrays["encoder"].T.astype(float) + arrays["bias"]
    return np.where(before > arrays["threshold"], before, 0.0)


def test_the_saved_features_fire_in_our_stream_as_sae_lens_says(gpt: xai.TextModel) -> None:
    found = saved("sae-lens")
    _, cache = circuits.run_with_cache(gpt, found.text)
    ours = activations(cache[found.result["site"]][-1:])[0]
    theirs = found.result["at the last token"]["activation"]
    assert theirs == sorted(theirs, reverse=True) and np.abs(ours - theirs).max() < SINGLE
    assert np.allclose(np.linalg.norm(found.arrays["decoder"], axis=1), 1, atol=1e-6)  # so features can be compared


def test_the_saved_features_fire_most_where_sae_lens_says(gpt: xai.TextModel, streams: list[torch.Tensor]) -> None:
    found, held_out = saved("sae-lens").result, streams[::5]
    ours = activations(torch.cat(held_out))
    assert len(ours) == found["states held out"]
    assert sum(map(len, streams)) - len(ours) == found["of so many"]
    shown, fires = found["at the last token"], (ours > 0).mean(0)
    a_state_or_two = 2 / len(ours)  # on the threshold it may fall to either side
    assert np.abs(fires - shown["share of states"]).max() < a_state_or_two
    starts = np.cumsum([0, *map(len, held_out)])
    rows = list(zip(*found["fires most at"].values(), strict=True))
    for k, feature in enumerate(shown["feature"]):
        own = [row for row in rows if row[0] == feature]
        assert len(own) == len(rows) / 3
        best = np.sort(ours[:, k])[::-1][: len(own)]
        assert np.abs(best - [row[-1] for row in own]).max() < SINGLE
        for _, text, position, before, token, activation in own:
            assert text % 5 == 0
            assert ours[starts[text // 5] + position, k] == pytest.approx(activation, abs=SINGLE)
            assert before + token in texts()[text]


def test_the_autoencoder_is_worth_its_features(streams: list[torch.Tensor]) -> None:
    found, rates = saved("sae-lens").result, saved("sae-lens").arrays["rates"].astype(float)
    assert len(rates) == found["features"]
    assert rates.sum() == pytest.approx(found["L0"], abs=1e-5)
    assert (rates == 0).mean() == found["share of dead features"]
    assert found["L0"] == pytest.approx(found["L0 asked for"], rel=0.1)
    new, seen = torch.cat(streams[::5]), torch.cat([s for i, s in enumerate(streams) if i % 5])
    directions = torch.linalg.svd(seen - seen.mean(0), full_matrices=False).Vh[: found["L0 asked for"]]
    left = new - seen.mean(0)
    left = left - left @ directions.T @ directions
    control = 1 - float((left**2).sum() / ((new - new.mean(0)) ** 2).sum())
    assert found["explained variance, as many principal components"] == pytest.approx(control, abs=1e-4)
    assert control < found["explained variance"] < found["explained variance, trained on"] < 1


@pytest.mark.parametrize("written", ["", '{"tool"', "[]", "3", '["tool"]'])
def test_a_broken_page_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "broken.json").write_text(written, encoding="utf-8")
    monkeypatch.setattr(tool_results, "data_folder", lambda: tmp_path)
    with pytest.raises(errors.FormatError, match=r"^broken\.json (is no JSON|has the entries of nothing)"):
        saved("broken")
    with pytest.raises(errors.OptionError, match="there is broken"):
        saved(["broken"])  # type: ignore[arg-type]
