"""Thread pools for generators, which may be forgotten before they end."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor


@contextlib.contextmanager
def pool_of_generator(threads: int, prefix: str) -> Iterator[ThreadPoolExecutor]:
    """A thread pool around the `yield` of a generator.

    A generator that is closed does not wait for its threads. Garbage collection closes a forgotten one in any
    thread and at any moment, also while Python starts a thread, where waiting for another one never ends.

    Example:
        >>> def squares(numbers):
        ...     with pool_of_generator(2, "squares") as pool:
        ...         yield from pool.map(lambda number: number**2, numbers)
        >>> list(squares([1, 2, 3]))
        [1, 4, 9]
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix=prefix)
    try:
        yield pool
    except GeneratorExit:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    except BaseException:
        pool.shutdown(cancel_futures=True)
        raise
    else:
        pool.shutdown()
