"""Engines: prompt segments and sampling in, events out (see `base`)."""
