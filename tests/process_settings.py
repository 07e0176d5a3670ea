"""What libraries read when they are loaded, for the processes of the tests: to be imported before numpy and torch.

So products of BLAS with several threads are not seen by the suite, nor who forgets to hold them to one. The
benchmarks and whoever calls pytest without -n run with them.
"""

import os

from tellapart.extras import WAITING

BLAS_THREADS = "OPENBLAS_NUM_THREADS"
# Workers of xdist are as many as cores. A second thread of BLAS in each spins for a core that another worker has: three
# quarters of the time of a head in closed form.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault(BLAS_THREADS, "1")
# As `load_torch` has it: files of tests import torch before that can say so.
os.environ.setdefault(WAITING, "PASSIVE")
# Else each process that a test starts compiles our modules anew, in half a second.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
