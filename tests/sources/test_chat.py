"""A chat endpoint, as it is on good and on bad days."""

import random
import threading
from collections.abc import Iterator

import pytest

from sources.chat import ChatEndpoint
from tests.chat_server import ChatServer, Fault
from watcher.types import Question, Reply, SourceError

KEY = "sk-secret-1234567890"
HELLO = Question(messages=({"role": "user", "content": "hello"},), max_tokens=7, temperature=0.5)
BUSY = Fault(status=429, headers={"Retry-After": "0"}, body='{"error": {"message": "slow down"}}')
BROKEN = Fault(status=500, body="<html>oops</html>")
NO_JSON = Fault(body="<html>")
NO_CHOICE = Fault(body='{"choices": []}')


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as running:
        yield running


def _ask(
    server: ChatServer, *, url: str | None = None, key: str | None = None, timeout_s: float = 5.0
) -> Reply:
    with ChatEndpoint(
        url or server.url, "served", key, timeout_s=timeout_s, chance=random.Random(1), backoff_s=0.01
    ) as chat:
        return chat.ask(HELLO)


def test_a_question_is_put_as_openai_puts_it(server: ChatServer) -> None:
    reply = _ask(server, key=KEY + "\n")
    assert (reply.text, reply.error, reply.cut_off) == ("yes", None, False)
    assert server.requests == [
        {
            "model": "served",
            "messages": [{"role": "user", "content": "hello"}],
            "temperature": 0.5,
            "stream": False,
            "max_tokens": 7,
        }
    ]
    assert (server.keys, server.paths) == ([f"Bearer {KEY}"], ["/v1/chat/completions"])


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        pytest.param("", "/v1/chat/completions", id="host and port"),
        pytest.param("/", "/v1/chat/completions", id="with a slash"),
        pytest.param("/v1", "/v1/chat/completions", id="with the version"),
        pytest.param("/proxy/openai/v1/", "/proxy/openai/v1/chat/completions", id="behind a proxy"),
        pytest.param("/v1/chat/completions", "/v1/chat/completions", id="the whole address"),
    ],
)
def test_an_address_may_leave_the_path_out(server: ChatServer, path: str, asked: str) -> None:
    assert _ask(server, url=server.url + path).text == "yes"
    assert server.paths == [asked]


@pytest.mark.parametrize(
    ("faults", "requests"),
    [
        pytest.param([BUSY], 2, id="busy, then fine"),
        pytest.param([BROKEN, BROKEN, BUSY], 4, id="broken for a while"),
        pytest.param([NO_JSON, NO_CHOICE], 3, id="something else than an answer, then one"),
        pytest.param([Fault(delay_s=0.3)], 1, id="slow"),
        pytest.param([Fault(hang=True)], 2, id="silent once"),
    ],
)
def test_passing_trouble_is_waited_out(server: ChatServer, faults: list[Fault], requests: int) -> None:
    server.faults = list(faults)
    assert _ask(server, timeout_s=2.0).text == "yes"
    assert len(server.asked) == requests


@pytest.mark.parametrize(
    ("fault", "words", "requests", "final", "troubled"),
    [
        pytest.param(BUSY, "answered 429 (slow down)", 5, False, True, id="busy for ever"),
        pytest.param(BROKEN, "answered 500", 5, False, True, id="broken for ever"),
        pytest.param(NO_JSON, "no chat completion", 5, False, True, id="never an answer"),
        pytest.param(Fault(hang=True), "no answer within 0.3 s", 2, False, True, id="silent for ever"),
        pytest.param(
            Fault(status=401, body='{"error": "bad key sk-secret-1234567890"}'),
            "refuses the key: 401 (bad key ***)",
            1,
            True,
            False,
            id="a refused key is not repeated",
        ),
        pytest.param(
            Fault(status=404, body='{"message": "no such model"}'),
            "404 (no such model)",
            1,
            True,
            False,
            id="no such model",
        ),
        pytest.param(
            Fault(status=307, headers={"Location": "http://elsewhere.invalid/"}, body=""),
            "elsewhere",
            1,
            True,
            False,
            id="a redirect would take the key along",
        ),
        pytest.param(
            Fault(status=400, body='{"detail": "prompt too long"}'),
            "answered 400 (prompt too long)",
            1,
            False,
            False,
            id="one question is refused, others may not be",
        ),
    ],
)
def test_what_is_no_answer_says_why(
    server: ChatServer, fault: Fault, words: str, requests: int, final: bool, troubled: bool
) -> None:
    server.always = fault
    reply = _ask(server, key=KEY, timeout_s=0.3)
    assert reply.text is None
    assert words in (reply.error or "")
    assert KEY not in repr(reply)
    assert (len(server.asked), reply.final, reply.troubled) == (requests, final, troubled)


def test_nobody_listens() -> None:
    with ChatServer() as gone:
        url = gone.url
    reply = _ask(gone, url=url)
    assert "no connection to http://127.0.0.1:" in (reply.error or "")
    assert reply.troubled


def test_a_server_that_was_there_is_waited_for(server: ChatServer) -> None:
    chat = ChatEndpoint(
        server.url, "m", None, timeout_s=5, chance=random.Random(1), backoff_s=0.01, stop=threading.Event()
    )
    with chat:
        assert chat.ask(HELLO).text == "yes"
        server.always = Fault(drop=True)
        threading.Timer(0.02, lambda: setattr(server, "always", None)).start()
        assert chat.ask(HELLO).text == "yes"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        pytest.param('{"choices": [{"message": {"content": null, "tool_calls": []}}]}', "", id="no text"),
        pytest.param(
            '{"choices": [{"message": {"content": [{"type": "text", "text": "a"}, {"text": "b"}]}}]}',
            "ab",
            id="text in parts",
        ),
        pytest.param(
            '{"choices": [{"message": {"content": "x", "reasoning_content": "y"}}]}', "x", id="with reasoning"
        ),
    ],
)
def test_shapes_of_an_answer(server: ChatServer, body: str, text: str) -> None:
    server.faults = [Fault(body=body)]
    assert _ask(server).text == text


def test_a_key_that_is_no_secret_does_not_spoil_answers(server: ChatServer) -> None:
    server.answer = lambda _: "the list is EMPTY"
    assert _ask(server, key="EMPTY").text == "the list is EMPTY"
    server.answer = lambda _: f"the key is {KEY}"
    assert _ask(server, key=KEY).text == "the key is ***"


def test_an_answer_that_ended_at_max_tokens_says_so(server: ChatServer) -> None:
    server.finish_reason = "length"
    assert _ask(server).cut_off


@pytest.mark.parametrize(
    ("url", "key", "words"),
    [
        pytest.param("localhost:8000", None, "no http", id="no scheme"),
        pytest.param("ftp://x/", None, "no http", id="another scheme"),
        pytest.param("http://me:hunter2@host/", None, "password", id="a password in the address"),
        pytest.param("http://host/", "two words", "characters that no key has", id="no key"),
    ],
)
def test_addresses_and_keys_that_are_refused(url: str, key: str | None, words: str) -> None:
    with pytest.raises(SourceError, match=words) as refused:
        ChatEndpoint(url, "m", key, timeout_s=1, chance=random.Random(1))
    assert "hunter2" not in str(refused.value)
    assert "two words" not in str(refused.value)


def test_a_stop_ends_the_waiting(server: ChatServer) -> None:
    server.always = Fault(status=503, headers={"Retry-After": "50"}, body="")
    stop = threading.Event()
    chat = ChatEndpoint(server.url, "m", None, timeout_s=5, chance=random.Random(1), stop=stop)
    threading.Timer(0.3, stop.set).start()
    with chat:
        assert chat.ask(HELLO).error == "stopped"
