"""Log lines in CloudWatch's embedded metric format, as Prometheus's text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local_gateway.metrics import BUCKETS, MAX_SERIES, Metrics

OWN = """\
# TYPE local_gateway_metrics_dropped_total counter
local_gateway_metrics_dropped_total {dropped}
# TYPE local_gateway_metrics_invalid_total counter
local_gateway_metrics_invalid_total {invalid}
"""


def emf(
    name: str, value: object, unit: str | None = "Count", **dimensions: object
) -> dict[str, Any]:
    metric = {"Name": name} if unit is None else {"Name": name, "Unit": unit}
    return {
        "_aws": {
            "Timestamp": 1,
            "CloudWatchMetrics": [
                {"Namespace": "my app", "Dimensions": [list(dimensions)], "Metrics": [metric]}
            ],
        },
        name: value,
        **dimensions,
    }


def written(*lines: object) -> str:
    metrics = Metrics()
    for line in lines:
        metrics.read(line if isinstance(line, str) else f"hello 8476a536  {json.dumps(line)}")
    return metrics.write()


def test_counts_become_a_summary_and_the_last_value() -> None:
    text = written(emf("Posts", 2, service="a"), emf("Posts", [3, 4.5], None, service="a"))

    assert text == (
        "# TYPE my_app_Posts summary\n"
        'my_app_Posts_sum{service="a"} 9.5\n'
        'my_app_Posts_count{service="a"} 3\n'
        "# TYPE my_app_Posts_last gauge\n"
        'my_app_Posts_last{service="a"} 4.5\n'
    ) + OWN.format(dropped=0, invalid=0)


@pytest.mark.parametrize(
    ("unit", "value"), [("Seconds", 0.25), ("Milliseconds", 250), ("Microseconds", 250_000)]
)
def test_times_become_a_histogram_of_seconds(unit: str, value: float) -> None:
    lines = written(emf("Latency", [value, 10_000 * value], unit)).splitlines()

    bounds = [f'my_app_Latency_seconds_bucket{{le="{bound:g}"}}' for bound in BUCKETS]
    expected = [
        f"{name} {0 if bound < 0.25 else 1 if bound < 2500 else 2}"
        for name, bound in zip(bounds, BUCKETS, strict=True)
    ]
    assert lines[:-4] == [
        "# TYPE my_app_Latency_seconds histogram",
        *expected,
        'my_app_Latency_seconds_bucket{le="+Inf"} 2',
        "my_app_Latency_seconds_sum 2500.25",
        "my_app_Latency_seconds_count 2",
    ]


def test_each_set_of_dimensions_is_a_series() -> None:
    line = emf("Posts", 1, stage="dev", route="$default")
    line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] = [[], ["stage"], ["stage", "route"]]

    text = written(line)

    assert [each for each in text.splitlines() if "Posts_sum" in each] == [
        "my_app_Posts_sum 1",
        'my_app_Posts_sum{route="$default",stage="dev"} 1',
        'my_app_Posts_sum{stage="dev"} 1',
    ]


def test_labels_are_escaped_and_names_made_safe() -> None:
    text = written(emf("9 lives", 1, **{"a-b": 'say "hi"\\\n'}))

    assert r'my_app__9_lives_sum{a_b="say \"hi\"\\\n"} 1' in text.splitlines()


def test_there_is_an_end_to_the_number_of_series() -> None:
    metrics = Metrics()
    for number in range(MAX_SERIES + 2):
        metrics.read(json.dumps(emf("Posts", [1, 1], connection=f"c{number}")))

    text = metrics.write()

    assert text.count("my_app_Posts_count{") == MAX_SERIES
    assert "local_gateway_metrics_dropped_total 4" in text


@pytest.mark.parametrize(
    "line",
    [
        '{"_aws"',
        '{"_aws": 5}',
        '{"_aws": {"CloudWatchMetrics": [{"Namespace": "n"}]}}',
        json.dumps(emf("Posts", "many")),
        json.dumps(emf("Posts", [False])),
        json.dumps(emf("Posts", [1] * 101)),
        json.dumps({**emf("Posts", 1, service="a"), "service": None}),
        '"_aws" in a text',
    ],
)
def test_what_is_not_the_format_is_counted_and_passed_over(line: str) -> None:
    assert written(line) == OWN.format(dropped=0, invalid=1)


def test_metrics_can_be_kept_back_and_what_only_looks_like_them_is_passed_on() -> None:
    lines: list[str] = []
    write = Metrics().reading(lines.append, passes_on=False)

    write(json.dumps(emf("Posts", 1)))
    write('"_aws" in a text')

    assert lines == ['"_aws" in a text']


def test_every_line_is_passed_on() -> None:
    lines: list[str] = []
    metrics = Metrics()
    write = metrics.reading(lines.append)

    write("hello init      plain")
    write(json.dumps(emf("Posts", 1)))

    assert len(lines) == 2
    assert "my_app_Posts_sum 1" in metrics.write()
