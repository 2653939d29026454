"""Trainings that run now, and how long one would take: for people, no stage needs it."""
