"""Data, nets, scores and experiments of benchmarks/davinz_experiments.py."""
