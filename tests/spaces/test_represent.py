import numpy as np
import pytest
import torch

from concept_align.errors import TreebankError, UsageError
from concept_align.spaces import represent as representing
from concept_align.spaces.represent import CHUNK
from concept_align.store import States
from concept_align.treebanks.concepts import RELATIONS, UPOS, parse_task

UPOS_TASK, RELATION = parse_task("upos"), parse_task("relation")


def represent(words, start, annotations, task, **policies):
    states = States(words, start, annotations.offsets, 0)
    return representing.represent([states], annotations, task, **policies)


@pytest.fixture
def two(tools):
    """Sentence 0: words 1-2 are one multiword token, 3 is the root; sentence 1: one word, the root."""
    w = tools.Word
    return tools.annotate(
        [
            w("ADP", "case", 3, 1),
            w("DET", "det", 3, 2),
            w("NOUN", "root", 0),
            w(None, None, -1),
            w("ADJ", "amod", 2),
        ],
        [w("VERB", "root", 0)],
    )


@pytest.fixture
def states():
    words = torch.tensor([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0], [8.0, 80.0], [16.0, 160.0], [32.0, 320.0]])
    return words, torch.tensor([[100.0, 1000.0], [200.0, 2000.0]])


def test_a_word_class_is_asked_of_labelled_words_alone(two, states):
    found = represent(*states, two, UPOS_TASK, root="start", mwt="share")
    assert found.x[:, 0].tolist() == [1, 2, 4, 16, 32]
    assert [UPOS[k] for k in found.y] == ["ADP", "DET", "NOUN", "ADJ", "VERB"]
    assert found.offsets.tolist() == [0, 4, 5]
    assert found.x.dtype == torch.float32 and found.y.dtype == torch.int64


def test_a_relation_is_the_heads_state_less_the_dependents(two, states):
    found = represent(*states, two, RELATION, root="exclude", mwt="share")
    assert found.x.tolist() == [[4 - 1, 40 - 10], [4 - 2, 40 - 20], [2 - 16, 20 - 160]]
    assert [RELATIONS[k] for k in found.y] == ["case", "det", "amod"]
    assert found.offsets.tolist() == [0, 3, 3]


def test_the_sentence_start_stands_for_the_head_of_its_own_sentences_root(two, states):
    found = represent(*states, two, RELATION, root="start", mwt="share")
    roots = found.y == RELATIONS.index("root")
    assert found.x[roots].tolist() == [[100 - 4, 1000 - 40], [200 - 32, 2000 - 320]]
    assert found.offsets.tolist() == [0, 4, 5]


def test_roots_without_a_start_state_are_refused_with_the_remedy(two, states):
    with pytest.raises(UsageError, match="let root be exclude"):
        represent(states[0], None, two, RELATION, root="start", mwt="share")
    assert len(represent(states[0], None, two, RELATION, root="exclude", mwt="share").y) == 3
    assert len(represent(states[0], None, two, UPOS_TASK, root="start", mwt="share").y) == 5


def test_first_keeps_the_first_word_of_a_multiword_token(two, states):
    found = represent(*states, two, UPOS_TASK, root="start", mwt="first")
    assert found.x[:, 0].tolist() == [1, 4, 16, 32]
    # The adjective hangs on the second word of the token, which is left out: so is its relation.
    related = represent(*states, two, RELATION, root="exclude", mwt="first")
    assert [RELATIONS[k] for k in related.y] == ["case"]


def test_skip_keeps_no_word_of_a_multiword_token(two, states):
    found = represent(*states, two, UPOS_TASK, root="start", mwt="skip")
    assert found.x[:, 0].tolist() == [4, 16, 32]
    related = represent(*states, two, RELATION, root="start", mwt="skip")
    assert [RELATIONS[k] for k in related.y] == ["root", "root"]
    assert related.offsets.tolist() == [0, 1, 2]


def test_a_dependent_of_word_one_survives_when_word_one_is_kept(tools):
    w = tools.Word
    annotations = tools.annotate([w("NOUN", "root", 0), w("ADJ", "amod", 1)], [w("X", "root", 0, 1)])
    found = represent(torch.eye(3), torch.zeros(2, 3), annotations, RELATION, root="start", mwt="skip")
    assert [RELATIONS[k] for k in found.y] == ["root", "amod"]


def test_states_of_other_sentences_are_never_read(two, states):
    words, start = states
    poisoned = words.clone()
    poisoned[5] = torch.nan  # sentence 1
    found = represent(poisoned, start, two, RELATION, root="start", mwt="share")
    assert found.x[:4].isfinite().all() and found.x[4:].isnan().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_states_are_subtracted_in_float32(two, states, dtype):
    words, start = (part.to(dtype) for part in states)
    found = represent(words, start, two, RELATION, root="start", mwt="share")
    exact = represent(words.float(), start.float(), two, RELATION, root="start", mwt="share")
    assert found.x.dtype == torch.float32 and torch.equal(found.x, exact.x)


def test_features_take_their_values_from_feats(tools):
    w = tools.Word
    annotations = tools.annotate(
        [w("NOUN", feats="Case=Nom|Number=Sing"), w("X"), w("ADJ", feats="Case=Acc")]
    )
    task = parse_task("feature:Case", annotations)
    found = represent(torch.eye(3), None, annotations, task, root="start", mwt="share")
    assert [task.concepts[k] for k in found.y] == ["Nom", "Acc"]
    assert torch.equal(found.x, torch.eye(3)[[0, 2]])


def test_a_head_past_the_end_of_its_sentence_is_refused(tools):
    annotations = tools.annotate([tools.Word("X", "dep", 3)], [tools.Word("X", "root", 0)] * 4)
    with pytest.raises(TreebankError, match="head 3"):
        represent(torch.zeros(5, 2), torch.zeros(2, 2), annotations, RELATION, root="start", mwt="share")


def test_states_of_another_number_of_words_are_refused(two):
    with pytest.raises(UsageError, match="4 states for 6 words"):
        represent(torch.zeros(4, 2), None, two, UPOS_TASK, root="start", mwt="share")


def random_annotations(tools, sents=CHUNK // 4, seed=0):
    draws = np.random.default_rng(seed)
    names = [None, "NOUN", "VERB", "X"]
    sentences = []
    for _ in range(sents):
        n = int(draws.integers(1, 9))
        root = int(draws.integers(n))
        sentences.append(
            [
                tools.Word(
                    names[draws.integers(4)],
                    "root" if i == root else ("nsubj", None, "obj")[draws.integers(3)],
                    0 if i == root else int(draws.integers(1, n + 1)),
                    int(draws.integers(3)),
                )
                for i in range(n)
            ]
        )
    return tools.annotate(*sentences)


@pytest.mark.parametrize("task", [UPOS_TASK, RELATION], ids=["upos", "relation"])
@pytest.mark.parametrize("mwt", ["share", "first", "skip"])
@pytest.mark.parametrize("root", ["start", "exclude"])
def test_batches_of_sentences_give_what_the_whole_gives(tools, task, mwt, root):
    annotations = random_annotations(tools, 300)
    draws = torch.Generator().manual_seed(0)
    words, start = torch.randn(annotations.words, 3, generator=draws), torch.randn(300, 3, generator=draws)
    whole = represent(words, start, annotations, task, root=root, mwt=mwt)
    xs, ys = [], []
    for sentences in np.array_split(np.arange(300), 7):
        rows = slice(annotations.offsets[sentences[0]], annotations.offsets[sentences[-1] + 1])
        part = annotations.select(sentences)
        got = represent(words[rows], start[torch.from_numpy(sentences)], part, task, root=root, mwt=mwt)
        xs.append(got.x)
        ys.append(got.y)
    assert torch.equal(torch.cat(xs), whole.x) and torch.equal(torch.cat(ys), whole.y)
    assert whole.offsets[-1] == len(whole.y) and len(whole.offsets) == 301


def test_vectorised_relations_equal_a_plain_loop_over_words(tools):
    annotations = random_annotations(tools)  # more items than one chunk
    draws = torch.Generator().manual_seed(1)
    words, start = (
        torch.randn(annotations.words, 2, generator=draws),
        torch.randn(annotations.sents, 2, generator=draws),
    )
    expected, labels = [], []
    for i in range(annotations.sents):
        begin, end = annotations.offsets[i : i + 2]
        for word in range(begin, end):
            head = annotations.heads[word]
            out = annotations.ranges[word] > 1 or (head > 0 and annotations.ranges[begin + head - 1] > 1)
            if annotations.relations[word] >= 0 and not out:
                expected.append((start[i] if head == 0 else words[begin + head - 1]) - words[word])
                labels.append(int(annotations.relations[word]))
    found = represent(words, start, annotations, RELATION, root="start", mwt="first")
    assert len(labels) > CHUNK // 4 and found.y.tolist() == labels
    assert torch.equal(found.x, torch.stack(expected))


def test_unknown_policies_are_refused(two, states):
    with pytest.raises(UsageError, match="policy 'all'"):
        represent(*states, two, UPOS_TASK, root="start", mwt="all")
    with pytest.raises(UsageError, match="policy 'bos'"):
        represent(*states, two, UPOS_TASK, root="bos", mwt="share")


def test_memory_mapped_states_on_disk_are_represented(two, states, tmp_path):
    path = tmp_path / "states"
    path.write_bytes(states[0].half().numpy().tobytes())
    mapped = torch.from_file(str(path), shared=False, size=12, dtype=torch.float16).view(6, 2)
    found = represent(mapped, None, two, UPOS_TASK, root="start", mwt="share")
    assert found.x[:, 0].tolist() == [1, 2, 4, 16, 32]
