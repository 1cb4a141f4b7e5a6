"""The GPU kernels, in Triton (which comes with torch): nothing here has to be compiled by whoever installs the studio.

Each has a plain torch twin elsewhere that the CPU runs and the tests compare with. `TRITON_INTERPRET=1` runs these very
kernels on a CPU.
"""
