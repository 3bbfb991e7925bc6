"""An LRM's queue: at most one job per service, so many at a time, the longest waiting first."""

from __future__ import annotations

from msgspec.structs import replace

from hapanel.ha.engine import work
from hapanel.ha.engine.draft import Draft
from hapanel.ha.engine.events import JobBegun, JobFailed
from hapanel.ha.engine.profile import Jobs
from hapanel.ha.engine.words import JobResult, ServiceState
from hapanel.ha.engine.world import Job, Lrm, Service

_NO_ACTION = frozenset(
    {ServiceState.RECOVERY, ServiceState.FREEZE, ServiceState.REQUEST_START, ServiceState.FENCE}
)


class Queue:
    """The jobs, results and retries of one LRM, open for change. `close` puts them back."""

    def __init__(self, draft: Draft, node: str, lrm: Lrm) -> None:
        self._draft = draft
        self._node = node
        self.jobs = dict(lrm.jobs)
        self.results = dict(lrm.results)
        self._retries = dict(lrm.retries)
        self.stop_errors = lrm.stop_errors

    def close(self, lrm: Lrm) -> Lrm:
        """`lrm` with what the queue holds now."""
        return replace(
            lrm,
            jobs=self.jobs,
            results=self.results,
            retries=self._retries,
            stop_errors=self.stop_errors,
        )

    def _is_done(self, uid: int, state: ServiceState) -> bool:
        """Whether the master knows the result; what is stopped is seen to for ever."""
        return uid in self.results and state is not ServiceState.STOPPED

    def _add(self, job: Job) -> None:
        """Queue a job; one that already runs is let run."""
        old = self.jobs.get(job.sid)
        if old is None or not old.is_running:
            self.jobs[job.sid] = job

    def add_services(self, services: dict[str, Service]) -> None:
        """Queue what the manager status asks this node to do."""
        self._retries = {sid: n for sid, n in self._retries.items() if sid in services}
        for sid, service in services.items():
            if service.node != self._node or service.state in _NO_ACTION:
                continue
            if not self._is_done(service.uid, service.state):
                self._add(
                    Job(
                        sid=sid,
                        uid=service.uid,
                        state=service.state,
                        target=service.target,
                        timeout=service.timeout,
                    )
                )

    def run(self, known: dict[str, Service]) -> int:
        """Begin what may begin, finish what is done: how many jobs are left."""
        self._finish_due(known)
        inline = self._draft.profile.jobs is Jobs.INLINE
        slots = self._draft.options.max_workers or 1
        free = slots - sum(job.is_running for job in self.jobs.values())
        waiting = [job for job in self.jobs.values() if not job.is_running]
        for job in sorted(waiting, key=lambda job: (-job.waited, job.sid)):
            if not inline and free <= 0:
                self.jobs[job.sid] = replace(job, waited=job.waited + 1)
            elif self._begin(job, known):
                free -= 1
        return len(self.jobs)

    def _begin(self, job: Job, known: dict[str, Service]) -> bool:
        """Start one job: whether it now keeps a worker busy."""
        result = work.without_work(self._draft, self._node, job)
        if result is not None:
            self._finished(job, result, known)
            return False
        self._draft.emit(
            JobBegun(
                at=self._draft.now,
                node=self._node,
                sid=job.sid,
                state=job.state,
                uid=job.uid,
                target=job.target,
            )
        )
        if self._draft.profile.jobs is Jobs.INLINE:
            self._finished(job, work.carry_out(self._draft, self._node, job), known)
            return False
        timed = self._draft.profile.jobs is Jobs.TIMED
        ends_at = self._draft.now + work.seconds(self._draft, job) if timed else None
        self.jobs[job.sid] = replace(job, is_running=True, ends_at=ends_at)
        return True

    def _finish_due(self, known: dict[str, Service]) -> None:
        for job in list(self.jobs.values()):
            if job.is_running and job.ends_at is not None and job.ends_at <= self._draft.now:
                self._finished(job, work.carry_out(self._draft, self._node, job), known)

    def report(self, job: Job, result: JobResult, known: dict[str, Service]) -> None:
        """Somebody else did the job."""
        guest = self._draft.guests.get(job.sid)
        if result is JobResult.OK and guest is not None:
            work.enter_success(self._draft, self._node, job, guest)
        self._finished(job, result, known)

    def _finished(self, job: Job, result: JobResult, known: dict[str, Service]) -> None:
        del self.jobs[job.sid]
        if job.uid is None:
            self.stop_errors += result is not JobResult.OK
            return
        result = self._after_retries(job, result)
        if result is JobResult.RETRY:
            return
        self.results[job.uid] = result
        valid = {service.uid for service in known.values()}
        if len(self.results) > 2 * len(valid) + 8:
            self.results = {uid: each for uid, each in self.results.items() if uid in valid}

    def _after_retries(self, job: Job, result: JobResult) -> JobResult:
        """A failed start is tried again max_restart times before the master hears of it."""
        if job.state is not ServiceState.STARTED:
            return result
        if result is JobResult.OK:
            self._retries.pop(job.sid, None)
            return result
        if result is not JobResult.FAILED:
            return result
        guest = self._draft.guests.get(job.sid)
        tried = self._retries.get(job.sid, 0)
        if guest is None or tried >= guest.max_restart:
            self._retries.pop(job.sid, None)
            return result
        self._retries[job.sid] = tried + 1
        self._draft.emit(
            JobFailed(
                at=self._draft.now,
                node=self._node,
                sid=job.sid,
                state=job.state,
                reason=f"retry {tried + 1} of {guest.max_restart}",
                will_retry=True,
            )
        )
        return JobResult.RETRY
