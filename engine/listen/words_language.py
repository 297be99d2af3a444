"""Which language is sung: Whisper's guesses at many moments, summed, because one moment of a song misleads."""

from collections.abc import Mapping

_FIRST_LOOKS = 8
_THEN_EVERY = 10
_MEMORY = 0.95


class LanguageVote:
    """The language given, or the one that was likeliest over the looks so far; older looks count less and less."""

    def __init__(self, language: str | None = None) -> None:
        self.language = language
        self._given = language is not None
        self._looks = 0
        self._heard: dict[str, float] = {}

    def is_due(self) -> bool:
        """Whether the next look should be asked: each of the first ones, then one in ten."""
        if self._given:
            return False
        self._looks += 1
        return self._looks <= _FIRST_LOOKS or self._looks % _THEN_EVERY == 0

    def hear(self, probabilities: Mapping[str, float]) -> None:
        """Take the probability of each language (ISO 639-1 code) at one look."""
        self._heard = {code: share * _MEMORY for code, share in self._heard.items()}
        for code, share in probabilities.items():
            self._heard[code] = self._heard.get(code, 0.0) + share
        self.language = max(self._heard, key=lambda code: self._heard[code])
