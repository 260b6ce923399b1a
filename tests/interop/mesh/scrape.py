"""Scrapes a node's counters as Prometheus does, and reads them with Prometheus' own parsers.
usage: scrape.py PORT [LIST]; prints what was asked for in LIST, a JSON list of [name, labels] with the labels
as an object, as a JSON list of numbers, null for what is not there. Without LIST the names of all families.
"""
import json
import sys
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

with urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/metrics", timeout=10) as answer:
    kind = answer.headers["Content-Type"]
    text = answer.read().decode()
assert kind == "text/plain; version=0.0.4; charset=utf-8", kind
assert text.endswith("\n")
families, samples = {}, {}
for family in text_string_to_metric_families(text):
    assert family.name not in families, f"{family.name} comes twice"
    # A counter's family has the name without _total; the parser takes the suffix off.
    assert family.type in ("counter", "gauge"), f"{family.name} is a {family.type}"
    assert family.documentation, f"{family.name} says nothing"
    assert family.samples, f"{family.name} has no sample"
    families[family.name] = family
    for sample in family.samples:
        wanted = family.name + ("_total" if family.type == "counter" else "")
        assert sample.name == wanted, f"{sample.name} in {family.name}"
        key = sample.name, tuple(sorted(sample.labels.items()))
        assert key not in samples, f"{key} comes twice"
        samples[key] = sample.value
# OpenMetrics is stricter (HELP and TYPE come once, nothing between a family's lines), and names a counter's
# family without its suffix.
strict = "".join(
    line.replace("_total ", " ", 1) if line.startswith("#") else line for line in text.splitlines(keepends=True)
)
assert len(list(parse_openmetrics(strict + "# EOF\n"))) == len(families)
if len(sys.argv) < 3:
    print(json.dumps(sorted(families)))
else:
    asked = json.loads(sys.argv[2])
    print(json.dumps([samples.get((name, tuple(sorted(labels.items())))) for name, labels in asked]))
