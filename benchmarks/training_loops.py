"""The training loops that training_speed.py compares; each is run by ``python training_loops.py LOOP …``.

A loop's process loads MNIST first, whatever it trains on (see mnist.py), prints "ready", and then answers
each line on standard input with its samples per second over the seconds that it was given.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import our_loop
from rival_loops import LOOPS
from training_data import BATCH, CLOCK, Data
from turns import READY


def main() -> None:
    """Load the data, get ready, and answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=sorted(BATCH), required=True)
    parser.add_argument("--mnist", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--processor-time", action="store_true")
    parser.add_argument("loop", nargs="+")
    args = parser.parse_args()
    if args.processor_time:
        CLOCK[0] = time.process_time
    loop, *words = args.loop
    data = Data(args.model, args.mnist)
    if loop == "reprise":
        our_loop.SECONDS[0] = args.seconds
        our_loop.reprise(data, *words)
        return
    turn = LOOPS[loop](data, *words)
    print(READY, flush=True)
    for _ in sys.stdin:
        print(turn(args.seconds), flush=True)


if __name__ == "__main__":
    main()
