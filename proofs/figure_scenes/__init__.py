"""Synthetic data with a known truth, and what the figures make of it: one module for each question."""
