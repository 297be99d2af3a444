"""Render messages survive a round trip; any other bytes raise ProtocolError."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ModelError, OutputError, ProtocolError, RenderError, UsageError
from engine.render import protocol
from engine.render.protocol import (
    MAX_MESSAGE_BYTES,
    Ack,
    Assign,
    Cancel,
    CancelAck,
    Chunk,
    Done,
    Failed,
    Finishing,
    Heartbeat,
    Hello,
    Job,
    Progress,
    Ready,
    ServiceRequest,
    Stop,
    decode,
    encode,
    error_kind,
)

names = st.text(max_size=40)
shares = st.floats(0, 1)
jobs = st.builds(
    Job,
    generator=names,
    model=names,
    prompt=st.text(max_size=400),
    keywords=st.tuples(names, names),
    palette=st.tuples(names),
    seed=st.integers(0, 2**63),
    width=st.integers(1, 10_000),
    height=st.integers(1, 10_000),
    fps=st.floats(1, 240),
    seconds=st.floats(0.01, 1000),
)
messages = st.one_of(
    st.builds(
        Hello,
        version=st.integers(0, 2**31),
        pid=st.integers(0, 2**31),
        generator=names,
        model=names,
        busy=st.booleans(),
    ),
    st.just(Ready()),
    st.builds(Assign, job=jobs),
    st.builds(Ack, job_id=names),
    st.builds(Progress, job_id=names, share=shares),
    st.builds(Chunk, job_id=names, offset=st.integers(0, 2**40), data=st.binary(max_size=200)),
    st.builds(Done, job_id=names, elapsed=st.floats(0, 1e6), sent=st.integers(0, 2**40)),
    st.builds(Failed, job_id=names, kind=st.sampled_from(["render", "model", "output", "usage"]), reason=names),
    st.builds(CancelAck, job_id=names),
    st.builds(Cancel, job_id=names),
    st.builds(Heartbeat, job_ids=st.lists(names, max_size=3).map(tuple)),
    st.builds(Finishing, job_id=names),
    st.builds(ServiceRequest, version=st.integers(0, 2**31), generator=names, model=names),
    st.just(Stop()),
)


@given(messages)
def test_a_round_trip_keeps_every_message(message):
    assert decode(encode(message)) == message


@given(st.binary(max_size=2000))
def test_garbage_is_a_protocol_error_or_a_message(data):
    try:
        message = decode(data)
    except ProtocolError:
        return
    assert isinstance(message, protocol.Message)


@given(messages, st.data())
def test_a_damaged_message_is_a_protocol_error_or_another_message(message, data):
    damaged = bytearray(encode(message))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(damaged)))
    for bytes_ in (bytes(damaged), bytes(damaged[:cut])):
        try:
            decode(bytes_)
        except ProtocolError:
            continue


def test_deep_nesting_is_a_protocol_error():
    with pytest.raises(ProtocolError):
        decode(b"\x91" * 60_000)


def test_a_struct_of_another_protocol_is_a_protocol_error():
    with pytest.raises(ProtocolError, match="not a render message"):
        decode(msgspec.msgpack.encode({"type": "pickle", "payload": b"\x80\x04."}))


def test_an_unknown_field_is_ignored_and_a_missing_one_is_not():
    assert decode(msgspec.msgpack.encode({"type": "ack", "job_id": "a", "since": 7})) == Ack("a")
    with pytest.raises(ProtocolError, match="job_id"):
        decode(msgspec.msgpack.encode({"type": "ack"}))


def test_too_long_a_message_is_refused_on_both_sides():
    with pytest.raises(ProtocolError, match="longer than"):
        encode(Ack("a" * MAX_MESSAGE_BYTES))
    with pytest.raises(ProtocolError, match="longer than"):
        decode(b"\x00" * (MAX_MESSAGE_BYTES + 1))


@pytest.mark.parametrize("error", [RenderError("a"), ModelError("b"), OutputError("c"), UsageError("d")])
def test_a_failure_arrives_as_the_exception_that_it_was(error):
    arrived = Failed("id", error_kind(error), str(error)).error()
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
