"""What a server counts, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tellapart.evaluation.watch import ALARM
from tellapart.extras import load_extra
from tellapart.serve.watch import Watch

HINT: Final = "Install it with: pip install 'tellapart[serve]'"
SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class ServerMetrics:
    """Counters of one server, in a registry of their own."""

    def __init__(self) -> None:
        """Begin at nothing."""
        prometheus = self._prometheus = load_extra("prometheus_client", "prometheus-client", hint=HINT)
        registry = self._registry = prometheus.CollectorRegistry()
        self._requests = prometheus.Counter(
            "tellapart_requests", "Requests, by address and status.", ["route", "status"], registry=registry
        )
        self._seconds = prometheus.Histogram(
            "tellapart_request_seconds", "How long requests took.", ["route"], registry=registry, buckets=SECONDS
        )
        self._answers = prometheus.Counter(
            "tellapart_answers", "Answers about pictures, by class.", ["class"], registry=registry
        )
        self._marks = prometheus.Counter(
            "tellapart_marks", "Answers that are unsure, pictures that are unlike the training set or unreadable.",
            ["mark"], registry=registry,
        )  # fmt: skip
        self._waiting = prometheus.Gauge(
            "tellapart_waiting_pictures", "Pictures that are asked for and not answered.", registry=registry
        )
        self._loaded = prometheus.Counter(
            "tellapart_reloads", "Reloads of the model file, by how they ended.", ["outcome"], registry=registry
        )
        self._tested = prometheus.Gauge(
            "tellapart_tested_share", "The share of test pictures that were unsure or unlike.", ["mark"],
            registry=registry,
        )  # fmt: skip
        self._tested_answers = prometheus.Gauge(
            "tellapart_tested_answers_share", "The share of test pictures that each class was answered about.",
            ["class"], registry=registry,
        )  # fmt: skip
        self._evidence = prometheus.Gauge(
            "tellapart_watch_evidence",
            f"Natural logarithm of the evidence that something has left what testing showed; said from {ALARM:.2f} on.",
            ["what"], registry=registry,
        )  # fmt: skip
        self._left = prometheus.Gauge(
            "tellapart_watch_left", "1 where unlike pictures, or the mix of answers, left what testing showed.",
            ["what"], registry=registry,
        )  # fmt: skip
        self._since = prometheus.Gauge(
            "tellapart_watch_left_since_seconds", "When that was found, in seconds since 1970.", ["what"],
            registry=registry,
        )  # fmt: skip
        for mark in ("unsure", "unlike", "unreadable"):
            self._marks.labels(mark)

    def request(self, *, route: str, status: int, seconds: float) -> None:
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def answers(self, found: Sequence[Mapping[str, Any]]) -> None:
        """Count what was said of pictures, an object each."""
        for answer in found:
            if "error" in answer:
                self._marks.labels("unreadable").inc()
                continue
            self._answers.labels(answer["predicted"]).inc()
            for mark in ("unsure", "unlike"):
                if answer[mark]:
                    self._marks.labels(mark).inc()

    def watch(self, watch: Watch) -> None:
        """Take over what is known of the answers, beside what testing showed."""
        gauges = (self._tested, self._tested_answers, self._evidence, self._left, self._since)
        for gauge in gauges:
            gauge.clear()
        if (tested := watch.tested) is None:
            return
        for mark, count in (("unsure", tested.unsure), ("unlike", tested.unlike)):
            if count is not None:
                self._tested.labels(mark).set(count / tested.pictures)
        for name, count in zip(watch.classes, tested.answers, strict=True):
            self._tested_answers.labels(name).set(count / tested.pictures)
        for what in watch.watched:
            left = watch.left.get(what)
            self._evidence.labels(what).set(watch.evidence(what))
            self._left.labels(what).set(left is not None)
            if left is not None:
                self._since.labels(what).set(left.since.timestamp())

    def reload(self, outcome: str) -> None:
        self._loaded.labels(outcome).inc()

    def text(self, *, waiting: int) -> bytes:
        """The page for Prometheus."""
        self._waiting.set(waiting)
        return bytes(self._prometheus.generate_latest(self._registry))

    @property
    def content_type(self) -> str:
        return str(self._prometheus.CONTENT_TYPE_LATEST)
