"""What things cost on this machine with Paintbox, beside what people would use instead.

`__main__` is the command, which writes the results after every group. `plan` says which groups are
measured, and in which order. How a group is measured, the other files say: `repainting`,
`variants`, `operations`, `scaling`, `starting`, `playing`, `memory`, `world`, and `learning` (with
`course` and `loss_curves`). They share `workload`.
"""
