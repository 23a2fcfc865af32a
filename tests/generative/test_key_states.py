"""A keystore under random acts, against a model of a few lines: what is active, what recomputes, what is gone for ever."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings, stateful
from hypothesis import strategies as st

from cld.clock import SystemEntropy
from cld.errors import InvalidTransition, KeyDestroyed, KeyUnavailable
from keys.derivation import PseudonymDomain, Secret
from keys.states import TRANSITIONS, KeyState
from keys.store import KeyStore

DAY = date(2022, 3, 1)
RECOMPUTE = {KeyState.ACTIVE, KeyState.DEACTIVATED, KeyState.COMPROMISED}


class Keys(stateful.RuleBasedStateMachine):
    """One agreement's key with all its versions."""

    def __init__(self) -> None:
        super().__init__()
        self.scratch = tempfile.TemporaryDirectory()
        self.period = 0
        self.states = {1: KeyState.ACTIVE}
        self.open_store()
        self.store.new_agreement("a")
        self.made: dict[int, bytes] = {}

    def open_store(self) -> None:
        folder = Path(self.scratch.name)
        self.store = KeyStore(folder, Secret(b"r" * 32), SystemEntropy(), f"p{self.period}")

    def key(self, number: int) -> bytes:
        return self.store.pseudonym_key("a", PseudonymDomain("R", "A", "cld", "person", number)).reveal()

    @stateful.rule(own=st.booleans())
    def rotate(self, own: bool) -> None:
        self.deactivate()
        number = self.store.rotate("a", DAY, "c", of_its_own_period=own)
        assert number == max(self.states) + 1
        self.states[number] = KeyState.ACTIVE

    @stateful.rule()
    def prepare(self) -> None:
        self.states[self.store.prepare_version("a")] = KeyState.PRE_ACTIVE

    @stateful.rule(data=st.data(), state=st.sampled_from(list(KeyState)))
    def change(self, data: st.DataObject, state: KeyState) -> None:
        number = data.draw(st.sampled_from(sorted(self.states)))
        if state in TRANSITIONS[self.states[number]]:
            self.store.change_state("a", number, state, DAY, "c")
            if state is KeyState.ACTIVE:
                self.deactivate()
            self.states[number] = state
        elif state is not KeyState.DESTROYED:
            with pytest.raises(InvalidTransition):
                self.store.change_state("a", number, state, DAY, "c")

    @stateful.rule(data=st.data())
    def destroy(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.states)))
        self.store.destroy("a", DAY, version=number)
        self.states[number] = KeyState.DESTROYED

    @stateful.rule()
    def begin_period(self) -> None:
        self.period += 1
        self.store.begin_period(f"p{self.period}")
        self.store.retire_earlier_periods()

    @stateful.rule()
    def open_again(self) -> None:
        self.open_store()

    @stateful.invariant()
    def keys_are_as_their_states_say(self) -> None:
        for number, state in self.states.items():
            if state in RECOMPUTE:
                assert self.made.setdefault(number, self.key(number)) == self.key(number)
            else:
                with pytest.raises(KeyDestroyed if state is KeyState.DESTROYED else KeyUnavailable):
                    self.key(number)
        assert len(set(self.made.values())) == len(self.made)
        with pytest.raises(KeyUnavailable):
            self.key(max(self.states) + 1)

    @stateful.invariant()
    def one_version_at_most_is_active(self) -> None:
        active = [number for number, state in self.states.items() if state is KeyState.ACTIVE]
        assert len(active) <= 1
        if active:
            assert self.store.active_version("a") == active[0]
        else:
            with pytest.raises((KeyDestroyed, KeyUnavailable)):
                self.store.active_version("a")
        assert self.store.is_destroyed("a") == (set(self.states.values()) == {KeyState.DESTROYED})

    def deactivate(self) -> None:
        self.states = {
            number: KeyState.DEACTIVATED if state is KeyState.ACTIVE else state for number, state in self.states.items()
        }

    def teardown(self) -> None:
        self.scratch.cleanup()


def test_random_lives_of_a_key_are_as_the_model_says(is_long: bool) -> None:
    stateful.run_state_machine_as_test(
        Keys,
        settings=settings(
            max_examples=200 if is_long else 15,
            stateful_step_count=15,
            deadline=None,
            derandomize=not is_long,
            suppress_health_check=list(HealthCheck),
        ),
    )
