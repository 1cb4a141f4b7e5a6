"""What an agent may call. `registry` has the contract and finds the tools in `builtin/`; `sandbox/` runs code."""
