"""A transcript says again what was said, to the letter, and says that it is one; nothing else passes for one."""

from __future__ import annotations

import datetime
import json
import multiprocessing
import tempfile
from pathlib import Path
from typing import Any

import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st

from xai_helpers import errors
from xai_helpers.assistant import transcripts
from xai_helpers.assistant.backends import Answer, Local, Scripted, answered
from xai_helpers.assistant.transcripts import FORMAT, Cached, Replay, exchanges

ASKED = [{"role": "user", "content": "What is the capital of France?"}]
BEGUN = [*ASKED, {"role": "assistant", "content": "The answer is"}]
NUMBER = {"type": "number"}


class Counting:
    """A backend that counts how often it was asked, and answers with the count."""

    def __init__(self, name: str = "counter", **settings: Any) -> None:
        self.name, self.settings, self.asked = name, settings, 0

    def complete(self, messages: Any, schema: Any = None, *, seed: int = 0) -> Answer:
        self.asked += 1
        return answered(f" {self.asked} ", self.name, messages, schema)


def test_nothing_is_asked_twice_and_a_replay_says_that_it_is_one(tmp_path: Path) -> None:
    path, backend = tmp_path / "said.jsonl", Counting()
    cached = Cached(backend, path)
    before = datetime.datetime.now(datetime.UTC).date()
    questions: list[tuple[Any, Any, int]] = [(ASKED, None, 0), (ASKED, None, 1), (BEGUN, None, 0), (ASKED, NUMBER, 0)]
    first = [cached.complete(messages, schema, seed=seed) for messages, schema, seed in questions]
    assert first == ["1", "2", " 3 ", "4"] and backend.asked == 4
    assert {answer.by for answer in first} == {"counter"} and cached.name == "counter"
    again = Cached(backend, path)
    for other in (cached, again, Replay(path)):
        replayed = [other.complete(tuple(messages), schema, seed=seed) for messages, schema, seed in questions]
        assert replayed == first and backend.asked == 4
        days = {f"replayed, recorded on {day.isoformat()}, of counter"
                for day in (before, datetime.datetime.now(datetime.UTC).date())}  # fmt: skip
        assert {answer.by for answer in replayed} <= days
    assert "4 exchanges" in repr(again) and "4 exchanges" in repr(Replay(path))
    again.complete(ASKED, seed=2)
    assert backend.asked == 5 and len(exchanges(path)) == 5


def test_a_line_holds_this(tmp_path: Path) -> None:
    path = tmp_path / "said.jsonl"
    Cached(Counting(temperature=0.5), path).complete(ASKED, NUMBER, seed=3)
    (line,) = path.read_text().splitlines()
    record = json.loads(line)
    assert len(record.pop("key")) == 64
    assert datetime.date.fromisoformat(record.pop("recorded"))
    assert record == {
        "format": FORMAT,
        "by": "counter",
        "messages": ASKED,
        "schema": NUMBER,
        "seed": 3,
        "settings": {"temperature": 0.5},
        "answer": "1",
    }


def test_another_name_setting_question_schema_or_seed_is_another_exchange(tmp_path: Path) -> None:
    path = tmp_path / "said.jsonl"
    for backend in (Counting("one"), Counting("two"), Counting("two", temperature=0.5)):
        for messages in (ASKED, BEGUN):
            for seed in (0, 1):
                Cached(backend, path).complete(messages, seed=seed)
        Cached(backend, path).complete(ASKED, NUMBER)
        assert backend.asked == 5
    keys = [exchange.key for exchange in exchanges(path)]
    assert len(keys) == len(set(keys)) == 15
    with pytest.raises(errors.FormatError, match="two backends' answers to the same, 'one' and 'two'"):
        Replay(path)


def test_a_model_s_weights_are_among_its_settings(tmp_path: Path) -> None:
    path, answers = tmp_path / "said.jsonl", []
    for seed in (0, 1):
        model = tiny.model("gpt2", "causal-lm", seed)
        local = Local(model, template=False, max_new_tokens=4)
        answers.append(Cached(local, path).complete(ASKED))
        assert answers[-1] == local.complete(ASKED) and answers[-1].by == local.name
    assert answers[0] != answers[1]


@given(st.lists(st.text(max_size=30), min_size=1, max_size=4), st.text(max_size=50), st.sampled_from(["", "\ud800"]))
def test_every_text_comes_back_to_the_letter(asked: list[str], answer: str, half: str) -> None:
    """Also one with half a character, as a model may write it."""
    with tempfile.TemporaryDirectory() as folder:
        path, messages = Path(folder, "said.jsonl"), [{"role": "user", "content": text} for text in asked]
        said = Cached(Scripted(answer, lambda _: answer + half), path).complete(messages)
        (found,) = exchanges(path)
        assert (found.by, found.messages, found.answer) == (answer, messages, said)
        assert Replay(path).complete(messages) == said


def test_what_was_not_recorded_is_not_made_up(tmp_path: Path) -> None:
    path = tmp_path / "said.jsonl"
    Cached(Counting(), path).complete(ASKED)
    replay = Replay(path)
    for messages, schema, seed in ((BEGUN, None, 0), (ASKED, NUMBER, 0), (ASKED, None, 1)):
        with pytest.raises(errors.BackendError, match=r"replay of said\.jsonl: this was not recorded"):
            replay.complete(messages, schema, seed=seed)
    with pytest.raises(errors.OptionError, match="messages"):
        replay.complete("What?")  # type: ignore[arg-type]


def test_errors_are_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "said.jsonl"
    with pytest.raises(errors.AnswerError):
        Cached(Scripted("wordy", lambda _: "three"), path).complete(ASKED, NUMBER)
    assert not path.exists()


# A file that is not as it should be


@pytest.mark.parametrize("left", [1, 10, 30, 60, 150, -1, 0])
def test_a_line_that_was_cut_off_is_asked_again_on_a_line_of_its_own(tmp_path: Path, left: int) -> None:
    path, backend = tmp_path / "said.jsonl", Counting()
    for seed in (0, 1):
        Cached(backend, path).complete(ASKED, seed=seed)
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + second.removesuffix(b"\n")[: left or None])  # 0: only the end of the line is lost
    assert len(exchanges(path)) == (1 if left else 2)
    cached = Cached(backend, path)
    assert cached.complete(ASKED, seed=1) == ("3" if left else "2")
    cached.complete(ASKED, seed=2)
    assert [exchange.seed for exchange in exchanges(path)] == [0, 1, 2]
    assert Replay(path).complete(ASKED, seed=0) == "1"


def changed(**fields: Any) -> bytes:
    """A line that is no longer as it was recorded."""
    exchange = {"format": FORMAT, "key": "", "by": "a", "recorded": "2026-11-22", "messages": ASKED, "schema": None}
    exchange |= {"seed": 0, "settings": {}, "answer": "Paris"}
    exchange["key"] = transcripts.digest("a", ASKED, None, 0, {})
    return json.dumps({key: value for key, value in (exchange | fields).items() if value != "gone"}).encode()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"hello\n", "line 1, is no exchange"),
        (b"\x89PNG\r\n\x1a\n\x00", "line 1, is no exchange"),
        (b"[]\n", "line 1, is no exchange .*is not of type 'object'"),
        (b'{"format": "xai_helpers.CorpusComparison/1"}\n', "line 1, is no exchange"),
        (changed() + b"\nhello", "line 2, is no exchange"),
        (changed(format="xai_helpers.Exchange/2"), "line 1, .*was expected"),
        (changed(more=1), "line 1, .*more"),
        (changed(answer="gone"), "'answer' is a required property"),
        (changed(answer=3), "3 is not of type"),
        (changed(recorded="yesterday"), "does not match"),
        (changed(recorded="2026-11-22\n"), "is too long"),
        (changed(seed="0"), "is not of type"),
        (changed(messages=[{"role": "user"}]), "give a dictionary"),
        (changed(schema={"type": "person"}), "no JSON schema"),
        (changed(by="b"), "line 1, was changed after it was recorded"),
        (changed(messages=BEGUN), "line 1, was changed"),
        (changed(settings={"temperature": 1}), "line 1, was changed"),
        (changed().replace(b'"seed": 0', b'"seed": 0, "seed": 0'), "a key stands twice"),
        (b'{"format": "xai_helpers.Exchange/1", "key": ' + b"[" * 100_000 + b"\n", "levels"),
    ],
)
def test_another_file_is_no_transcript(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "said.jsonl"
    path.write_bytes(content)
    for reader in (Replay, lambda path: Cached(Counting(), path)):
        with pytest.raises(errors.FormatError, match=why):
            reader(path)
    assert path.read_bytes() == content


def test_what_is_recorded_is_held_to_the_schema_again(tmp_path: Path) -> None:
    path = tmp_path / "said.jsonl"
    path.write_bytes(changed(schema=NUMBER, key=transcripts.digest("a", ASKED, NUMBER, 0, {})))
    for reader in (Replay(path), Cached(Counting("a"), path)):
        with pytest.raises(errors.AnswerError, match="no JSON"):
            reader.complete(ASKED, NUMBER)


def test_too_large_a_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "said.jsonl"
    path.write_bytes(changed())
    monkeypatch.setattr(transcripts, "LARGEST_FILE", 100)
    with pytest.raises(errors.FormatError, match="more than 100 bytes"):
        Replay(path)


def test_where_a_file_can_be(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere" / "said.jsonl"):
        with pytest.raises(errors.OptionError, match="name a file in a folder that exists"):
            Cached(Counting(), path)
    with pytest.raises(errors.OptionError, match="there is no such file"):
        Replay(tmp_path / "said.jsonl")
    (tmp_path / "empty.jsonl").touch()
    assert Cached(Counting(), str(tmp_path / "empty.jsonl")).complete(ASKED) == "1"


def record(path: Path, name: str, together: Any) -> None:
    cached = Cached(Scripted(name, lambda turns: turns[-1]["content"]), path)
    together.wait()
    for i in range(40):
        cached.complete([{"role": "user", "content": f"{i} " + name * 20_000}])


def test_processes_that_write_at_once_leave_every_line_whole(tmp_path: Path) -> None:
    path, fork = tmp_path / "said.jsonl", multiprocessing.get_context("fork")
    together = fork.Barrier(3)
    writers = [fork.Process(target=record, args=(path, name, together)) for name in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = [(exchange.by, exchange.answer) for exchange in exchanges(path)]
    assert len([line for line in path.read_bytes().split(b"\n") if line]) == 120  # there may be empty ones
    assert sorted(found) == sorted((name, f"{i} " + name * 20_000) for name in "abc" for i in range(40))
