"""The table of states, by the rules that each entry of it has to keep."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_gateway.lifecycle import TABLE, Closing, Effect, Input, State

AFTER_HANDSHAKE = [each for each in Input if each not in {Input.ACCEPTED, Input.REFUSED}]


@pytest.mark.parametrize("state", [State.OPEN, State.CLOSING, State.CLOSED])
def test_everything_that_can_happen_has_an_entry(state: State) -> None:
    assert set(TABLE[state]) >= set(AFTER_HANDSHAKE)


def test_connecting_is_accepted_or_refused() -> None:
    states = {happened: entry.state for happened, entry in TABLE[State.CONNECTING].items()}

    assert states == {Input.ACCEPTED: State.OPEN, Input.REFUSED: State.CLOSED}


@pytest.mark.parametrize("happened", AFTER_HANDSHAKE)
def test_disconnect_is_the_way_out_of_open_and_of_nothing_else(happened: Input) -> None:
    entry = TABLE[State.OPEN][happened]

    assert (Effect.DISCONNECT in entry.effects) is (entry.state is not State.OPEN)
    for state in (State.CLOSING, State.CLOSED):
        assert TABLE[state][happened].effects == ()


@pytest.mark.parametrize("happened", AFTER_HANDSHAKE)
def test_close_frame_is_sent_on_the_way_to_closing_with_its_code(happened: Input) -> None:
    entry = TABLE[State.OPEN][happened]

    assert (Effect.CLOSE in entry.effects) is (entry.state is State.CLOSING)
    assert entry.closing is not None or Effect.CLOSE not in entry.effects


@pytest.mark.parametrize(
    ("happened", "closing"),
    [
        (Input.BINARY, Closing(1003, "")),
        (Input.DELETE, Closing(1000, "Connection Closed Normally")),
        (Input.IDLE, Closing(1001, "Going away")),
        (Input.EXPIRED, Closing(1001, "Going away")),
        (Input.SHUTDOWN, Closing(1001, "Going away")),
        (Input.LOST, Closing(1006, "")),
        (Input.CLIENT_CLOSE, None),
        (Input.FAILURE, None),
    ],
)
def test_codes_and_reasons_of_the_service(happened: Input, closing: Closing | None) -> None:
    assert TABLE[State.OPEN][happened].closing == closing


@given(st.lists(st.sampled_from(AFTER_HANDSHAKE)))
def test_any_life_has_at_most_one_disconnect_and_ends_with_it(inputs: list[Input]) -> None:
    state = TABLE[State.CONNECTING][Input.ACCEPTED].state
    effects: list[Effect] = []
    for happened in inputs:
        entry = TABLE[state][happened]
        state = entry.state
        effects += entry.effects

    assert effects.count(Effect.DISCONNECT) == (0 if state is State.OPEN else 1)
    assert effects[-1:] == [Effect.DISCONNECT] or state is State.OPEN
