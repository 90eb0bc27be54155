"""A chat model behind an endpoint: a server of this test's own says what it was asked, and answers or refuses."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from PIL import Image

from vqa.agent.agent import VQAAgent
from vqa.errors import InputError, ModelUnavailable
from vqa.protocols import Core, ScoringCore
from vqa.registry import cores
from vqa.settings import Settings
from vqa.values import GenerationOptions, LoadedImage, Question

pytest.importorskip("langchain_openai", reason="pip install langchain-openai")

PICTURE = LoadedImage(Image.new("RGB", (40, 40), "red"), "red", "red")
SHORT = GenerationOptions(max_new_tokens=9)


class Endpoint(BaseHTTPRequestHandler):
    """Answers every chat with its last message backwards, word by word; "fail" is refused."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, self.headers["Authorization"], asked))
        text = asked["messages"][-1]["content"]
        if "fail" in text:
            return self.reply(404, "application/json", json.dumps({"error": {"message": "no such model\nat all"}}))
        words = " ".join(reversed(text.split())).split(" ")
        pieces = [word if place == 0 else f" {word}" for place, word in enumerate(words)]
        if asked.get("stream"):
            chunks = [self.chunk({"delta": {"role": "assistant", "content": piece}}) for piece in pieces]
            last = self.chunk({"delta": {}, "finish_reason": "stop"})
            lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in (*chunks, last)]
            return self.reply(200, "text/event-stream", "".join([*lines, "data: [DONE]\n\n"]))
        message = {"role": "assistant", "content": "".join(pieces)}
        whole = self.chunk({"message": message, "finish_reason": "stop"}, "chat.completion")
        return self.reply(200, "application/json", json.dumps(whole))

    def chunk(self, choice, kind="chat.completion.chunk"):
        return {"id": "1", "object": kind, "created": 1, "model": "tiny", "choices": [{"index": 0, **choice}]}

    def reply(self, status, kind, text):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *parts):
        pass


@pytest.fixture
def server(monkeypatch):
    for name in ("OPENAI_API_KEY", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        server.asked = []
        server.url = f"http://127.0.0.1:{server.server_port}/v1"
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def core_at(url, **flags):
    settings = Settings(core="openai:tiny", base_url=url, **flags)
    return cores.get(settings.core).from_settings(settings)


def text(answer):
    return "".join(token.text for token in answer)


def test_the_prompt_alone_is_sent_and_the_answer_streams(server):
    core = core_at(server.url, offline=True)
    assert isinstance(core, Core)
    assert not isinstance(core, ScoringCore)
    assert (core.name, core.available(), core.sees()) == ("openai:tiny", None, False)
    options = GenerationOptions(max_new_tokens=9, temperature=0.5, top_p=0.9, top_k=7, seed=3, stop=("###",))
    pieces = list(core.stream(PICTURE, core.render("How many dogs?", ["Detector: 2 dogs"]), options))
    assert [token.text for token in pieces][:2] == ["dogs?", " many"]
    assert all(token.logprob is None for token in pieces)
    ((path, key, asked),) = server.asked
    assert (path, key) == ("/v1/chat/completions", "Bearer none")
    said = "What other models found in the picture; they may be wrong:\nDetector: 2 dogs\n\nHow many dogs?"
    assert asked["messages"] == [{"role": "user", "content": said}]
    wanted = {"model": "tiny", "temperature": 0.5, "top_p": 0.9, "top_k": 7, "seed": 3, "stop": ["###"], "stream": True}
    assert wanted.items() <= asked.items()
    assert (asked["max_tokens"], asked["max_completion_tokens"]) == (9, 9)


def test_a_batch_answers_what_streaming_does(server):
    core = core_at(server.url)
    rows = [(PICTURE, core.render(question, [])) for question in ("Is it red?", "Who has it?", "Why?")]
    streamed = [text(core.stream(*row, SHORT)) for row in rows]
    assert [text(answer) for answer in core.generate(rows, SHORT)] == streamed == ["red? it Is", "it? has Who", "Why?"]


def test_earlier_turns_are_written_before_the_question(server):
    prompt = core_at(server.url).render("How many?", [], [("What is it?", "Dogs.")])
    assert prompt == "Question: What is it?\nAnswer: Dogs.\n\nHow many?"


def test_the_agent_answers_and_names_choices_that_nobody_can_weigh(server):
    settings = Settings(core="openai:tiny", base_url=server.url, offline=True, router="none")
    agent = VQAAgent.from_pretrained(settings=settings)
    answer = agent(PICTURE.pil, Question("Which?", choices=("cat", "dog")))
    assert (answer.text, answer.core, answer.confidence) == ("dog cat, from: Choose Which?", "openai:tiny", None)
    (twin,) = agent.answer_many([(PICTURE.pil, Question("Which?", choices=("cat", "dog")))])
    assert twin.text == answer.text


def test_a_key_is_taken_from_the_environment(server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    list(core_at(server.url).stream(PICTURE, "Why?", SHORT))
    assert server.asked[0][1] == "Bearer secret"


def test_a_refusal_is_one_line_with_the_endpoint_and_the_reason(server):
    core = core_at(server.url)
    with pytest.raises(ModelUnavailable, match=r"core 'openai:tiny': http://127.*no such model") as streamed:
        list(core.stream(PICTURE, "fail", SHORT))
    with pytest.raises(ModelUnavailable) as together:
        core.generate([(PICTURE, "fail"), (PICTURE, "Why?")], SHORT)
    assert "\n" not in str(streamed.value) + str(together.value)


def test_beams_are_refused(server):
    with pytest.raises(InputError, match="num_beams=2: openai:tiny is asked over HTTP"):
        list(core_at(server.url).stream(PICTURE, "Why?", GenerationOptions(num_beams=2)))


def test_what_stands_in_the_way_is_said_before_anything_is_sent(server):
    family = cores.get("openai:MODEL").from_settings(Settings())
    assert family.available() == "no model chosen: give --core openai:MODEL"
    assert (
        core_at("").available() == "no key: run `export OPENAI_API_KEY=…`, or give --base-url with a server of your own"
    )
    assert "expected an address such as http://localhost:8000/v1" in core_at("localhost:8000").available()
    far = core_at("https://models.example.com/v1", offline=True)
    assert "(models.example.com) is not on this machine" in far.available()
    with pytest.raises(ModelUnavailable, match=r"core 'openai:tiny': the endpoint \(models\.example\.com\)"):
        list(far.stream(PICTURE, "Why?", SHORT))
    assert server.asked == []


def test_a_prompt_has_what_the_answer_leaves(server):
    core = core_at(server.url, max_new_tokens=100)
    assert core.max_prompt_tokens == 7900
    assert core.count_tokens("1234567") == 3
    with pytest.raises(InputError, match="max_new_tokens=8000: openai:tiny holds 8000: lower it"):
        core_at(server.url, max_new_tokens=8000).max_prompt_tokens  # noqa: B018
