"""Events of short steps are gathered, except the first, the last and those before an error."""

from __future__ import annotations

import pytest

from app.engine.errors import EngineError, GenerationFailed
from app.engine.events import FinishReason, OutputDelta
from app.engine.metrics import EngineMetrics
from app.engine.output_buffer import GATHER_S, SHORT_STEP_S, OutputBuffer
from app.engine.request_handle import RequestHandle
from app.engine.sequence import Sequence

Buffered = tuple[OutputBuffer, RequestHandle, Sequence]


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class StubSequence:
    """The part of a sequence that OutputBuffer reads."""

    def __init__(self, handle: RequestHandle) -> None:
        self.handle = handle


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def buffered(clock: Clock) -> Buffered:
    """A request whose first event has just been sent, in the middle of short steps."""
    output, handle = OutputBuffer(EngineMetrics(), clock), RequestHandle(3, 1, lambda: None)
    sequence: Sequence = StubSequence(handle)  # type: ignore[assignment]
    output.open(handle, [sequence])
    output.add_event(sequence, OutputDelta(0, "a", (1,)))
    output.flush()
    assert handle.next_events(0) == [OutputDelta(0, "a", (1,))]
    return output, handle, sequence


def test_texts_of_short_steps_join(buffered: Buffered, clock: Clock) -> None:
    output, handle, sequence = buffered
    step_s = GATHER_S / 3.5
    assert step_s < SHORT_STEP_S
    for token, text in enumerate("bcd", 2):
        clock.now_s += step_s
        output.add_event(sequence, OutputDelta(0, text, (token,)))
        output.flush()
        assert handle.next_events(0) == []
    clock.now_s += step_s
    output.flush()
    assert handle.next_events(0) == [OutputDelta(0, "bcd", (2, 3, 4))]


def test_texts_of_long_steps_do_not_wait(buffered: Buffered, clock: Clock) -> None:
    output, handle, sequence = buffered
    for token, text in enumerate("bcd", 2):
        clock.now_s += SHORT_STEP_S
        output.add_event(sequence, OutputDelta(0, text, (token,)))
        output.flush()
        assert handle.next_events(0) == [OutputDelta(0, text, (token,))]


def test_the_end_does_not_wait(buffered: Buffered) -> None:
    output, handle, sequence = buffered
    output.add_event(sequence, OutputDelta(0, "b", (2,)))
    output.finish(sequence, [OutputDelta(0, "", (), (), FinishReason.STOP)])
    output.flush()
    assert handle.next_events(0) == [
        OutputDelta(0, "b", (2,)),
        OutputDelta(0, "", (), (), FinishReason.STOP),
    ]
    assert handle.done


def test_other_choices_are_not_mixed(buffered: Buffered) -> None:
    output, handle, sequence = buffered
    for index in (0, 1, 1):
        output.add_event(sequence, OutputDelta(index, "x", (5,)))
    output.finish_choice(sequence)
    output.flush()
    assert handle.next_events(0) == [OutputDelta(0, "x", (5,)), OutputDelta(1, "xx", (5, 5))]


def test_an_error_comes_after_the_buffered_events(buffered: Buffered) -> None:
    output, handle, sequence = buffered
    output.add_event(sequence, OutputDelta(0, "b", (2,)))
    output.fail(handle, GenerationFailed("bad"))
    assert handle.next_events(0) == [OutputDelta(0, "b", (2,))]
    with pytest.raises(EngineError):
        handle.next_events(0)
