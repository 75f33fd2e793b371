"""What Paintbox is trained on: pictures, captions, artists. Reading order: growing_array,
style_numbers, pool, tokenizer, hard_negatives."""
