"""LightGBM fits among members of a group: they have the bins of all rows and stop at the same round."""

import lightgbm as lgb
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from infra.engines import ArraySource
from infra.engines.blocks import Span
from infra.engines.collective import Communicator
from infra.engines.streaming import StreamedBlocks
from tasks.ensembles import lightgbm_dataset
from tasks.ensembles.lightgbm_training import LightGBMPlan, train_lightgbm
from tests.tasks.ensembles.sharded import PARAMETERS, PLAN, X, Y, members


@pytest.mark.parametrize("size", [2, 3])
def test_shards_of_a_sorted_table_have_the_bins_of_all_rows(size: int) -> None:
    # later trees differ where rounding decides between splits that are nearly as good
    rows, plan = np.argsort(X[:, 1]), LightGBMPlan(PARAMETERS, 5, classification=True)
    sharded = members(size, plan, X[rows], Y[rows])
    alone = train_lightgbm([(X[rows], Y[rows])], Communicator(0, 1), plan)
    p, q = (lgb.Booster(model_str=found.model).predict(X) for found in (sharded, alone))
    np.testing.assert_allclose(p, q, atol=1e-6)


def test_a_sample_of_each_shard_finds_the_bins_of_a_large_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lightgbm_dataset, "BIN_ROWS", 300)
    rows = np.argsort(X[:, 1])
    sharded = members(2, PLAN, X[rows], Y[rows])
    alone = train_lightgbm([(X, Y)], Communicator(0, 1), PLAN)
    p, q = (lgb.Booster(model_str=found.model).predict(X) for found in (sharded, alone))
    assert (p != q).any()
    assert roc_auc_score(Y, p) == pytest.approx(roc_auc_score(Y, q), abs=0.01)


def test_shards_stop_early_together(capfd: pytest.CaptureFixture[str]) -> None:
    plan = LightGBMPlan(
        {**PARAMETERS, "learning_rate": 0.3}, 300, classification=True, validation_fraction=0.2, seed=1
    )
    found = members(2, plan, X, Y, np.random.default_rng(0).exponential(size=len(X)))
    assert found.best_round + 10 == len(found.iterations) < 300
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("seed", [None, 0, 3, 2**31 - 2])
def test_rows_read_in_parts_have_the_bins_of_rows_in_memory(seed: int | None) -> None:
    """Bins are found from a sample of 100 rows, which LightGBM draws by its seed."""
    parameters = {**PARAMETERS, "bin_construct_sample_cnt": 100, **({} if seed is None else {"seed": seed})}
    plan = LightGBMPlan(parameters, 5, classification=True)
    parts = StreamedBlocks(ArraySource(X, Y, block_rows=70), Span(0, 9))
    alone = Communicator(0, 1)
    assert train_lightgbm(parts, alone, plan).model == train_lightgbm([(X, Y)], alone, plan).model
