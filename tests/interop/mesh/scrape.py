"""Scrapes a node's counters as Prometheus does, and checks the text exposition format, line by line.
usage: scrape.py PORT; prints one "name{labels} value" a line.
"""
import re
import sys
import urllib.request

with urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/metrics", timeout=10) as answer:
    kind = answer.headers["Content-Type"]
    text = answer.read().decode()
assert kind == "text/plain; version=0.0.4; charset=utf-8", kind
assert text.endswith("\n")
sample = re.compile(r'([a-z_]+)\{([a-z_]+="(?:[^"\\\n]|\\[\\"n])*"(?:,[a-z_]+="(?:[^"\\\n]|\\[\\"n])*")*)\} ([0-9.]+)')
typed, helped = {}, set()
for line in text.splitlines():
    if line.startswith("# HELP "):
        helped.add(line.split()[2])
    elif line.startswith("# TYPE "):
        _, _, name, what = line.split()
        assert name not in typed and name in helped and what in ("counter", "gauge"), line
        assert (what == "counter") == name.endswith("_total"), line
        typed[name] = what
    else:
        match = sample.fullmatch(line)
        assert match and match[1] in typed, line
        print(line)
