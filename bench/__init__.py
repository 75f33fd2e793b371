"""What the package costs, measured beside what people would use instead.

    python -m bench.cpu           # Paintbox on this machine (make bench)
    python -m bench.gpu           # Stable Diffusion's size on a GPU (make bench-gpu)
    python -m bench.book_on_gpu   # do chapters print the same on a GPU? (make check-gpu)
    python -m bench.painting      # does the world paint the same, and how fast?
    python -m bench.sweep         # the default settings of the method (make measure)

The first two are folders. In each, `plan` says which rows are measured, and in which order; the
files named like the rows say how. They write a JSON file into `inst_tutorial/data`, and pages of
the book are drawn from it. What they share: `timing`, `stopwatch`, `steps` (learning, one step at a
time), `diffusers_script` and `diffusers_img2img` (what people would use instead), `machine`,
`options`, `memory_order` and `json_files`.

Run them from the root of the repository. Nothing here is part of the installed package, and
nothing is a test: no time is ever asserted.
"""
