"""The trials of a search on an engine: recorded trials are read from the ledger, all others run and are recorded."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict, replace
from typing import Any

from numpy.typing import NDArray

from infra.engines import Engine
from infra.engines.local import LocalEngine
from infra.errors import EngineError
from infra.ledger import Ledger
from tasks.clustering.silhouette_means import is_estimated
from tasks.search.ledger_keys import ledger_keys
from tasks.search.planning import Batch, Parameters, PlannedFit, plan_batches, plan_fits
from tasks.search.results import BestSoFar, mean_scores
from tasks.search.trials import Outcome, TrialContext, run_batch

ROUNDS_OF_LARGE_TABLES = 3
"""Batches for each worker where the fits take long, so that progress is shown in between."""
SearchProgress = Callable[[int, int, float | None], object]
"""Called with the number of finished fits, the number of all fits, and the best mean score so far or None."""


class TrialRunner:
    """Runs the trials of candidates and collects their outcomes.

    Parameters
    ----------
    context : TrialContext
        Estimator, rows, folds and scorer of the search.
    metric : str
        Name of the score that chooses the winner.
    scoring : object
        The `scoring` argument of the search, which the keys of recorded trials depend on.
    engine : Engine, optional
        Engine that runs the trials; default: this process.
    ledger : Ledger, optional
        Ledger that trials are read from and recorded in; default: none.
    progress : callable (done, total, best), optional
        See `SearchProgress`. The counts start from zero at each call of `run`.

    Attributes
    ----------
    candidates : list of mapping of str to value
        Parameters of all candidates that were run, in order.
    outcomes : list of Outcome
        Outcomes of their trials; `Outcome.candidate` is an index of `candidates`.
    n_fits : int
        Number of distinct fits that were computed.
    n_kept : int
        Number of trials that were read from the ledger.
    """

    def __init__(
        self,
        context: TrialContext,
        metric: str,
        scoring: object,
        engine: Engine | None = None,
        ledger: Ledger | None = None,
        progress: SearchProgress | None = None,
    ) -> None:
        self.candidates: list[Parameters] = []
        self.outcomes: list[Outcome] = []
        self.n_fits = self.n_kept = 0
        self._context, self._metric, self._scoring = context, metric, scoring
        self._engine, self._ledger, self._progress = engine, ledger, progress

    def run(self, candidates: Sequence[Parameters]) -> NDArray[Any]:
        """Run the trials of more candidates, on every fold.

        Parameters
        ----------
        candidates : sequence of mapping of str to value
            Parameters of each candidate.

        Returns
        -------
        ndarray of shape (len(candidates),), float64
            Mean score of each candidate over the folds; NaN for a candidate that failed on any fold.
        """
        outcomes = self._outcomes(candidates)
        first = len(self.candidates)
        self.candidates += candidates
        self.outcomes += [replace(outcome, candidate=first + outcome.candidate) for outcome in outcomes]
        return mean_scores(outcomes, len(candidates), len(self._context.folds), self._metric)

    def _outcomes(self, candidates: Sequence[Parameters]) -> list[Outcome]:
        """Outcomes of the candidates' trials; `Outcome.candidate` is an index of `candidates`."""
        fits = plan_fits(self._context.estimator, candidates, len(self._context.folds))
        keys = ledger_keys(self._context, candidates, self._scoring) if self._ledger else []
        finished = self._recorded(keys)
        to_do = [fit for fit in fits if any((c, fit.fold) not in finished for c in fit.candidates)]
        self.n_kept += len(finished)
        self.n_fits += len(to_do)
        done = len(fits) - len(to_do)
        best = BestSoFar(len(self._context.folds), self._metric)
        best.add(finished.values())
        self._report(done, len(fits), best.score)
        recording = self._ledger.recording() if self._ledger else nullcontext()
        with recording as record, closing(self._finished(to_do)) as results:
            for batch, outcomes in results:
                if record:  # a trial that was lost with its worker has no result to record
                    record({keys[o.candidate][o.fold]: asdict(o) for o in outcomes if not o.lost})
                new = {(o.candidate, o.fold): o for o in outcomes if (o.candidate, o.fold) not in finished}
                finished.update(new)
                best.add(new.values())
                done += len(batch)
                self._report(done, len(fits), best.score)
        return list(finished.values())

    def _recorded(self, keys: list[list[str]]) -> dict[tuple[int, int], Outcome]:
        """Outcomes that the ledger has, by candidate and fold."""
        known = self._ledger.get_many(key for row in keys for key in row) if self._ledger else {}
        return {
            (c, f): replace(Outcome(**known[key]), candidate=c, fold=f)
            for c, row in enumerate(keys)
            for f, key in enumerate(row)
            if key in known
        }

    def _report(self, done: int, total: int, best: float | None) -> None:
        if self._progress:
            self._progress(done, total, best)

    def _finished(self, fits: Sequence[PlannedFit]) -> Generator[tuple[Batch, list[Outcome]]]:
        """Batches of all fits, each with the outcomes of its trials, as they finish."""
        with nullcontext(self._engine) if self._engine else LocalEngine(1) as engine:
            lost = yield from self._run_batches(engine, self._batches(fits, engine.workers))
            # a fit that its worker dies over takes its whole batch with it: alone, only this fit fails
            yield from self._run_batches(engine, [(fit,) for fit in lost])

    def _batches(self, fits: Sequence[PlannedFit], workers: int) -> list[Batch]:
        # clusterings of the same rows share the distances that score them; predictions share nothing
        if self._context.y is None and self._context.time_limit_s is None:
            large = is_estimated(self._context.X.shape[0])
            return plan_batches(fits, workers, ROUNDS_OF_LARGE_TABLES if large else 1)
        # values are mostly written in ascending order, and larger values take longer: in reverse the short fits
        # run last, and all workers finish at about the same time
        return [(fit,) for fit in reversed(fits)]

    def _run_batches(
        self, engine: Engine, batches: Sequence[Batch]
    ) -> Generator[tuple[Batch, list[Outcome]], None, list[PlannedFit]]:
        """Yield batches with their outcomes; return the fits of larger batches that were lost with a worker."""
        lost: list[PlannedFit] = []
        if not batches:
            return lost
        with closing(engine.run(run_batch, batches, shared=self._context)) as results:
            for i, result in results:
                batch = batches[i]
                if not isinstance(result, EngineError):
                    yield batch, result
                elif len(batch) > 1:
                    lost += batch
                else:
                    yield batch, _lost_outcomes(batch[0], result)
        return lost


def _lost_outcomes(fit: PlannedFit, error: EngineError) -> list[Outcome]:
    return [Outcome(candidate, fit.fold, {}, 0.0, str(error), lost=True) for candidate in fit.candidates]
