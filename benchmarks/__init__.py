"""What the product takes: time, memory and CPU, beside floors of the same run.

`python -m benchmarks` starts servers of its own on free ports of loopback, loads them from another
process (`load`), prints tables and writes them into `docs/explanation/performance.md`. Nothing here
asserts a time: an aim that is missed is a word in a table.

On the way that a figure takes: `measurements` (what is measured, one module each) start `servers`,
run a `load`, and return `figures`; `page` writes them down, with the `machine` that made them.
"""
