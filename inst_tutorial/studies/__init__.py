"""Studies: what the method and the painter can do, measured against the truth.

Reading order: report, judge, evaluation, showcase, experiments, demo. Book: chapter "The
experiments".
"""
