"""Card transactions, and a fraud pattern that changes at a known row.

Invented, and seeded: the same seed gives the same rows. Until the change fraud is what it has been
for years: stolen cards, used abroad, at night, for large amounts. After it thieves test card
numbers: many small payments online within minutes, from devices never seen. Honest customers change
too, a little: more of them buy online. So there is drift to be seen in the features at once, and a
model that knows the old pattern alone misses most of the new one, which only labels can tell.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

COLUMNS = (
    *("transaction", "time", "card", "email", "amount", "merchant", "channel", "country"),
    *("distance_km", "minutes_since_last", "payments_24h", "new_device", "fraud"),
)
TARGET = "fraud"
PRIVATE = ("card", "email")
START = datetime(2026, 3, 2, tzinfo=UTC)
SECONDS_APART = 40
FRAUD_SHARE = 0.12
"""Far more than in life, so that a few thousand rows hold enough of it to learn from."""

_MERCHANTS = ("grocery", "fuel", "travel", "electronics", "digital", "restaurant")
_CHANNELS = ("chip", "contactless", "online")
_COUNTRIES = ("home", "neighbour", "abroad")


@dataclass(frozen=True)
class Habits:
    """How a kind of transaction looks.

    Attributes:
        merchants, channels, countries: probabilities, in the order of this module's names.
        amount: median, in euros, and spread as the standard deviation of its logarithm.
        distance: mean kilometres from the customer's home.
        pause: mean minutes since the card's last payment.
        payments: mean number of other payments within 24 hours.
        new_device: share from devices never seen with this card.
        night: share between midnight and six.
    """

    merchants: tuple[float, ...]
    channels: tuple[float, ...]
    countries: tuple[float, ...]
    amount: tuple[float, float]
    distance: float
    pause: float
    payments: float
    new_device: float
    night: float


HONEST = Habits(
    merchants=(0.34, 0.16, 0.06, 0.08, 0.14, 0.22),
    channels=(0.35, 0.40, 0.25),
    countries=(0.88, 0.08, 0.04),
    amount=(28.0, 0.9),
    distance=9.0,
    pause=600.0,
    payments=2.2,
    new_device=0.05,
    night=0.06,
)
HONEST_LATER = Habits(
    merchants=(0.30, 0.13, 0.06, 0.09, 0.21, 0.21),
    channels=(0.25, 0.35, 0.40),
    countries=(0.88, 0.08, 0.04),
    amount=(25.0, 0.9),
    distance=9.0,
    pause=560.0,
    payments=2.5,
    new_device=0.07,
    night=0.07,
)
STOLEN = Habits(
    merchants=(0.16, 0.13, 0.18, 0.28, 0.09, 0.16),
    channels=(0.42, 0.30, 0.28),
    countries=(0.54, 0.18, 0.28),
    amount=(110.0, 0.9),
    distance=45.0,
    pause=330.0,
    payments=2.8,
    new_device=0.09,
    night=0.30,
)
TESTED = Habits(
    merchants=(0.17, 0.07, 0.04, 0.09, 0.50, 0.13),
    channels=(0.08, 0.14, 0.78),
    countries=(0.86, 0.09, 0.05),
    amount=(9.0, 0.8),
    distance=8.0,
    pause=60.0,
    payments=5.5,
    new_device=0.40,
    night=0.10,
)


@dataclass(frozen=True)
class Transactions:
    """A seeded stream.

    Attributes:
        seed: gives the rows.
        change: the row, from 0, from which the world is another one.
    """

    seed: int
    change: int

    def rows(self, first: int, count: int) -> Iterator[dict[str, Any]]:
        """Makes rows by `COLUMNS`; each depends on the seed and its own number alone.

        Args:
            first: the first row's number, from 0.
            count: how many.

        Yields:
            Text, numbers, and `fraud` as "yes" or "no".
        """
        for number in range(first, first + count):
            yield self._row(number)

    def _row(self, number: int) -> dict[str, Any]:
        draw = np.random.default_rng((self.seed, number))
        changed = number >= self.change
        fraud = bool(draw.random() < FRAUD_SHARE)
        honest = HONEST_LATER if changed else HONEST
        habits = (TESTED if changed else STOLEN) if fraud else honest
        median, spread = habits.amount
        card = int(draw.integers(0, 5000))
        moment = START + timedelta(seconds=SECONDS_APART * number)
        return {
            "transaction": f"t{number:07d}",
            "time": _at_hour(moment, draw, habits.night).strftime("%Y-%m-%d %H:%M:%S"),
            "card": f"4{card:015d}",
            "email": f"customer{card}@mail.example",
            "amount": round(float(median * np.exp(draw.normal(0.0, spread))), 2),
            "merchant": str(draw.choice(_MERCHANTS, p=habits.merchants)),
            "channel": str(draw.choice(_CHANNELS, p=habits.channels)),
            "country": str(draw.choice(_COUNTRIES, p=habits.countries)),
            "distance_km": round(float(draw.exponential(habits.distance)), 1),
            "minutes_since_last": round(float(draw.exponential(habits.pause)), 1),
            "payments_24h": int(draw.poisson(habits.payments)),
            "new_device": "yes" if draw.random() < habits.new_device else "no",
            TARGET: "yes" if fraud else "no",
        }


def write_history(path: Path, stream: Transactions, rows: int) -> None:
    """Writes the stream's first rows as the CSV file that version 1 is trained on."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(stream.rows(0, rows))


def _at_hour(moment: datetime, draw: np.random.Generator, night: float) -> datetime:
    """Moves a transaction within its day, into the night or out of it."""
    dark = draw.random() < night
    hour = int(draw.integers(0, 6) if dark else draw.integers(6, 24))
    return moment.replace(hour=hour, minute=int(draw.integers(0, 60)))
