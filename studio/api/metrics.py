"""`/metrics`: the studio's counts for Prometheus, read from the worker client and the task runner when asked."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from studio.app import Studio

BUCKETS = (0.01, 0.05, 0.1, 0.3, 1.0, 3.0, 10.0, 60.0)  # seconds


class StudioCollector(Collector):
    """What the studio's own objects count."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client."""
        worker, runner = self._studio.worker, self._studio.runner
        stats = worker.stats
        yield _gauge("studio_up", "1 when the models answer", float(worker.state == "ready"))
        yield _gauge("studio_tasks_waiting", "Tasks that wait for their turn", runner.waiting)
        yield _gauge("studio_tasks_running", "Tasks that have their turn", runner.running)
        yield _gauge("studio_calls_waiting", "Calls that wait for the worker", worker.waiting)
        yield _gauge("studio_calls_running", "Calls that the worker has", worker.running)
        memory = GaugeMetricFamily("studio_worker_memory_bytes", "Memory of the worker by use", labels=["use"])
        for use, size in worker.memory.items():
            memory.add_metric([use], size)
        yield memory
        tokens = CounterMetricFamily("studio_tokens", "Tokens read and written by the models", labels=["kind"])
        tokens.add_metric(["prompt"], stats.prompt_tokens)
        tokens.add_metric(["new"], stats.new_tokens)
        yield tokens
        calls = CounterMetricFamily("studio_calls", "Calls that ended, by kind", labels=["kind"])
        seconds = CounterMetricFamily("studio_call_seconds", "Seconds that calls took at the worker", labels=["kind"])
        errors = CounterMetricFamily("studio_call_errors", "Calls that failed, by error", labels=["error"])
        for family, counts in ((calls, stats.requests), (seconds, stats.seconds), (errors, stats.errors)):
            for label, count in counts.items():
                family.add_metric([label], count)
            yield family
        yield _counter("studio_calls_cancelled", "Calls that were stopped", stats.cancelled)
        yield _counter("studio_worker_deaths", "Worker processes that died", stats.deaths)
        yield _counter("studio_worker_hangs", "Worker processes that were killed without a sign of life", stats.hangs)


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, words, value=value)


def _counter(name: str, words: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(name, words, value=value)


class Metrics:
    """All metrics of one studio."""

    def __init__(self, studio: Studio) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(StudioCollector(studio))
        ProcessCollector(registry=self._registry)
        self._requests = Histogram(
            "studio_http_request_seconds",
            "Requests over HTTP, by route and status",
            ["route", "status"],
            buckets=BUCKETS,
            registry=self._registry,
        )

    def observe(self, route: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        self._requests.labels(route, str(status)).observe(seconds)

    def add_route(self, app: FastAPI) -> None:
        """`/metrics`; to be declared before Gradio is mounted."""

        @app.get("/metrics")
        def metrics() -> Response:
            return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)
