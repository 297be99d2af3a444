"""Is anybody singing? The classifier's vocal probability with hysteresis, so that a breath does not end a line.

Speech detectors call singing silence; the instrument classifier knows a voice over a band.
"""

OPEN_AT = 0.85  # clean guitars have seemed a voice at 0.82
CLOSE_AT = 0.5
HOLD_S = 2.0


class VocalGate:
    """Opens when a voice is likely; closes after HOLD_S seconds in which it was unlikely. Unknown counts as a voice."""

    def __init__(self) -> None:
        self.is_open = False
        self._quiet_s = 0.0

    def hear(self, vocal: float | None, seconds: float) -> bool:
        """Take the vocal probability (None = unknown) of the next `seconds` of audio; returns whether it is open."""
        if vocal is None or vocal >= OPEN_AT:
            self.is_open, self._quiet_s = True, 0.0
        elif vocal < CLOSE_AT:
            self._quiet_s += seconds
            if self._quiet_s >= HOLD_S:
                self.is_open = False
        else:
            self._quiet_s = 0.0
        return self.is_open
