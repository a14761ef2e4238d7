"""Engines: the same inner loop of gradient steps, computed in different ways that agree to 1e-10."""
