"""The arithmetic that the promise of equal bytes rests on: settings and kernels."""
