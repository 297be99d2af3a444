#!/usr/bin/env python3
"""Evaluate the instrument classifier on recordings or a public data set: a table, then one line of JSON.

    python -m tools.evaluate DIR [--model FILE] [--plot FILE.png]
    python -m tools.evaluate --dataset medley_solos_db|irmas|openmic2018|slakh DIR [--model FILE]

Without --dataset, DIR holds one folder a recording, with ``mix.flac`` and ``windows.json``: a list of
{"start_s": 3, "sources": ["bass", "drums", ...], "drum_hits": ["kick", "hihat", ...], "unsure": []}, one for each whole
second. A source is present when it is within 20 dB of the mix, a drum with an onset in the first 0.9 s. There are two
tables: of raw windows, as of a live input, and of temporally smoothed ones, as of a file.

With --dataset, DIR holds that data set as its archives unpack; it is read through mirdata (the `evaluate` extra), which
downloads nothing. mirdata's index of it lies in DIR or in mirdata's own folder. Figures are those of its literature:
medley_solos_db by accuracy class by class on its test split, irmas by micro and macro F1 on its testing set,
openmic2018 by mean average precision on its test split, slakh by P, R, F1 and AUC of four instruments second by second.
A clip longer than 1 s has the mean of the probabilities of its windows, cut one after the other.
"""

import argparse
import importlib
import json
import sys
from pathlib import Path

from engine.errors import AimvError
from tools.evaluate import recordings
from tools.evaluate.model import MODEL, Model

DATASETS = ("medley_solos_db", "irmas", "openmic2018", "slakh")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--dataset", choices=DATASETS, help="DIR holds this data set, as its archives unpack")
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--plot", type=Path, help="write a reliability diagram (PNG) here")
    options = parser.parse_args()
    if options.dataset and options.plot:
        parser.error("--plot draws recordings, not a data set")
    try:
        model = Model(options.model)
        if options.dataset:
            total = importlib.import_module(f"tools.evaluate.{options.dataset}").evaluate(options.folder, model)
            total = {"dataset": options.dataset, **total}
        else:
            total = recordings.evaluate(options.folder, model, options.plot)
    except AimvError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_status)
    print(json.dumps(total | model.timing()))


if __name__ == "__main__":
    main()
