"""Which tokens are whole words."""

from tokenizers import Tokenizer, models, pre_tokenizers

from vqa.adapter_model.whole_words import by_token


def test_words_are_tokens_after_a_space_or_with_a_capital() -> None:
    vocabulary = {symbol: i for i, symbol in enumerate(["Ġ", "d", "o", "g", "c", "a", "t", "D", "Ġd", "og"])}
    vocabulary |= {"Ġdog": 10, "Do": 11, "Dog": 12}
    merges = [("Ġ", "d"), ("o", "g"), ("Ġd", "og"), ("D", "og")]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    assert by_token(tokenizer, [{"dog": 1.5, "cat": 2.0}, {}, {"cat": 1.0}]) == [{10: 1.5, 12: 1.5}, {}, {}]
