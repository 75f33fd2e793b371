"""What learning and repainting cost at Stable Diffusion's true size, on a GPU.

`__main__` is the command. `plan` says which rows are measured, and in which order. `measure` works
through it, and `measurement_file` writes the `rows`, with what they say of the `goals`. How a row
is measured, the files named like the rows say: `learning` (with `ways` and `graphed_gradient`),
`repainting`, `script` and `profiles`. They share `workload`, `random_painters`, `device_memory` and
`operations`.
"""
