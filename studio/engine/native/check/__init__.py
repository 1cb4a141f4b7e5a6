"""Checking a checkpoint against recorded results and against transformers."""
