"""How long the worker client waits for what. One frozen object, so that tests need not wait as long as people do."""

from __future__ import annotations

from dataclasses import dataclass

IMMEDIATE_RESTARTS = 2  # deaths in a row while loading after which the next start comes at once


@dataclass(frozen=True)
class Timing:
    """All in seconds. What the first five mean is said in `studio.worker.watchdog`."""

    beat: float = 1.0
    silence: float = 20.0
    deaf: float = 60.0
    longest_step: float = 600.0
    longest_load: float = 3600.0
    first_pause: float = 1.0  # before the start that follows the third death in a row while loading
    longest_pause: float = 60.0
    broken_pause: float = 60.0  # before models that cannot be loaded are looked at again
    kill: float = 5.0  # for a killed process to be gone; one that the kernel cannot end is left behind

    def pause(self, failures: int, broken: bool) -> float:
        """Seconds to wait before the next start, after so many deaths in a row while loading.

        `broken`: the models themselves cannot be loaded. Trying faster would not help, but somebody may mend the file
        or free the memory, so that giving up for ever would be wrong as well.
        """
        if broken:
            return self.broken_pause
        if failures <= IMMEDIATE_RESTARTS:
            return 0.0
        return min(self.longest_pause, self.first_pause * 2.0 ** min(failures - IMMEDIATE_RESTARTS - 1, 30))


PATIENT = Timing()  # what people get
