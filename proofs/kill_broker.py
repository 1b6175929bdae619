"""What happens to the broker while the service works through jobs."""

import time
from collections.abc import Callable, Mapping
from random import Random

from proofs.world.broker import TriedBroker

# How often each takes place in one storm.
BROKER_EVENTS = {
    "broker_kill": 5,
    "broker_freeze": 1,
    "broker_cut": 2,
    "broker_flush": 2,
    "broker_alarm": 1,
    "broker_stale": 1,
}
# A broker that answers again before this is no more than a slow one.
FREEZE_SECONDS = 8.0
# The longest that a killed broker stays away.
AWAY_SECONDS = 4.0
STALE = 1000


def events(broker: TriedBroker) -> Mapping[str, Callable[[Random], None]]:
    """Each event of BROKER_EVENTS, to be called with what draws its random parts; returns when it is over."""

    def kill(rng: Random) -> None:
        broker.server.kill()
        time.sleep(rng.uniform(0, AWAY_SECONDS))
        broker.server.start()

    def freeze(rng: Random) -> None:
        broker.server.freeze()
        time.sleep(FREEZE_SECONDS)
        broker.server.resume()

    return {
        "broker_kill": kill,
        "broker_freeze": freeze,
        "broker_cut": lambda rng: broker.cut(),
        "broker_flush": lambda rng: broker.flush(),
        "broker_alarm": lambda rng: broker.alarm(),
        "broker_stale": lambda rng: broker.send(STALE),
    }
