"""Build hook: a wheel carries the instrument classifier; an editable install reads it from the checkout."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ModelHook(BuildHookInterface):
    """Puts models/onnx into the wheel, where `engine.analysis.instruments.shipped_model` looks for it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling; `version` is "standard" for a wheel and "editable" for an editable install."""
        if version == "standard":
            build_data["force_include"]["models/onnx"] = "engine/data/onnx"
