#!/usr/bin/env python3
"""Checks that every C++ example in a Markdown file stands in a file that the tests compile.

A block is preceded by a line `<!-- from: path -->`; its lines, without their common indentation, must stand one after
another in that file. usage: check_docs.py [files…]; without files, every .md that git tracks.
"""
import pathlib
import re
import subprocess
import sys
import textwrap

BLOCK = re.compile(r'(?:^<!-- from: (?P<file>[^\n]*?) -->\n)?^```cpp\n(?P<code>.*?)^```$', re.M | re.S)


def lines(text):
    return [line.strip() for line in text.splitlines() if line.strip()]


def stands_in(block, source):
    wanted, have = lines(block), lines(source)
    return any(have[i:i + len(wanted)] == wanted for i in range(len(have) - len(wanted) + 1))


def main():
    names = sys.argv[1:] or subprocess.run(['git', 'ls-files', '*.md'], check=True, capture_output=True,
                                           text=True).stdout.split()
    problems = []
    blocks = 0
    for name in names:
        text = pathlib.Path(name).read_text()
        for match in BLOCK.finditer(text):
            blocks += 1
            place = f"{name}:{text.count(chr(10), 0, match.start()) + 1}"
            if not match['file']:
                problems.append(f"{place}: a C++ block without a line <!-- from: file --> before it")
                continue
            source = pathlib.Path(match['file'])
            if not source.is_file():
                problems.append(f"{place}: there is no file {source}")
            elif not stands_in(textwrap.dedent(match['code']), source.read_text()):
                problems.append(f"{place}: the block does not stand in {source}")
    for problem in problems:
        print(problem)
    if not problems:
        print(f"{blocks} examples in {len(names)} documents stand in compiled files")
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
