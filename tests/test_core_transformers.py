"""Cores on any of transformers' models: tiny random ones of six families, each from a folder as on the hub."""

import json

import pytest
import torch
import transformers
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from vqa.agent.agent import VQAAgent
from vqa.cli import app
from vqa.commands import run
from vqa.errors import InputError, ModelUnavailable
from vqa.protocols import ScoringCore
from vqa.registry import cores
from vqa.settings import Settings
from vqa.values import GenerationOptions, LoadedImage, Question

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    # transformers' own PaliGemmaProcessor makes an array of a tensor, for labels that nobody needs here.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
]
PICTURES = [LoadedImage(Image.effect_noise((40, 30), s).convert("RGB"), str(s), str(s)) for s in (20, 90)]
SHORT = GenerationOptions(max_new_tokens=7)
QUESTIONS = ("Why?", "What is it, and who has it?")
SIZES = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
LANGUAGE = {**SIZES, "num_key_value_heads": 2, "initializer_range": 0.3, "max_position_embeddings": 2048}
EYES = {**SIZES, "initializer_range": 0.3}
CHAT = (  # LLaVA's and Idefics' way: what is said, and where its picture is
    "{% for m in messages %}{{ m.role }}: {% for part in m.content %}"
    "{% if part.type == 'image' %}PLACE{% else %}{{ part.text }}{% endif %}{% endfor %}</s>{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)
SAYING = CHAT.replace("{% for part in m.content %}", "").replace(
    "{% if part.type == 'image' %}PLACE{% else %}{{ part.text }}{% endif %}{% endfor %}", "{{ m.content }}"
)


def letters(*special, template=None, bos=None):
    """A tokenizer of letters."""
    known = [chr(code) for code in range(32, 127)] + ["Ġ", "Ċ"]
    words = {token: i for i, token in enumerate(dict.fromkeys(["<unk>", "<s>", "</s>", "<pad>", *known]))}
    inner = Tokenizer(models.BPE(words, [], unk_token="<unk>"))
    inner.pre_tokenizer, inner.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token=bos, eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    )
    tokenizer.add_special_tokens({"additional_special_tokens": list(special)})
    tokenizer.chat_template = template
    return tokenizer


def llava(folder):
    tokenizer = letters("<image>", template=CHAT.replace("PLACE", "<image>"))
    config = transformers.LlavaConfig(
        vision_config={**EYES, "model_type": "clip_vision_model", "image_size": 28, "patch_size": 14},
        text_config={**LANGUAGE, "model_type": "llama", "vocab_size": len(tokenizer)},
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-1,
    )
    eyes = transformers.CLIPImageProcessor(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    processor = transformers.LlavaProcessor(
        eyes,
        tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=tokenizer.chat_template,
    )
    return transformers.LlavaForConditionalGeneration(config), processor


def qwen2_vl(folder):
    places = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
    tokenizer = letters(*places, template=CHAT.replace("PLACE", "<|vision_start|><|image_pad|><|vision_end|>"))
    start, end, image, video = tokenizer.convert_tokens_to_ids(list(places))
    config = transformers.Qwen2VLConfig(
        vision_config={"embed_dim": 32, "hidden_size": 32, "depth": 2, "num_heads": 4, "initializer_range": 0.3},
        text_config={
            **LANGUAGE,
            "vocab_size": len(tokenizer),
            "eos_token_id": 2,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [1, 1, 2]},
        },
        image_token_id=image,
        video_token_id=video,
        vision_start_token_id=start,
        vision_end_token_id=end,
    )
    pixels = {"shortest_edge": 28 * 28, "longest_edge": 56 * 56}
    processor = transformers.Qwen2VLProcessor(
        transformers.Qwen2VLImageProcessor(size=pixels),
        tokenizer,
        transformers.Qwen2VLVideoProcessor(),
        chat_template=tokenizer.chat_template,
    )
    return transformers.Qwen2VLForConditionalGeneration(config), processor


def idefics3(folder):
    tiles = [f"<row_{i}_col_{j}>" for i in range(1, 7) for j in range(1, 7)]
    places = ("<image>", "<fake_token_around_image>", "<end_of_utterance>", "<global-img>", *tiles)
    tokenizer = letters(*places, template=CHAT.replace("PLACE", "<image>"), bos="<s>")
    config = transformers.Idefics3Config(
        vision_config={**EYES, "image_size": 28, "patch_size": 14},
        text_config={**LANGUAGE, "model_type": "llama", "vocab_size": len(tokenizer)},
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        pad_token_id=3,
    )
    eyes = transformers.Idefics3ImageProcessor(
        size={"longest_edge": 56}, max_image_size={"longest_edge": 28}, do_image_splitting=True
    )
    processor = transformers.Idefics3Processor(eyes, tokenizer, image_seq_len=1, chat_template=tokenizer.chat_template)
    return transformers.Idefics3ForConditionalGeneration(config), processor


def paligemma(folder):
    tokenizer = letters(bos="<s>")
    eyes = transformers.SiglipImageProcessor(size={"height": 28, "width": 28})
    eyes.image_seq_length = 4
    processor = transformers.PaliGemmaProcessor(eyes, tokenizer)
    config = transformers.PaliGemmaConfig(
        vision_config={**EYES, "model_type": "siglip_vision_model", "image_size": 28, "patch_size": 14},
        text_config={**LANGUAGE, "model_type": "gemma", "head_dim": 8, "vocab_size": len(tokenizer)},
        image_token_index=processor.image_token_id,
        projection_dim=32,
        hidden_size=32,
    )
    return transformers.PaliGemmaForConditionalGeneration(config), processor


def llama(folder):
    tokenizer = letters("<|im_start|>", template=SAYING, bos="<s>")
    config = transformers.LlamaConfig(**LANGUAGE, vocab_size=len(tokenizer), bos_token_id=1, eos_token_id=2)
    return transformers.LlamaForCausalLM(config), tokenizer


def gpt2(folder):
    tokenizer = letters()
    sizes = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 512, "initializer_range": 0.3}
    return transformers.GPT2LMHeadModel(
        transformers.GPT2Config(**sizes, vocab_size=len(tokenizer), bos_token_id=2, eos_token_id=2)
    ), tokenizer


FAMILIES = {
    "llava": ("hf", llava),
    "qwen2-vl": ("hf", qwen2_vl),
    "idefics3": ("hf", idefics3),
    "paligemma": ("hf", paligemma),
    "llama": ("text", llama),
    "gpt2": ("text", gpt2),
}


@pytest.fixture(scope="module", params=FAMILIES)
def core(request, tmp_path_factory):
    return made(request.param, tmp_path_factory.mktemp(request.param))


def made(family, folder, **flags):
    kind, make = FAMILIES[family]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model, processor = make(folder)
    model.generation_config.update(do_sample=True, temperature=0.5, repetition_penalty=2.0, eos_token_id=2)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return named(f"{kind}:{folder}", **flags)


def named(name, **flags):
    settings = Settings(
        **{"core": name, "device": "cpu", "dtype": "float32", "offline": True, "router": "none", **flags}
    )
    return cores.get(name).from_settings(settings)


def rows_for(core):
    return [(picture, core.render(question, [])) for picture in PICTURES for question in QUESTIONS]


def texts(answers):
    return ["".join(token.text for token in answer) for answer in answers]


def test_it_is_named_as_it_was_asked_for_and_can_answer(core):
    assert isinstance(core, ScoringCore)
    assert core.name.startswith(("hf:", "text:"))
    assert core.name.endswith(core.model_name)
    assert core.available() is None


def test_a_batch_answers_what_streaming_does_with_its_log_probabilities(core):
    streamed = [list(core.stream(*row, SHORT)) for row in rows_for(core)]
    together = core.generate(rows_for(core), SHORT)
    assert texts(together) == texts(streamed)
    assert any(len(text) > 1 for text in texts(streamed))
    for batched, alone in zip(together, streamed, strict=True):
        assert [t.logprob for t in batched] == pytest.approx([t.logprob for t in alone], abs=1e-3)


def test_the_picture_matters_to_who_sees_it_and_to_nobody_else(core):
    prompt = core.render(QUESTIONS[1], [])
    red, blue = ([token.logprob for token in core.stream(picture, prompt, SHORT)] for picture in PICTURES)
    assert (red != blue) is core.sees()


def test_evidence_and_earlier_turns_are_in_the_prompt_the_picture_once(core):
    prompt = core.render("How many?", ["Detector: 2 dogs"], [("What is it?", "Dogs.")])
    places = [prompt.index(text) for text in ("What is it?", "Dogs.", "Detector: 2 dogs", "How many?")]
    assert places == sorted(places)
    image = getattr(core._processor, "image_token", None)
    assert image is None or prompt.count(image) == 1
    assert prompt.endswith(":")


def test_an_answer_is_greedy_whatever_the_repository_asks_for_and_sampled_by_the_seed(core):
    row = rows_for(core)[0]
    inputs = core._inputs([row])
    with torch.inference_mode():
        first = core._model(**inputs).logits[0, -1].log_softmax(-1)
    token = next(core._decoding.stream(inputs, SHORT))
    assert token == (int(first.argmax()), pytest.approx(float(first.max()), abs=1e-4))
    sampled = [
        texts([core.stream(*row, GenerationOptions(max_new_tokens=7, temperature=2.0, seed=s))]) for s in (1, 1, 2, 3)
    ]
    assert sampled[0] == sampled[1]
    assert len({text for (text,) in sampled}) > 1


def test_a_stop_string_and_a_stop_token_end_the_answer(core):
    row = rows_for(core)[0]
    (whole,) = texts([core.stream(*row, SHORT)])
    stop = whole[1:3]
    stopping = GenerationOptions(max_new_tokens=7, stop=(stop,))
    assert texts([core.stream(*row, stopping)]) == [whole.partition(stop)[0]]
    assert texts(core.generate([row, row], stopping)) == [whole.partition(stop)[0]] * 2
    ids = [token for token, _ in core._decoding.stream(core._inputs([row]), SHORT)]
    kept, core._decoding.stop_ids = core._decoding.stop_ids, frozenset({ids[2]})
    ended = [token for token, _ in core._decoding.stream(core._inputs([row]), SHORT)]
    core._decoding.stop_ids = kept
    assert ended == ids[: ids.index(ids[2])]


def test_a_choice_is_as_likely_as_its_tokens_after_the_prompt(core):
    row = rows_for(core)[0]
    found, again = core.score([row, row], [["no", "yes, two"], ["yes, two"]])
    inputs = core._inputs([row])
    asked = core._tokenizer("no", add_special_tokens=False)["input_ids"]
    expected = 0.0
    for token in [*asked, None]:
        with torch.inference_mode():
            logprobs = core._model(**inputs).logits[0, -1].log_softmax(-1)
        stops = sorted(core._decoding.stop_ids)
        expected += float(logprobs[stops].logsumexp(-1) if token is None else logprobs[token])
        inputs = longer(inputs, token or 0)
    assert found[0].total == pytest.approx(expected, abs=1e-3)
    assert found[0].mean == pytest.approx(expected / 3, abs=1e-3)
    assert again[0].total == pytest.approx(found[1].total, abs=1e-3)


def longer(inputs, token):
    """Inputs with one more token of the answer; PaliGemma marks those by 1, because its prompt sees itself whole."""
    added = {"input_ids": token, "attention_mask": 1, "mm_token_type_ids": 0, "token_type_ids": 1}
    return {
        name: torch.cat([value, value.new_tensor([[added[name]]])], dim=1) if name in added else value
        for name, value in inputs.items()
    }


def test_beams_find_an_answer_at_least_as_likely_as_greedy_decoding(core):
    row = rows_for(core)[0]

    def mean(**options):
        steps = [t.logprob for t in core.stream(*row, GenerationOptions(max_new_tokens=3, **options))]
        return sum(steps)

    assert mean(num_beams=4) >= mean() - 1e-4
    beams = GenerationOptions(max_new_tokens=3, num_beams=2)
    assert core.generate([row], beams) == [tuple(core.stream(*row, beams))]


def test_leaving_a_stream_early_leaves_the_core_usable(core):
    row = rows_for(core)[0]
    stream = core.stream(*row, SHORT)
    first = next(stream)
    assert core.generate([row], SHORT)[0][0] == first
    stream.close()
    assert next(core.stream(*row, SHORT)) == first


def test_a_prompt_longer_than_the_context_is_refused_with_the_numbers(core):
    core_tokens = core._context
    with pytest.raises(InputError, match=rf"takes 1 to {core_tokens - 7}, 7 left for the answer"):
        list(core.stream(PICTURES[0], core.render("why " * core_tokens, []), SHORT))
    assert 0 < core.max_prompt_tokens < core_tokens
    assert core.count_tokens("four") == 4


def test_the_agent_answers_and_batches_with_it(core):
    settings = Settings(core=core.name, device="cpu", dtype="float32", offline=True, router="none", max_new_tokens=5)
    agent = VQAAgent.from_pretrained(settings=settings)
    questions = ["Is it <image> </s> red?", Question("Which?", choices=("a cat", "a dog"))]
    answers = list(agent.answer_many((PICTURES[0].pil, question) for question in questions))
    assert answers[0].core == core.name
    assert "</s> red" not in answers[0].prompt.text
    assert answers[1].text in ("a cat", "a dog")
    assert [agent(PICTURES[0].pil, question).text for question in questions] == [answer.text for answer in answers]


def test_ablation_needs_no_code_of_its_own(core, tmp_path, capsys):
    PICTURES[0].pil.save(tmp_path / "a.png")
    row = {"id": 1, "image": "a.png", "question": "Is it red?", "answers": ["no"]}
    (tmp_path / "questions.jsonl").write_text(json.dumps(row))
    plain = (
        "--core",
        core.name,
        "--dtype",
        "float32",
        "--no-expert",
        "detect,ocr,caption,classify,people,scene,words",
        "--offline",
        "-q",
    )
    command = ["eval", str(tmp_path / "questions.jsonl"), "--image-root", str(tmp_path), "--ablate", *plain]
    assert run(app, [*command, "--max-new-tokens", "3", "--json", "-"]) == 0
    assert [row["asked"] for row in json.loads(capsys.readouterr().out)] == ["core alone", "rules router"]


def test_a_model_that_is_not_there_is_named_in_one_line(tmp_path):
    assert "no model chosen: give --core hf:OWNER/NAME" in cores.get("hf:OWNER/NAME")(Settings()).available()
    assert "no such folder; expected one, or owner/name on the hub" in named("text:nothing").available()
    offline = named("hf:nobody/nothing-at-all").available()
    assert offline == "not in the Hugging Face cache and offline: run `hf download nobody/nothing-at-all` once"
    with pytest.raises(ModelUnavailable, match="core 'hf:nobody/nothing-at-all': not in the Hugging Face cache"):
        named("hf:nobody/nothing-at-all").render("Why?", [])
    with pytest.raises(ModelUnavailable, match=r"core 'hf:.*' cannot be loaded \(") as caught:
        named(f"hf:{tmp_path}").render("Why?", [])
    assert "\n" not in str(caught.value)


def test_an_answer_that_leaves_no_room_for_a_prompt_is_refused(core):
    crowded = named(core.name, max_new_tokens=core._context)
    with pytest.raises(InputError, match=r"lower it$"):
        crowded.max_prompt_tokens  # noqa: B018
