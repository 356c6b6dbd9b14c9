"""Benchmarks for asv: run ``asv run --python=same --quick`` in this folder."""
