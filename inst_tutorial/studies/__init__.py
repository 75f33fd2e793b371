"""Studies: what the method and the painter can do, measured against the truth.

Reading order: statistics, report; rivals without a network: colour_transfer, perfect_reader; trial,
demo; the evaluation: judge, settings, paintings, painter_quality, transfers, transfer_quality,
evaluation, showcase, model_card; the experiments: methods, plan, results, case, experiments; what
came later: after_inst; for the book: held_out_pairs, distance_check, learn_shipped_words. Book:
chapter "The experiments".
"""
