"""Slots for bodies: small ones never wait for large ones, and none is lost."""

import asyncio

from seg.engine.serve.bodies.reader_slots import ReaderSlots


def test_what_is_small_never_waits_for_what_is_large() -> None:
    async def run() -> None:
        slots = ReaderSlots(2)
        assert await slots.take(is_small=False) == 0
        large = asyncio.create_task(slots.take(is_small=False))
        await asyncio.sleep(0)
        assert await slots.take(is_small=True) == 1
        small = asyncio.create_task(slots.take(is_small=True))
        await asyncio.sleep(0)
        slots.give_back(1)
        assert await small == 1
        slots.give_back(0)
        assert await large == 0

    asyncio.run(run())


def test_no_slot_is_lost_to_one_who_stops_waiting() -> None:
    async def run() -> None:
        slots = ReaderSlots(1)
        slot = await slots.take(is_small=True)
        early, late = (asyncio.create_task(slots.take(is_small=True)) for _ in "ab")
        await asyncio.sleep(0)
        slots.give_back(slot)
        late.cancel()
        early.cancel()
        await asyncio.gather(early, late, return_exceptions=True)
        assert await asyncio.wait_for(slots.take(is_small=True), 1) == slot

    asyncio.run(run())
