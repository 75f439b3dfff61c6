"""A made-up study with the shape of a real one, for tests of how results are shown."""

import base64
import struct
import zlib
from datetime import UTC, datetime, timedelta

import numpy as np

from infra.monitoring import ProcessUsage, Usage
from tasks.problems import problem_of
from tasks.recommendation import recommend
from tasks.report.dataset_result import DatasetResult, dataset_results
from tasks.results import (
    Cell,
    Comparison,
    Dataset,
    Evaluation,
    Parameter,
    Picture,
    Published,
    Search,
    StudyResult,
    Trial,
)

MIB = 2**20
START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ENGINES = ("local", "dask", "spark")
SEARCHES: tuple[Search, ...] = ("baseline", "grid", "random")
PROFILE = """         182034 function calls (176210 primitive calls) in 3.412 seconds

   Ordered by: cumulative time

   ncalls  tottime  percall  cumtime  percall filename:lineno(function)
       12    2.871    0.239    2.911    0.243 training.py:53(train)
      360    0.214    0.001    0.230    0.001 data.py:401(__init__)
"""


def usage(engine: str, wall: float, rng: np.random.Generator) -> Usage:
    """Usage with a series whose peaks agree with its totals."""
    base = {"local": 260, "dask": 290, "spark": 410}[engine]
    workers = [] if engine == "local" else ["worker-0", "worker-1"]
    each = {"local": 0, "dask": 215, "spark": 640}[engine]
    start, series = START.timestamp(), []
    steps = max(2, min(60, int(wall / 0.25)))
    for step in range(steps):
        ramp = min(1.0, (step + 1) / 4)
        at = start + wall * step / steps
        series.append((at, "driver", float(rng.uniform(5, 95)), base * ramp * MIB))
        series += [(at, w, float(rng.uniform(60, 99)), each * ramp * MIB) for w in workers]
    share = {"local": 1.7, "dask": 1.6, "spark": 1.3}[engine]
    return Usage(
        wall_s=wall,
        cpu_s=wall * share,
        cpu_percent=100 * share,
        peak_rss=int((base + 0.97 * each * len(workers)) * MIB),
        driver=ProcessUsage(cpu_s=wall * 0.3, peak_rss=base * MIB),
        workers={w: ProcessUsage(cpu_s=wall * 0.6, peak_rss=each * MIB) for w in workers},
        series=series,
    )


def boosting_trials(search: Search) -> list[Trial]:
    """Trials of XGBoost: a full grid, or points drawn at random."""
    rng = np.random.default_rng(1 if search == "grid" else 2)
    grid = [(d, e, n) for d in (2, 3, 4, 6) for e in (0.03, 0.1, 0.3) for n in (50, 100, 200)]
    drawn = [
        (int(rng.integers(2, 9)), float(10 ** rng.uniform(-2, -0.4)), int(rng.integers(20, 400)))
        for _ in range(30)
    ]
    trials = []
    for depth, eta, rounds in grid if search == "grid" else drawn:
        centre = (
            0.77 - 0.008 * abs(depth - 3) - 0.02 * abs(np.log10(eta) + 1) - 0.01 * abs(rounds - 120) / 200
        )
        scores = [float(s) for s in rng.normal(centre, 0.02, 5)]
        params: dict[str, Parameter] = {"max_depth": depth, "learning_rate": eta, "n_estimators": rounds}
        trials.append(Trial(params=params, scores=scores, mean_score=float(np.mean(scores)), seconds=0.21))
    if search == "random":
        params = {"max_depth": -1, "learning_rate": 0.1, "n_estimators": 10}
        bad = Trial(
            params=params, scores=[], mean_score=None, seconds=0.01, error="max_depth=-1: must be >= 0"
        )
        trials.append(bad)
    return trials


def kmeans_trials(search: Search) -> list[Trial]:
    """Trials of K-means: clusters and initialisation."""
    rng = np.random.default_rng(3 if search == "grid" else 4)
    grid = [(k, init) for k in range(2, 12) for init in ("k-means++", "random")]
    drawn = [(int(rng.integers(2, 16)), str(rng.choice(["k-means++", "random"]))) for _ in range(15)]
    trials = []
    for k, init in grid if search == "grid" else drawn:
        value = 0.423 - 0.019 * (k - 2) - (0.01 if init == "random" else 0) + float(rng.normal(0, 0.004))
        params: dict[str, Parameter] = {"n_clusters": k, "init": init}
        trials.append(Trial(params=params, scores=[value], mean_score=value, seconds=0.02))
    return trials


def xgboost_cell(engine: str, search: Search, algorithm: str = "xgboost") -> Cell:
    """A cell of the classification table."""
    rng = np.random.default_rng(len(engine) * 10 + len(search))
    trials = [] if search == "baseline" else boosting_trials(search)
    best = max((t for t in trials if t.mean_score), key=lambda t: t.mean_score or 0, default=None)
    wall = {"baseline": 0.42, "grid": 9.87, "random": 7.31}[search]
    wall *= {"local": 1.0, "dask": 1.31, "spark": 3.9}[engine]
    right = {"baseline": 111, "grid": 114, "random": 113}[search]
    return Cell(
        dataset="diabetes",
        algorithm=algorithm,
        engine=engine,
        search=search,
        implementation="one fit on one worker" if search == "baseline" else "trials side by side",
        workers=1 if engine == "local" else 2,
        params=best.params if best else {"max_depth": 6, "learning_rate": 0.3, "n_estimators": 100},
        score_name="accuracy",
        cv_score=best.mean_score if best else None,
        metrics={"holdout_accuracy": right / 149, "holdout_auc": 0.8 + right / 5000, "holdout_rows": 149},
        trials=trials,
        fits=len(trials) * 5 // 3,
        kept=12 if (engine, search) == ("dask", "grid") else 0,
        usage=usage(engine, wall, rng),
        mlflow_run_id="0f3c",
        mlflow_url=f"http://127.0.0.1:5000/#/experiments/1/runs/{engine}{search}",
        profile=PROFILE if (engine, search) == ("local", "grid") else None,
    )


def kmeans_cell(engine: str, search: Search, algorithm: str = "kmeans") -> Cell:
    """A cell of the clustering table; random search on Spark failed."""
    if (engine, search) == ("spark", "random"):
        error = (
            "Spark's JVM ended with exit status 137 (out of memory) in job 12;\nthe next run starts a new one"
        )
        return Cell(
            dataset="burger-king",
            algorithm=algorithm,
            engine=engine,
            search=search,
            status="failed",
            error=error,
        )
    rng = np.random.default_rng(7)
    trials = [] if search == "baseline" else kmeans_trials(search)
    k = 8 if search == "baseline" else 2
    wall = {"baseline": 0.031, "grid": 0.64, "random": 0.52}[search]
    wall *= {"local": 1.0, "dask": 4.1, "spark": 21.0}[engine]
    value = {"baseline": 0.2914, "grid": 0.4233, "random": 0.4233}[search]
    return Cell(
        dataset="burger-king",
        algorithm=algorithm,
        engine=engine,
        search=search,
        implementation="one process" if engine == "local" else "one round a step",
        workers=1 if engine == "local" else 2,
        params={"n_clusters": k, "init": "k-means++"},
        space="standardised",
        score_name="silhouette",
        cv_score=None if search == "baseline" else value,
        metrics={
            "silhouette": value,
            "davies_bouldin": 1.103 if k == 8 else 0.926,
            "calinski_harabasz": 28.31 if k == 8 else 54.12,
            "raw_silhouette": 0.318 if k == 8 else 0.554,
            "raw_davies_bouldin": 0.921 if k == 8 else 0.606,
            "raw_calinski_harabasz": 71.2 if k == 8 else 1101.7,
            "clusters": float(k),
            "largest_share": 0.31 if k == 8 else 0.62,
            "noise_share": 0.0,
        },
        trials=trials,
        fits=len(trials) // 2,
        usage=usage(engine, wall, rng),
    )


def evaluation(search: Search, shift: float, algorithm: str = "xgboost") -> Evaluation:
    """10 x 10 cross-validation, the same folds for every search."""
    scores = np.clip(np.random.default_rng(5).normal(0.757 + shift, 0.045, 100), 0, 1)
    half = 1.984 * float(np.std(scores, ddof=1)) * float(np.sqrt(1 / 100 + 1 / 9))
    mean = float(scores.mean())
    return Evaluation(
        dataset="diabetes",
        algorithm=algorithm,
        search=search,
        metric="accuracy",
        folds=10,
        repeats=10,
        scores=[float(s) for s in scores],
        mean=mean,
        low=mean - half,
        high=mean + half,
        seconds={"baseline": 0.3, "grid": 8.0, "random": 6.0}[search],
    )


def png() -> str:
    """A small grey picture."""
    width, height = 320, 120
    rows = b"".join(b"\0" + bytes(90 + (x + y) % 120 for x in range(width)) for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(d)) + kind + d + struct.pack(">I", zlib.crc32(kind + d)) for kind, d in chunks
    )
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + body).decode()


def datasets() -> list[Dataset]:
    """The two data sets as described."""
    return [
        Dataset(
            name="diabetes",
            task="classification",
            target="diabetes",
            rows=768,
            columns=["pregnant", "glucose", "pressure", "triceps", "insulin", "mass", "pedigree", "age"],
            sha256="9c" * 32,
            path="diabetes.csv",
            notes=["Zeros read as missing: glucose (5), pressure (35), triceps (227), insulin (374)."],
            provenance="Pima Indians diabetes, US National Institute of Diabetes.",
        ),
        Dataset(
            name="burger-king",
            task="clustering",
            target=None,
            rows=77,
            columns=["item", "calories", "cal_fat", "total_fat", "sodium", "sugar", "protein"],
            sha256="1e" * 32,
            path="burger_king.csv",
            notes=["Column 'item' is a label, not a feature.", "No missing values."],
            provenance="Menu of Burger King as published by the company.",
        ),
    ]


def published() -> list[Published]:
    """Figures from elsewhere beside ours."""
    return [
        Published(
            what="diabetes, XGBoost, hold-out accuracy after search",
            published="75.84 %",
            ours="76.51 %",
            remark="113 and 114 of 149 rows: one row, far inside the standard error of 3.5 points.",
        ),
        Published(
            what="burger-king, K-means k = 2, silhouette",
            published="0.529",
            ours="0.554 raw, 0.423 standardised",
            remark="The published figure does not name its space.",
        ),
    ]


Names = tuple[str, ...]


def comparison(first: str, second: str, difference: float, p: float, half: float = 0.02) -> Comparison:
    """A paired difference on the diabetes table with an interval of that half-width."""
    return Comparison(
        dataset="diabetes",
        first=first,
        second=second,
        difference=difference,
        low=difference - half,
        high=difference + half,
        p_value=p,
    )


def data_of(study: StudyResult, name: str) -> DatasetResult:
    """The records of one data set of a study."""
    return next(data for data in dataset_results(study) if data.name == name)


def recommended(study: StudyResult, margin: float = 0.01) -> StudyResult:
    """The study with its recommendations made anew."""
    study.recommendations = [
        recommend(
            data.name,
            problem_of(data.task),
            [cell for cell in study.cells if cell.dataset == data.name],
            [one for one in study.evaluations if one.dataset == data.name],
            [one for one in study.comparisons if one.dataset == data.name],
            margin,
        )
        for data in study.datasets
    ]
    return study


def make_study(boosters: Names = ("xgboost",), clusterers: Names = ("kmeans",)) -> StudyResult:
    """A whole study: two data sets, three engines, three searches, one failed cell."""
    cells = [xgboost_cell(e, s, a) for a in boosters for e in ENGINES for s in SEARCHES]
    cells += [kmeans_cell(e, s, a) for a in clusterers for e in ENGINES for s in SEARCHES]
    shifts: dict[Search, float] = {"baseline": 0.0, "grid": 0.004, "random": 0.006}
    tests: tuple[tuple[Search, float], ...] = (("grid", 0.31), ("random", 0.04))
    study = StudyResult(
        name="study-2026-03-02",
        started=START,
        finished=START + timedelta(seconds=214),
        resumed=True,
        kept=12,
        datasets=datasets(),
        cells=cells,
        evaluations=[evaluation(s, shift, a) for a in boosters for s, shift in shifts.items()],
        comparisons=[
            comparison(f"{a} {s}", f"{a} baseline", shifts[s], p) for a in boosters for s, p in tests
        ],
        published=published(),
        pictures=[
            Picture(title="Clusters", caption="Two principal components.", dataset="burger-king", png=png())
        ],
        versions={"python": "3.11.9", "xgboost": "3.2.0", "scikit-learn": "1.9.1", "dask": "2026.8.0"},
        machine="Linux, 2 cores, 15 GiB memory",
        links={
            "Prefect run": "http://127.0.0.1:4200/runs/flow-run/" + "0" * 60,
            "MLflow run": "http://127.0.0.1:5000/#/experiments/1/runs/" + "a" * 60,
            "Dask dashboard": "http://127.0.0.1:8787/status",
            "report": "/home/someone/.trilla/reports/study-2026-03-02/" + "x" * 60 + "/report.html",
        },
    )
    return recommended(study)
