"""Who writes the words? A language model somewhere else, one on this machine, or a function that fills templates.

All are asked through one small protocol, `Backend`. What a language model writes is somebody else's text, and may be
wrong or hostile: it is bounded in size, read as JSON only where it has the form that was asked for (`parsed`), and
nothing here runs it. Whoever shows it escapes it (`viz.wording.written`, `html.escape`).

The course runs without any of it: an `Endpoint` asks a network only when you make one and call it.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import itertools
import json
import math
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

import torch
import transformers

from .. import checks
from ..corpus import fingerprint
from ..errors import (
    AnswerError,
    BackendError,
    InstallationError,
    NoHeadError,
    NonFiniteError,
    OptionError,
    TextTooLongError,
)
from ..installation import INSTALL
from ..models import ONE_AT_A_TIME, TextModel, require_evaluation, require_text_model
from ..retries import LONGEST_WAIT
from ..viz.wording import SAFE

if TYPE_CHECKING:
    from .wire import Reply

LONGEST_JSON, DEEPEST_JSON = 2**20, 64  # characters; lists and objects within one another
BACKOFF = 0.5  # seconds before the first retry, doubled each time
ROLES = ("system", "user", "assistant")
IN_JSON = "Answer with nothing but JSON that fits this JSON schema:"
GO_ON = "Go on with your last message from exactly where it stops. Write only what comes after it."
HERE = ("127.0.0.1", "localhost", "::1")
OPENAI = "api.openai.com"
TOKENS = ("prompt_tokens", "completion_tokens")
COMPLETION = {  # what is read of a chat completion
    "type": "object",
    "required": ["choices"],
    "properties": {
        "choices": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["message"],
                "properties": {
                    "message": {
                        "type": "object",
                        "properties": {name: {"type": ["string", "null"]} for name in ("content", "refusal")},
                    },
                    "finish_reason": {"type": ["string", "null"]},
                },
            },
        },
        "usage": {
            "type": ["object", "null"],
            "properties": {name: {"type": ["integer", "null"], "minimum": 0, "maximum": 10**12} for name in TOKENS},
        },
    },
}
ADVICE = {
    401: "is the key right?",
    403: "is the key right, and may it use this model?",
    404: "is the model's name right, and does base_url end as it should, as in /v1?",
}

_sleep = time.sleep  # here, for the tests to replace
_COUNTING = threading.Lock()

Message = Mapping[str, str]


class Answer(str):
    """A text that also says who said it."""

    by: str

    def __new__(cls, text: str, by: str) -> Answer:
        answer = super().__new__(cls, text)
        answer.by = by
        return answer

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]
        return str(self), self.by


class Backend(Protocol):
    """Who can be asked. name: who it is, as readers are told; some have `settings`, on which their answers also depend.

    `complete` gives the answer to messages of {"role": "system" | "user" | "assistant", "content": text}, without the
    blanks around it. A last message of the assistant's is the beginning of the answer: then the answer is what comes
    after it. schema: a JSON schema; the answer is then JSON of that form, as `parsed` reads it. seed: tells samples
    apart, where samples differ.

    Raises OptionError for what are no messages, no schema or no seed, AnswerError for an answer of another form than
    the schema's, and BackendError where there is none.
    """

    name: str

    def complete(
        self, messages: Sequence[Message], schema: Mapping[str, Any] | None = None, *, seed: int = 0
    ) -> Answer: ...


def require_backend(backend: object) -> None:
    """Raises OptionError for what can't be asked."""
    if not callable(getattr(backend, "complete", None)) or not isinstance(getattr(backend, "name", None), str):
        raise OptionError(f"backend={backend!r:.80}: give an Endpoint, a Local, a Scripted or another Backend")


# --- JSON that is not trusted ---------------------------------------------------------------------------------------


def parsed(answer: str, schema: Mapping[str, Any]) -> Any:
    """What an answer says in JSON, if it says it in the form of the schema. Raises AnswerError.

    Nothing may stand around it but a fence of three backticks. Refused are also more than a million characters, more
    than 64 levels, a key that stands twice in an object, and numbers that no float holds.
    """
    return fitting(strict_json(_unfenced(answer)), schema)


def strict_json(text: str, longest: int = LONGEST_JSON) -> Any:
    """The value that a text of JSON stands for, within the bounds of `parsed`. Raises AnswerError."""
    if len(text) > longest:
        raise AnswerError(f"the answer has {len(text)} characters; JSON is read up to {longest}")
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_no_number, parse_float=_float, parse_int=_int
        )
    except RecursionError:
        raise AnswerError(f"the answer has more than {DEEPEST_JSON} levels") from None
    except ValueError as error:  # JSON's own, or one of the four functions'
        raise AnswerError(f"the answer is no JSON ({error}): {_cut(text)!r}") from error
    level = [value]
    for _ in range(DEEPEST_JSON):
        if not (level := [part for whole in level for part in _parts(whole)]):
            return value
    raise AnswerError(f"the answer has more than {DEEPEST_JSON} levels")


def fitting(value: Any, schema: Mapping[str, Any]) -> Any:
    """The value, if it has the form of the schema. Raises AnswerError."""
    wrong = next(_library("jsonschema").Draft202012Validator(schema).iter_errors(value), None)
    if wrong is not None:
        raise AnswerError(f"the answer has another form than asked for: {wrong.json_path}: {_cut(wrong.message)}")
    return value


def _unfenced(answer: str) -> str:
    text = answer.strip()
    first, _, rest = text.partition("\n")
    return rest.removesuffix("```") if first.strip() in ("```", "```json") and text.endswith("```") else text


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in an object")
    return found


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _float(digits: str) -> float:
    if not math.isfinite(value := float(digits)):
        raise ValueError(f"no float holds {digits[:20]}")
    return value


def _int(digits: str) -> int:
    _float(digits)
    return int(digits)


def _parts(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    """A value of JSON with all of its texts changed."""
    if isinstance(value, dict):
        return {change(key): _each_text(part, change) for key, part in value.items()}
    if isinstance(value, list):
        return [_each_text(part, change) for part in value]
    return change(value) if isinstance(value, str) else value


def _cut(text: str, most: int = 200) -> str:
    """Somebody else's text, on one line and cut short."""
    return text.translate(SAFE)[:most]


# --- what is asked --------------------------------------------------------------------------------------------------


def conversation(messages: Sequence[Message], schema: Mapping[str, Any] | None = None) -> list[dict[str, str]]:
    """The messages as plain dictionaries, if they and the schema can be asked with. Raises OptionError."""
    if isinstance(messages, str | Mapping) or not isinstance(messages, Sequence) or not messages:
        raise OptionError('messages: give a list of them, as in [{"role": "user", "content": "Who are you?"}]')
    for i, message in enumerate(messages):
        if not isinstance(message, Mapping) or message.keys() != {"role", "content"}:
            raise OptionError(f'messages[{i}]: give a dictionary with "role" and "content"')
        if message["role"] not in ROLES:
            raise OptionError(f"messages[{i}]: role={message['role']!r}: choose one of {', '.join(map(repr, ROLES))}")
        text = message["content"]
        if not isinstance(text, str) or any("\ud800" <= character <= "\udfff" for character in text):
            raise OptionError(f"messages[{i}]: content: give a text of whole characters")
    turns = [{"role": str(message["role"]), "content": str(message["content"])} for message in messages]
    if turns[-1]["role"] == "system":
        raise OptionError("messages: the last one must be the user's, or the beginning of the assistant's")
    if schema is not None:
        jsonschema = _library("jsonschema")
        if begun(turns):
            raise OptionError("schema: JSON can't be asked for where the answer has begun: leave one of them out")
        try:
            jsonschema.Draft202012Validator.check_schema(json.loads(json.dumps(schema, allow_nan=False)))
        except (jsonschema.SchemaError, TypeError, ValueError) as error:
            raise OptionError(f"schema: this is no JSON schema: {_cut(str(error))}") from error
    return turns


def begun(turns: Sequence[Message]) -> str:
    """The beginning of the answer, where the last message holds one; else ""."""
    return turns[-1]["content"] if turns[-1]["role"] == "assistant" else ""


def answered(text: str, by: str, turns: Sequence[Message], schema: Mapping[str, Any] | None) -> Answer:
    """The text as the answer to these turns. Raises AnswerError where it has another form than the schema's."""
    if schema is not None:
        parsed(text, schema)
    return Answer(text if begun(turns) else text.strip(), by)


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InstallationError(f"this needs {name.split('.')[0]}, which is missing; {INSTALL}") from error


# --- those who answer -----------------------------------------------------------------------------------------------


class Scripted:
    """A function as a backend, and no language model: what a narrator from templates is made of. name: says so.

    answer: from the messages to a text; it does without a seed.
    """

    def __init__(self, name: str, answer: Callable[[Sequence[Message]], str]) -> None:
        self.name, self._answer = name, answer

    def __repr__(self) -> str:
        return f"Scripted({self.name!r})"

    def complete(
        self, messages: Sequence[Message], schema: Mapping[str, Any] | None = None, *, seed: int = 0
    ) -> Answer:
        """As `Backend` says; raises also what the function raises."""
        turns = conversation(messages, schema)
        return answered(self._answer(turns), self.name, turns, schema)


class Local:
    """A causal language model of `xai.load` or `xai.wrap` as a backend.

    temperature: 0 writes the most probable token each time; else tokens are drawn from the model's own probabilities,
    sharpened or flattened by it: one seed, one text. max_new_tokens: the longest answer; the model's positions may end
    it before. template: whether the model's chat template puts the messages together. Without one, for a model that
    only completes texts, they are lines, and the beginning of an answer stands right after them.

    schema: the model is told it after the last message, and its answer is checked; nothing keeps it to that form while
    it writes.

    The random numbers of others, and the model, stay as they were. Raises UnsupportedArchitectureError for what is no
    TextModel, NoHeadError for one that doesn't write, OptionError, TextTooLongError, NonFiniteError and AnswerError.
    """

    def __init__(
        self, model: TextModel, *, temperature: float = 0.0, max_new_tokens: int = 128, template: bool = True
    ) -> None:
        require_text_model("Local", model)
        if model.kind != "causal-lm":
            raise NoHeadError(f"{model.name} is a {model.kind}: only a causal language model writes")
        if template and not model.tokenizer.chat_template:
            raise OptionError(f"{model.name} has no chat template: say template=False to have it complete plain texts")
        self.model, self.name = model, f"local {model.name}"
        self.temperature = checks.number(temperature, "temperature", least=0)
        self.max_new_tokens = checks.whole(max_new_tokens, "max_new_tokens")
        self.template = bool(template)

    def __repr__(self) -> str:
        return f"Local({self.model.name!r}, temperature={self.temperature:g}, max_new_tokens={self.max_new_tokens})"

    @property
    def settings(self) -> dict[str, Any]:
        """What its answers depend on beside its name."""
        return {
            "weights": self._weights,
            "temperature": self.temperature,
            "max_new_tokens": self.max_new_tokens,
            "template": self.template,
        }

    @functools.cached_property
    def _weights(self) -> str:
        return fingerprint(self.model)

    def complete(
        self, messages: Sequence[Message], schema: Mapping[str, Any] | None = None, *, seed: int = 0
    ) -> Answer:
        """As `Backend` says."""
        turns, seed = conversation(messages, schema), checks.seed(seed)
        require_evaluation(self.model)
        with ONE_AT_A_TIME:
            text = self._written(self._ids(turns if schema is None else _told(turns, schema)), seed)
        return answered(text, self.name, turns, schema)

    def _ids(self, turns: list[dict[str, str]]) -> torch.Tensor:
        """What the model reads: (1, n_tokens)."""
        if not self.template:
            text = "\n".join(turn["content"] for turn in turns[: -1 if begun(turns) else None]) + begun(turns)
            return self.model.encode(text).ids
        try:
            batch: Any = self.model.tokenizer.apply_chat_template(
                turns,
                add_generation_prompt=not begun(turns),
                continue_final_message=bool(begun(turns)),
                return_tensors="pt",
                return_dict=True,
                tokenizer_kwargs={"verbose": False},  # too many tokens are our error to report
            )
        except Exception as error:  # a template is a program of the model's; some refuse a system's message
            raise OptionError(f"the chat template of {self.model.name} refuses these messages: {error}") from error
        return batch["input_ids"].to(self.model.model.device)

    def _written(self, ids: torch.Tensor, seed: int) -> str:
        """What the model writes after these ids."""
        n, most = ids.shape[1], self.model.max_tokens
        model: Any = self.model.model
        if n >= most:
            raise TextTooLongError(
                f"the messages have {n} tokens and {self.model.name} reads and writes at most {most}; shorten them"
            )
        plain = {"num_beams": 1, "repetition_penalty": 1.0}  # whatever the model's own settings are
        if self.temperature:
            plain |= {"temperature": self.temperature, "top_k": 0, "top_p": 1.0, "min_p": 0.0}
        cuda = [model.device.index] if model.device.type == "cuda" else []
        with torch.random.fork_rng(devices=cuda), torch.no_grad():
            for generator in (torch.default_generator, *(torch.cuda.default_generators[i] for i in cuda)):
                generator.manual_seed(seed)  # torch.manual_seed reaches devices that nobody restores
            written = model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                do_sample=self.temperature > 0,
                max_new_tokens=min(self.max_new_tokens, most - n),
                pad_token_id=self.model.tokenizer.pad_token_id or 0,  # one text needs none: this keeps it quiet
                logits_processor=transformers.LogitsProcessorList([self._finite]),
                **plain,
            )
        return self._decoded(written[0]).removeprefix(self._decoded(ids[0]))

    def _finite(self, ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if not scores.isfinite().all():
            raise NonFiniteError(f"{self.model.name} gives NaN or infinite logits for these messages")
        return scores

    def _decoded(self, ids: torch.Tensor) -> str:
        return str(self.model.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))


def _told(turns: list[dict[str, str]], schema: Mapping[str, Any]) -> list[dict[str, str]]:
    """The turns, the last of them with the schema after it."""
    *before, last = turns
    return [*before, {**last, "content": f"{last['content']}\n\n{IN_JSON}\n{json.dumps(schema)}"}]


@dataclass(frozen=True)
class Usage:
    """What was asked of an endpoint. requests: those made, `retried` ones among them.

    prompt_tokens, completion_tokens: as the answers that arrived say. cost: in the price's currency; None without a
    price, and from an answer on that doesn't say its tokens. What a server counts without answering is unknown here.
    """

    requests: int = 0
    retried: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None


class Endpoint:
    """A language model behind HTTP that speaks OpenAI's protocol for chats, as many servers do.

    base_url: as far as the server's clients are told, as in "http://127.0.0.1:8000/v1". model: as the server calls it.
    key: the NAME of an environment variable. The key is read from it at each request, goes to the server in a header,
    and nowhere else; an answer that repeats it comes without it. Where the variable is unset, a server on this machine
    gets a placeholder, and another is not asked. None: no key is wanted. No key goes unencrypted to another machine.

    timeout: seconds for a request, from its first byte to the answer's last; the look-up of a host's name takes its
    own. retries: how often a request is made again after 429, a status from 500 on, or no answer; after 0.5, 1, 2, ...
    seconds, or as many as Retry-After asks for, if that is no more than a minute. temperature: None leaves it to the
    server: some models allow no other. max_tokens: the longest answer, a model's hidden thoughts included. price: (for
    a million tokens of prompts, for a million tokens of answers).

    schema: is sent along; whether the server heeds it or not, the answer is checked here. seed: is sent along. The
    protocol has no way to continue an answer: where it has begun, the model is asked in words to go on (`GO_ON`), and
    may not obey.

    usage: what was asked so far. Raises OptionError, and InstallationError where openai is missing; `complete` raises
    BackendError, and AnswerError for an answer that doesn't fit the schema or was cut off.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        key: str | None = "OPENAI_API_KEY",
        timeout: float = 30.0,
        retries: int = 3,
        temperature: float | None = 0.0,
        max_tokens: int = 512,
        price: tuple[float, float] | None = None,
    ) -> None:
        self.base_url, self._host = _wire().address(base_url)
        if not isinstance(model, str) or not model.strip():
            raise OptionError(f"model={model!r}: give the name by which the server knows it")
        if key is not None and not (isinstance(key, str) and re.fullmatch(r"[A-Z_][A-Z0-9_]*", key)):
            raise OptionError("key: give the NAME of an environment variable, as in key='OPENAI_API_KEY', not the key")
        self.model, self.key, self.name = model, key, f"{model} at {self.base_url}"
        self.timeout = checks.number(timeout, "timeout", above=0)
        self.retries = checks.whole(retries, "retries", least=0)
        self.temperature = None if temperature is None else checks.number(temperature, "temperature", least=0)
        self.max_tokens = checks.whole(max_tokens, "max_tokens")
        self._price = None if price is None else _prices(price)
        self.usage = Usage(cost=None if price is None else 0.0)

    def __repr__(self) -> str:
        return f"Endpoint({self.base_url!r}, {self.model!r}, key={self.key!r}: {self.usage})"

    @property
    def settings(self) -> dict[str, Any]:
        """What its answers depend on beside its name."""
        return {"temperature": self.temperature, "max_tokens": self.max_tokens}

    def complete(
        self, messages: Sequence[Message], schema: Mapping[str, Any] | None = None, *, seed: int = 0
    ) -> Answer:
        """As `Backend` says."""
        turns = conversation(messages, schema)
        fields = self._fields(turns, schema, checks.seed(seed))
        self._require_key()
        document = self._exchange(fields)
        self._pay(document.get("usage") or {})
        text = self._text(document["choices"][0], schema)
        return answered(text.removeprefix(begun(turns)), self.name, turns, schema)

    def _fields(self, turns: list[dict[str, str]], schema: Mapping[str, Any] | None, seed: int) -> dict[str, Any]:
        """The request."""
        limit = "max_completion_tokens" if self._host == OPENAI else "max_tokens"  # the old name, which all others know
        fields: dict[str, Any] = {"model": self.model, "messages": turns, "seed": seed, limit: self.max_tokens}
        if begun(turns):
            fields["messages"] = [*turns, {"role": "user", "content": GO_ON}]
        if self.temperature is not None:
            fields["temperature"] = self.temperature
        if schema is not None:
            fields["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
        return fields

    def _require_key(self) -> None:
        """Raises BackendError where another machine wants a key and there is none, or would get it unencrypted."""
        held = bool(_wire().secret(self.key))
        if self._host in HERE or self.key is None:
            return
        if not held:
            raise self._failure(
                f"is not asked: the variable {self.key} is unset; set it, or say key=None if none is wanted"
            )
        if self.base_url.startswith("http:"):
            raise self._failure("is not asked: a key goes to another machine by https only; or say key=None")

    def _exchange(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The chat completion that the server answers with in the end. Raises BackendError."""
        for attempt in itertools.count():
            self._count(requests=1, retried=min(attempt, 1))
            reply = _wire().ask(self.base_url, self.key, self.timeout, self._host in HERE, fields)
            if reply.status is not None and reply.status < 300:
                break
            wait = max(reply.wait, min(BACKOFF * 2**attempt, LONGEST_WAIT))
            if not reply.passing or attempt == self.retries or wait > LONGEST_WAIT:
                why = _cut(self._masked(_reason(reply.text)))
                raise self._failure(_told_by(reply, why, attempt + 1, wait), reply.status)
            _sleep(wait)
        try:
            return fitting(_each_text(strict_json(reply.text), self._masked), COMPLETION)
        except AnswerError as error:
            why = f"speaks another protocol ({error}): is base_url right, and does it end as it should, as in /v1?"
            raise self._failure(why, reply.status) from error

    def _text(self, choice: Mapping[str, Any], schema: Mapping[str, Any] | None) -> str:
        """What the model wrote, if it wrote it to its end. Raises BackendError or AnswerError."""
        message, end = choice["message"], choice.get("finish_reason")
        if message.get("refusal"):
            raise self._failure(f"refuses to answer: {message['refusal']}", 200)
        if end == "content_filter":
            raise self._failure("has a filter that kept it from answering: change the messages", 200)
        if end == "length" and (schema is not None or not message.get("content")):
            raise AnswerError(f"{self.name} was cut off by max_tokens={self.max_tokens}: raise it")
        if message.get("content") is None:
            raise self._failure("answers without a text: choose a model that answers without calling tools", 200)
        return message["content"]

    def _failure(self, what: str, status: int | None = None) -> BackendError:
        return BackendError(f"{self.name} {_cut(what, 400)}", status)

    def _masked(self, text: str) -> str:
        return _wire().masked(text, self.key)

    def _pay(self, tokens: Mapping[str, float | None]) -> None:
        """Counts what an answer says of its tokens."""
        prompt, completion = (tokens.get(name) for name in TOKENS)
        cost = None
        if self._price and prompt is not None and completion is not None:
            cost = (self._price[0] * prompt + self._price[1] * completion) / 1e6
        self._count(prompt_tokens=int(prompt or 0), completion_tokens=int(completion or 0), cost=cost)

    def _count(self, **more: float | None) -> None:
        """Adds to the numbers of `usage`; what is unknown once stays so."""
        with _COUNTING:
            pairs = {name: (getattr(self.usage, name), number) for name, number in more.items()}
            sums: dict[str, Any] = {name: None if None in pair else sum(pair) for name, pair in pairs.items()}
            self.usage = replace(self.usage, **sums)


def _wire() -> ModuleType:
    _library("openai")
    from . import wire

    return wire


def _prices(price: object) -> tuple[float, float]:
    if not isinstance(price, tuple) or len(price) != 2:
        raise OptionError(f"price={price!r}: give two numbers: for a million tokens of prompts, and of answers")
    return checks.number(price[0], "price[0]", least=0), checks.number(price[1], "price[1]", least=0)


def _told_by(reply: Reply, why: str, requests: int, wait: float) -> str:
    """What there is to say of a reply that is no answer, for this reason, after so many requests."""
    if reply.status is None:
        advice = "is it running, and is timeout long enough?" if reply.passing else "is base_url right?"
        return f"gives no answer to {requests} requests ({why}): {advice}"
    if reply.passing:
        return f"answers {requests} requests with status {reply.status} ({why}): try again later than in {wait:g} s"
    return f"refuses the request with status {reply.status} ({why}): {ADVICE.get(reply.status, 'change the request')}"


def _reason(text: str) -> str:
    """The reason that a server gives, where it gives one in one of the usual ways."""
    with contextlib.suppress(AnswerError):
        document = strict_json(text)
        while isinstance(document, dict):
            document = next((document[name] for name in ("error", "message", "detail") if name in document), None)
        text = document if isinstance(document, str) else text
    return text
