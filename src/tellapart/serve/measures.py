"""What a server counts, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tellapart.extras import load_extra

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

    def reload(self, outcome: str) -> None:
        self._loaded.labels(outcome).inc()

    def text(self, *, waiting: int) -> bytes:
        """The page for Prometheus."""
        self._waiting.set(waiting)
        return bytes(self._prometheus.generate_latest(self._registry))

    @property
    def content_type(self) -> str:
        return str(self._prometheus.CONTENT_TYPE_LATEST)
