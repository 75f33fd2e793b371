"""What Paintbox is trained on: pictures, captions, artists. Reading order: growing_array, resident,
style_numbers, pool, painting, tokenizer, hard_negatives."""
