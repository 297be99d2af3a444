"""How well AIMV hears: its classifier, beats and onsets against recordings and against data sets of the field."""
