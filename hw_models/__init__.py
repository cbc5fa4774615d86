"""Area, latency and energy of in-memory-computing hardware, in NumPy."""
