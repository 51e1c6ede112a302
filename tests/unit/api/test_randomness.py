"""Bytes for ids: each given out once, however they are asked for."""

import os
from concurrent.futures import ThreadPoolExecutor

from api.prediction_ids import new_ids
from api.randomness import RandomPool


def test_bytes_are_as_many_as_asked_for_and_never_the_same_twice() -> None:
    pool = RandomPool()
    with ThreadPoolExecutor(4) as threads:
        taken = list(threads.map(pool.take, [16] * 2000))
    assert {len(one) for one in taken} == {16}
    assert len(set(taken)) == len(taken)
    assert len(pool.take(10_000)) == 10_000


def test_a_forked_child_has_bytes_of_its_own() -> None:
    pool = RandomPool()
    pool.take(1)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, pool.take(16))
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 16) != pool.take(16)


def test_ids_are_uuids_of_version_seven_that_begin_with_their_time() -> None:
    ids = new_ids(500, 0x0123456789AB)
    assert all(one.startswith("01234567-89ab-7") and one[19] in "89ab" and len(one) == 36 for one in ids)
    assert {one[19] for one in ids} == set("89ab")
    assert len(set(ids)) == 500
