"""Tables of token embeddings and the output matrix, and what of them a step reads."""

from dataclasses import dataclass

from watcher.fit.reading import Reader

_VOCABULARIES = ("vocab_size", "padded_vocab_size", "n_vocab")
_HEADLESS = ("Model", "ForSequenceClassification", "ForRewardModel", "ForTokenClassification", "Encoder")
_WITH_HEAD = ("LMHead", "Chat", "ForCausalLM")


@dataclass(frozen=True, kw_only=True, slots=True)
class Embeddings:
    """Parameters: input embedding, output matrix (zero where tied or missing), tables per layer (Gemma's
    E models), the small matrices around them. gathered: of which a step reads single rows."""

    vocab: int
    input: int
    output: int
    per_layer: int
    around: int
    gathered: int
    tied: bool

    @property
    def total(self) -> int:
        return self.input + self.output + self.per_layer + self.around


def embeddings_of(read: Reader, hidden: int, layers: int) -> Embeddings:
    vocab = read.size_or(0, *_VOCABULARIES)
    tied = read.flag("tie_word_embeddings", "tie_embedding", "tied_embeddings", default=read.row.tied)
    output = 0 if tied or _headless(read) else vocab * hidden
    width = read.size_or(0, "hidden_size_per_layer_input")
    per_layer = read.size_or(vocab, "vocab_size_per_layer_input") * layers * width if width else 0
    around = layers * hidden * 3 * width
    around += layers * 2 * hidden * read.size_or(0, "laurel_rank")
    around += 2 * (read.size_or(1, "altup_num_inputs") - 1) * hidden * hidden
    looked_up = 0 if tied else vocab * hidden
    return Embeddings(
        vocab=vocab,
        input=vocab * hidden,
        output=output,
        per_layer=per_layer,
        around=around,
        gathered=per_layer + looked_up,
        tied=tied,
    )


def _headless(read: Reader) -> bool:
    """Embedding and reward models end before the vocabulary; the name of their class says so."""
    named = read.items("architectures")
    name = named[0] if named and isinstance(named[0], str) else ""
    if read.row.head or read.nested or any(part in name for part in _WITH_HEAD):
        return False
    return name.endswith(_HEADLESS)
