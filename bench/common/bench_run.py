"""What the `run` scripts of the benchmarks share: starting a server and a client beside each other, what they cost,
medians of rounds, and putting tables and plots into docs/benchmarks.

A server prints a line when it can be used. A client prints "begin" when it is warm and "end OPERATIONS SECONDS
P50_US", and stays until its input ends: see measurement.hpp."""

import os
import platform
import statistics
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build/release")
PEERS = os.path.join(ROOT, "build/peers")
DOCS = os.path.join(ROOT, "docs/benchmarks")


class Priority:
    """Of what is measured, against everything else on the machine."""
    raised = True
    realtime = False

    @classmethod
    def take(cls):
        try:
            if cls.raised:
                os.setpriority(os.PRIO_PROCESS, 0, -15)
            if cls.realtime:
                os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        except PermissionError:
            pass


def build(*targets):
    for command in (["cmake", "--preset", "release", "-DWEFT_BENCH=ON"],
                    ["cmake", "--build", BUILD, "--target", *targets]):
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def start(command, cores, **environment):
    def prepare():
        os.sched_setaffinity(0, cores)
        Priority.take()

    return subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            env=dict(os.environ, **environment), preexec_fn=prepare)


def line_of(child):
    line = child.stdout.readline().decode()
    if not line:
        raise RuntimeError("%s ended without a word" % child.args)
    return line.split()


def stop(children):
    for child in children:
        child.kill()
    for child in children:
        child.wait()
        child.stdin.close()
        child.stdout.close()


def cpu_seconds(pid):
    """Of all threads, in nanosecond steps; threads that have ended are lost, but these programs keep theirs."""
    total = 0
    for task in os.listdir("/proc/%d/task" % pid):
        try:
            with open("/proc/%d/task/%s/schedstat" % (pid, task)) as file:
                total += int(file.read().split()[0])
        except (FileNotFoundError, ProcessLookupError):  # the second, when it ends between opening and reading
            pass
    return total / 1e9


def resident_bytes(pid):
    with open("/proc/%d/statm" % pid) as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(servers, client, look=cpu_seconds):
    """What the servers and the client need for an operation each: {"servers": [...], "client": …, "rate", "p50"}."""
    children = [*servers, client]
    word = line_of(client)
    if word != ["begin"]:
        raise RuntimeError("%s said %s" % (client.args, word))
    before = [look(child.pid) for child in children]
    _, operations, took, p50 = line_of(client)
    after = [look(child.pid) for child in children]
    operations = int(operations)
    each = [(b - a) / operations for a, b in zip(before, after)]
    return {"servers": each[:-1], "client": each[-1], "rate": operations / float(took), "p50": float(p50)}


def medians(rounds):
    """Of a list of dicts of figures or of lists of figures."""
    def median(values):
        if isinstance(values[0], list):
            return [statistics.median(column) for column in zip(*values)]
        return statistics.median(values)
    return {key: median([one[key] for one in rounds]) for key in rounds[0]}


def machine():
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "")
    return "%s, %d cores, Linux %s, load average %s" % (
        model, os.cpu_count(), platform.release(), ", ".join("%.1f" % load for load in os.getloadavg()))


def today():
    return time.strftime("%d %B %Y")


def markdown(rows):
    return "\n".join("| %s |" % " | ".join(row) for row in [rows[0], ["---"] * len(rows[0]), *rows[1:]])


def write_section(page, name, content):
    """Replaces what is between the markers `<!-- name -->` and `<!-- end of name -->` of a page of docs/benchmarks."""
    path = os.path.join(DOCS, page)
    with open(path) as file:
        text = file.read()
    begin, end = "<!-- %s -->" % name, "<!-- end of %s -->" % name
    head, found, rest = text.partition(begin)
    _, ended, tail = rest.partition(end)
    if not found or not ended:
        raise RuntimeError("%s has no section '%s'" % (path, name))
    with open(path, "w") as file:
        file.write(head + begin + "\n" + content + "\n" + end + tail)


def write_bars(path, panels):
    """A plot as plain SVG: a panel for each (title, [(label, [part, …], ours)]), each bar made of its parts, the
    first one dark. A bar without parts is left out."""
    row, left, width, gap = 18, 150, 760, 46
    lines = []
    top = 30
    for title, bars in panels:
        bars = [bar for bar in bars if bar[1]]
        if not bars:
            continue
        scale = (width - left - 120) / max(sum(parts) for _, parts, _ in bars)
        lines.append('<text x="10" y="%d" font-weight="bold">%s</text>' % (top - 8, title))
        for i, (label, parts, ours) in enumerate(bars):
            y, x = top + i * row, float(left)
            lines.append('<text x="%d" y="%d" text-anchor="end">%s</text>' % (left - 8, y + 12, label))
            for part, colour in zip(parts, ("#1b6e3c", "#7cc096") if ours else ("#46536b", "#aab4c6")):
                lines.append('<rect x="%.1f" y="%d" width="%.1f" height="13" fill="%s"/>'
                             % (x, y, part * scale, colour))
                x += part * scale
            lines.append('<text x="%.1f" y="%d">%.3g</text>' % (x + 6, y + 11, sum(parts)))
        top += len(bars) * row + gap
    with open(path, "w") as file:
        file.write('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" '
                   'font-size="12">\n<rect width="100%%" height="100%%" fill="white"/>\n%s\n</svg>\n'
                   % (width, top - 10, "\n".join(lines)))
