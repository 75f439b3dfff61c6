"""The cost of orchestration: a grid search inside a flow, beside scikit-learn's GridSearchCV without one."""

from tests.benchmarks.flow_search import XGBOOST, times
from tests.benchmarks.timing import row, save

ROUNDS = 3

if __name__ == "__main__":
    save([row(XGBOOST.what, *times(XGBOOST, ROUNDS), aim="at most 1.0")])
