"""What the package costs, measured beside what people would use instead.

    python -m bench.cpu           # Paintbox on this machine (make bench)
    python -m bench.gpu           # Stable Diffusion's size on a GPU (make bench-gpu)
    python -m bench.book_on_gpu   # do chapters print the same on a GPU? (make check-gpu)

The first two write a JSON file into `inst_tutorial/data`, and pages of the book are drawn from it.
Run them from the root of the repository. Nothing here is part of the installed package, and
nothing is a test: no time is ever asserted.
"""
