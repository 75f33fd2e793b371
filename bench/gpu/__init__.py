"""What learning and repainting cost at Stable Diffusion's true size, on a GPU.

`__main__` is the command. `plan` says which rows are measured, and in which order; `measure` works
through it, and `measurement_file` and `goals` are what it writes. How a row is measured, the files
named like the rows say: `learning` with `ways`, `repainting`, `script` and `profiles`; they share
`workload`, `device_memory`, `operations` and `random_painters`.
"""
