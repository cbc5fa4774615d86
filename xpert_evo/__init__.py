"""xpert-evo evolves neural networks together with the in-memory-computing chips that run them."""
