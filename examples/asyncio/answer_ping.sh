#!/bin/sh
# Stands for ping where the tests run: hosts .1 to .9 are up. usage: answer_ping.sh -c 1 -W 2 <host>
for host; do :; done
case "${host##*.}" in [1-9]) exit 0 ;; esac
exit 1
