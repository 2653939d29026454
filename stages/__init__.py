"""What DVC runs: one short file a stage, each of them load, compute, save."""

from reprise.foundation.errors import tell_early_interrupts

tell_early_interrupts()  # the modules of a stage take a while to load
