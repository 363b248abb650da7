"""The same work for the local gateway and for its peers, in one run on one machine.

`make peers` fetches the peers of npm and PyPI into `.cache/peers`, outside of our environment;
those of Debian are installed with `apt-get`. `make bench-peers` measures who is there, says in a
word why another isn't, and writes `docs/explanation/peers.md`. Everything listens on loopback, and
nothing asserts a time: an aim that is missed is a word in a table.

A figure's way: a contest (`contests`) starts its entrants (`hosts`, `brokers`), loads them in turn
(`benchmarks.load`), and returns a `Ranking`, which stands in a section of the page.
"""
