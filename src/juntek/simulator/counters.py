"""What a simulated meter counts; rule: the true current and voltage of every sample, never what is shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """Ah, Wh and seconds since they were cleared, and the Ah that are left."""

    remaining: float
    discharged_capacity: float = 0.0
    charged_capacity: float = 0.0
    discharged_energy: float = 0.0
    charged_energy: float = 0.0
    run_time: float = 0.0

    def count(self, seconds: float, voltage: float, current: float, nominal_capacity: float) -> None:
        """Add `seconds` of a current; what is left stays between 0 and `nominal_capacity` (SH, CM)."""
        capacity = current * seconds / 3600
        self.remaining = min(max(self.remaining + capacity, 0.0), nominal_capacity)
        if current > 0:
            self.charged_capacity += capacity
            self.charged_energy += capacity * voltage
        else:
            self.discharged_capacity -= capacity
            self.discharged_energy -= capacity * voltage

    @property
    def counted_capacity(self) -> float:
        """Ah of both directions: what KL-man says of the KL-F, in doubt (protocol: KL-F's counters)."""
        return self.charged_capacity + self.discharged_capacity

    @property
    def counted_energy(self) -> float:
        """Wh of both directions: what KL-man says of the KL-F, in doubt (protocol: KL-F's counters)."""
        return self.charged_energy + self.discharged_energy

    def clear(self) -> None:
        """Begin again at 0, as W62 does; what is left stays."""
        self.discharged_capacity = self.charged_capacity = 0.0
        self.discharged_energy = self.charged_energy = 0.0
        self.run_time = 0.0
