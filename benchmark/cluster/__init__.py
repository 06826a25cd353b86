"""Trainings on many machines: who works on what, and how a scheduler is asked for them."""
