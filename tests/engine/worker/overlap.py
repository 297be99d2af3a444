"""Shared by the tests of overlapping jobs: a log of worker events, a lossy transport, a fake connection."""

import asyncio
import queue

from engine.render.pool import WorkerPool
from engine.render.protocol import Job
from engine.render.transport import Transport
from engine.worker.main import JobRunner

PATIENCE = 60.0
TWO_STAGES = "0.05+0.2"  # seconds a frame, after so many of a first stage


def job(seed=0, prompt="a wall of colour", seconds=1.0):
    return Job("fake", "", prompt, (), ("#ff0000", "#0000ff"), seed, 32, 32, 8.0, seconds)


def lossy(is_lost):
    """A transport that drops, in both directions, the messages of which `is_lost` says so."""

    class Lossy(Transport):
        def receivers(self, handle):
            return super().receivers(lambda address, message: is_lost(message) or handle(address, message))

        def send(self, address, message):
            if not is_lost(message):
                super().send(address, message)

    return Lossy


class WorkerLog:
    """The events of a pool's workers; `at_two` is called when a worker has two jobs."""

    def __init__(self):
        self.events = []
        self.done = []
        self.two = asyncio.Event()
        self.both_ready = asyncio.Event()
        self.at_two = None

    def on_worker(self, event):
        self.events.append(event)
        if self.count("ready") == 2:
            self.both_ready.set()
        if len(event.job_ids) == 2 and event.state == "rendering":
            self.two.set()
            if self.at_two:
                self.at_two(event)

    def pool(self, cache, model=TWO_STAGES, workers=1, **options):
        on_done = lambda job, seconds: self.done.append(job.seed)  # noqa: E731
        return WorkerPool(cache, "fake", model, workers, on_worker=self.on_worker, on_done=on_done, **options)

    def count(self, state):
        return [event.state for event in self.events].count(state)


class FakeConnection:
    """A connection that yields given jobs and records what the worker sends."""

    def __init__(self, *jobs):
        self.jobs = queue.SimpleQueue()
        for each in jobs:
            self.jobs.put(each)
        self.jobs.put(None)
        self.sent = []
        self.cancelled_ids = set()

    def send(self, message):
        self.sent.append(message)

    def cancelled(self, job_id):
        return job_id in self.cancelled_ids

    def of(self, *kinds):
        return [message for message in self.sent if isinstance(message, kinds)]


def run_jobs(generator, cache, *jobs):
    """Render the jobs with a worker; returns its connection."""
    connection = FakeConnection(*jobs)
    JobRunner(connection, generator, cache, send=False).run()
    return connection
