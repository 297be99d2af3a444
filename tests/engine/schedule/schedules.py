"""Schedules to test with: shots of given lengths, a state that knows them, clips that exist."""

from engine.generators.base import Level
from engine.schedule.state import PlannedShot, RenderTask, RenderTime, ScheduleState

ONE_LEVEL = (Level("only", 1.0),)


def shots_of(*lengths: float, sections: str = "A", start: float = 0.0) -> list[PlannedShot]:
    """Shots one after the other; the last letter of `sections` stands for those that follow."""
    made = []
    for index, length in enumerate(lengths):
        section = sections[min(index, len(sections) - 1)]
        made.append(PlannedShot(start, start + length, section, f"{section}{index}"))
        start += length
    return made


def state_of(*shots: PlannedShot, levels: tuple[Level, ...] = ONE_LEVEL, factor: float = 0.5) -> ScheduleState:
    """A state with these shots, whose measured real-time factor is `factor`."""
    state = ScheduleState(levels)
    for shot in shots:
        state.add_shot(shot)
    state.speed.measure(1.0, RenderTime(factor))
    return state


def add_clip(state: ScheduleState, shot: int, seconds: float = 4.0) -> None:
    """The shot's clip exists from now on; the speed stays."""
    state.finish(RenderTask(shot, 0, seconds), None)
