"""Timers on beats, in virtual time."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.agent.drivers.beats import BEATS, Beats
from ecsd.clock import VirtualClock, VirtualLoop


class CountedClock(VirtualClock):
    """Counts the timers that it is asked for."""

    timers = 0

    def call_later(self, seconds, callback):
        self.timers += 1
        return super().call_later(seconds, callback)


moments = st.lists(st.floats(0, 20), min_size=1, max_size=20)


@given(moments, st.lists(st.floats(0, 5), max_size=5))
def test_callbacks_come_on_the_beat_before_a_moment_or_after_a_while(moments, delays):
    async def play():
        clock, rung = VirtualClock(), []
        beats = Beats(clock)
        await clock.sleep(3.3)
        for moment in moments:
            beats.at(moment, lambda moment=moment: rung.append((moment, clock.monotonic())))
        late = []
        for delay in delays:
            beats.after(delay, lambda delay=delay: late.append((delay, clock.monotonic())))
        await clock.sleep(30)
        assert len(rung) == len(moments)
        for moment, when in rung:
            assert when == pytest.approx(max(3.3, moment // (1 / BEATS) / BEATS), abs=1e-4)
        assert len(late) == len(delays)
        for delay, when in late:
            assert -1e-4 <= when - 3.3 - delay <= 1 / BEATS + 1e-4

    run(play())


def test_all_of_a_beat_are_one_wake_up():
    async def play():
        clock = CountedClock()
        beats, rung = Beats(clock), []
        for number in range(1000):
            beats.at(10 + number % 2 / BEATS, lambda: rung.append(clock.monotonic()))
        await clock.sleep(11)
        assert set(rung) == {10, 10 + 1 / BEATS}
        assert len(rung) == 1000
        assert clock.timers == 2

    run(play())


def test_what_is_entered_from_a_callback_for_now_does_not_wait():
    async def play():
        clock = VirtualClock()
        beats, rung = Beats(clock), []

        def again():
            rung.append(clock.monotonic())
            if len(rung) < 3:
                beats.at(0, again)

        beats.at(1, again)
        await clock.sleep(2)
        assert rung == [1, 1, 1]

    run(play())


def test_nobody_is_called_after_the_end():
    async def play():
        clock = VirtualClock()
        beats, rung = Beats(clock), []
        beats.after(1, lambda: rung.append(1))
        beats.stop()
        await clock.sleep(2)
        assert not rung

    run(play())


def run(story):
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(story)
