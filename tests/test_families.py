"""Every supported family: its matrices by name, the loss at masked positions, saved and read."""

import pytest
import torch
from transformers import (
    AlbertConfig,
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    BertConfig,
    DataCollatorForLanguageModeling,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    ElectraForPreTraining,
    GPT2Config,
    MobileBertConfig,
    RobertaConfig,
    T5Config,
    TrainingArguments,
    ViTConfig,
)

from helpers import plots, pruning, training
from helpers.training import (
    MagnitudePruning,
    MLMTrainer,
    fine_tune,
    load_classifier,
    load_mlm,
    train_mlm,
)

SHARED = dict(vocab_size=60, max_position_embeddings=40, pad_token_id=0)
LAYERS = SHARED | dict(
    hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
)
NO_DROPOUT = dict(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
CONFIGS = {
    "bert": BertConfig(**LAYERS, **NO_DROPOUT),
    "distilbert": DistilBertConfig(
        **SHARED, dim=16, n_layers=2, n_heads=2, hidden_dim=32, dropout=0.0, attention_dropout=0.0
    ),
    "roberta": RobertaConfig(**LAYERS, **NO_DROPOUT),
    "electra": ElectraConfig(**LAYERS, **NO_DROPOUT, embedding_size=8),
    "mobilebert": MobileBertConfig(
        **LAYERS,
        **NO_DROPOUT,
        embedding_size=8,
        intra_bottleneck_size=8,
        num_feedforward_networks=2,
    ),
    "albert": AlbertConfig(**LAYERS, **NO_DROPOUT, embedding_size=8),
}
BERT_LAYER = [
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "intermediate.dense",
    "output.dense",
]
# Outside the layers first, then in each layer, then the pooler
MATRICES = {
    "bert": (["embeddings.word_embeddings"], "encoder.layer", BERT_LAYER, ["pooler.dense"]),
    "distilbert": (
        ["embeddings.word_embeddings"],
        "transformer.layer",
        [
            "attention.q_lin",
            "attention.k_lin",
            "attention.v_lin",
            "attention.out_lin",
            "ffn.lin1",
            "ffn.lin2",
        ],
        [],
    ),
    "roberta": (["embeddings.word_embeddings"], "encoder.layer", BERT_LAYER, []),
    "electra": (
        ["embeddings.word_embeddings", "embeddings_project"],
        "encoder.layer",
        BERT_LAYER,
        [],
    ),
    "mobilebert": (
        ["embeddings.word_embeddings", "embeddings.embedding_transformation"],
        "encoder.layer",
        [
            *BERT_LAYER,
            "output.bottleneck.dense",
            "bottleneck.input.dense",
            "bottleneck.attention.dense",
            "ffn.0.intermediate.dense",
            "ffn.0.output.dense",
        ],
        ["pooler.dense"],
    ),
    "albert": (
        ["embeddings.word_embeddings", "encoder.embedding_hidden_mapping_in"],
        None,
        [
            f"encoder.albert_layer_groups.0.albert_layers.0.{name}"
            for name in (
                "attention.query",
                "attention.key",
                "attention.value",
                "attention.dense",
                "ffn",
                "ffn_output",
            )
        ],
        ["pooler"],
    ),
}
each_family = pytest.mark.parametrize("family", CONFIGS)


def expected(family):
    before, layers, matrices, after = MATRICES[family]
    inside = (
        [f"{layers}.{n}.{name}" for n in range(2) for name in matrices] if layers else matrices
    )  # ALBERT's layers are one
    return [f"{name}.weight" for name in (*before, *inside, *after)]


@pytest.fixture
def checkpoint(tmp_path):
    """A folder with a random MLM of a family, as the hub has them."""

    def save(family, cls=AutoModelForMaskedLM, seed=0):
        torch.manual_seed(seed)
        folder = tmp_path / f"{family}-{cls.__name__}"
        (
            cls.from_config(CONFIGS[family])
            if hasattr(cls, "from_config")
            else cls(CONFIGS[family])
        ).save_pretrained(folder)
        return folder

    return save


def test_every_supported_family_is_tested_here():
    assert set(CONFIGS) == set(MATRICES) == set(pruning.FAMILIES) == set(training.MLM_HEADS)


@each_family
def test_exactly_these_matrices_are_pruned(family, checkpoint):
    mlm = load_mlm(checkpoint(family))
    assert list(pruning.prunable_parameters(mlm)) == expected(family)
    assert list(
        pruning.prunable_parameters(load_classifier(checkpoint(family), ("no", "yes")))
    ) == expected(family)
    pruned = {id(weight) for weight in pruning.prunable_parameters(mlm).values()}
    assert len(pruned) == len(expected(family))  # none twice
    assert id(mlm.get_output_embeddings().weight) in pruned  # tied to the words
    names = plots.matrix_names(expected(family))
    assert len(set(names)) == len(names)  # an axis can tell them apart


@each_family
def test_output_layer_at_masked_positions_gives_the_stock_loss_and_gradients(
    family, checkpoint, tokenizer, text, tmp_path
):
    torch.manual_seed(0)
    batch = dict(
        DataCollatorForLanguageModeling(tokenizer)(
            [{"input_ids": ids} for ids in text["input_ids"]]
        )
    )
    model, stock = (
        load_mlm(checkpoint(family)),
        AutoModelForMaskedLM.from_pretrained(checkpoint(family)),
    )
    model.train(), stock.train()
    whole = []
    model.get_output_embeddings().register_forward_hook(
        lambda module, inputs, output: whole.append(output.shape[:-1])
    )
    loss = MLMTrainer(
        model, TrainingArguments(tmp_path, report_to="none", use_cpu=True)
    ).compute_loss(model, dict(batch))
    expected_loss = stock(**batch).loss
    assert loss.item() == pytest.approx(expected_loss.item(), abs=1e-5)
    count = int((batch["labels"] != -100).sum())
    assert whole == [(count,)] or (
        family == "mobilebert" and not whole
    )  # it multiplies by the weight itself
    loss.backward(), expected_loss.backward()
    gradients = {name: weight.grad for name, weight in model.named_parameters()}
    for name, weight in stock.named_parameters():
        assert torch.allclose(gradients[name], weight.grad, atol=1e-5), name


@each_family
def test_held_out_loss_is_the_stock_loss(family, checkpoint, tokenizer, text):
    model, stock = (
        load_mlm(checkpoint(family)),
        AutoModelForMaskedLM.from_pretrained(checkpoint(family)).eval(),
    )
    torch.manual_seed(7)
    batch = DataCollatorForLanguageModeling(tokenizer)([dict(row) for row in text])
    assert training.mlm_loss(model, tokenizer, text, seed=7) == pytest.approx(
        stock(**batch).loss.item(), abs=1e-5
    )


@each_family
def test_pruned_in_training_saved_and_fine_tuned_with_the_masks(
    family, checkpoint, tokenizer, text, tmp_path
):
    model, pruning_ = load_mlm(checkpoint(family)), MagnitudePruning(0.6, end=3, frequency=1)
    before = model.get_input_embeddings().weight.detach().clone()
    train_mlm(
        model,
        tokenizer,
        text,
        steps=6,
        batch_size=8,
        learning_rate=5e-3,
        output_dir=tmp_path / "mlm",
        pruning=pruning_,
    )
    assert (model.get_input_embeddings().weight != before).any()
    model.save_pretrained(tmp_path / "pruned")
    zeros = {name: ~mask for name, mask in pruning_.masks.items()}
    for loaded in (
        AutoModelForMaskedLM.from_pretrained(tmp_path / "pruned"),
        AutoModel.from_pretrained(tmp_path / "pruned"),
    ):
        weights = pruning.prunable_parameters(loaded)  # without the pooler in the stock MLM
        assert all(
            torch.equal(weight == 0, zeros[name])
            for name, weight in weights.items()
            if name in zeros
        )
        assert set(zeros) - set(weights) <= {"pooler.dense.weight", "pooler.weight"}
    rows = text.remove_columns("special_tokens_mask").add_column(
        "labels", [i % 2 for i in range(len(text))]
    )
    classifier = load_classifier(tmp_path / "pruned", ("no", "yes"))
    fine_tune(
        classifier,
        tokenizer,
        rows,
        epochs=1,
        batch_size=8,
        learning_rate=1e-2,
        output_dir=tmp_path / "task",
        pruning=MagnitudePruning(masks=pruning_.masks),
    )
    report = pruning.sparsity_report(classifier)
    assert report.zeros.tolist()[:-1] == [round(n * 0.6) for n in report.entries][:-1]
    logits, labels = training.predict(classifier, tokenizer, rows)
    assert logits.shape == (48, 2) and logits.std() > 0
    classifier.save_pretrained(tmp_path / "classifier")
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path / "classifier")
    assert torch.equal(
        torch.tensor(training.predict(again, tokenizer, rows)[0]), torch.tensor(logits)
    )
    assert pruning.sparsity_report(again).equals(report)


@each_family
def test_pooler_is_kept_where_fine_tuning_starts_from_it(family, checkpoint):
    encoder = load_mlm(checkpoint(family)).base_model
    assert (getattr(encoder, "pooler", None) is not None) == (
        family in ("bert", "mobilebert", "albert")
    )


def test_electra_discriminator_is_told_from_the_generator(checkpoint, recwarn):
    load_mlm(checkpoint("electra"))
    assert not [warning for warning in recwarn if "no MLM head" in str(warning.message)]
    with pytest.warns(
        UserWarning, match="no MLM head.*burn_in_steps.*discriminator.*electra-small-generator"
    ):
        load_mlm(checkpoint("electra", ElectraForPreTraining))


@each_family
def test_encoder_without_a_head_is_said_to_need_one(family, checkpoint):
    with pytest.warns(UserWarning, match="has no MLM head.*burn_in_steps"):
        load_mlm(checkpoint(family, AutoModel))


@pytest.mark.parametrize(
    "config, kind",
    [
        (GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=60), "a model of type 'gpt2'"),
        (
            T5Config(d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, vocab_size=60),
            "an encoder-decoder of type 't5'",
        ),
        (
            ViTConfig(
                hidden_size=16,
                num_hidden_layers=1,
                num_attention_heads=2,
                intermediate_size=32,
                image_size=32,
            ),
            "a model of type 'vit'",
        ),
        (DebertaV2Config(**LAYERS), "a model of type 'deberta-v2'"),
    ],
)
def test_other_models_are_refused_by_name(config, kind, tmp_path):
    families = "BERT, DistilBERT, RoBERTa, ELECTRA, MobileBERT, ALBERT"
    message = f"{kind}.*{families}.*google-bert/bert-base-uncased"
    model = AutoModel.from_config(config)
    with pytest.raises(ValueError, match=f"{type(model).__name__} is {message}"):
        pruning.prunable_parameters(model)
    config.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=f"{tmp_path.name} is {message}"):
        load_mlm(tmp_path)


def test_unknown_head_falls_back_to_the_stock_forward(checkpoint, tokenizer, text, monkeypatch):
    model = load_mlm(checkpoint("bert"))
    known = training.mlm_loss(model, tokenizer, text)
    monkeypatch.setattr(training.mlm, "MLM_HEADS", {})
    assert training.mlm_loss(model, tokenizer, text) == pytest.approx(known, abs=1e-6)
