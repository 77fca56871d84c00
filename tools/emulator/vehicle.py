"""The vehicle: one state for all its devices, so that GPS and OBD agree.

`Vehicle(scenario).at(t)` gives everything a sensor could measure at second t. Motion comes
from route.py (or from a replayed capture); engine and temperatures are stepped through once,
at construction, from speed, acceleration and slope, by simple physics: road load, a five-speed
gearbox, an engine with constant efficiency plus friction, first-order temperatures.
"""

import math
import random
from array import array
from typing import NamedTuple

from tools.emulator.route import Motion

_DT = 0.1  # seconds between computed engine states
_AIR = 0.42  # kg/m: half air density times drag area
_ROLLING = 0.012
_GRAVITY = 9.81
_WHEEL = 1.94  # metres a turn
_GEARS = (13.6, 7.6, 5.1, 3.8, 3.0)  # engine turns per wheel turn
_IDLE = 780.0  # rpm, warm
_TORQUE = 205.0  # Nm, the most
_FRICTION = 20.0  # Nm
_ACCESSORIES = 1300.0  # W: alternator, air conditioning, light bar, radio
_EFFICIENCY = 0.38
_PETROL_J_PER_G = 43500.0
_PETROL_G_PER_L = 745.0
_AIR_PER_FUEL = 14.7
_THERMOSTAT = 91.0  # degrees Celsius


class State(NamedTuple):
    """What is true of the car at one moment."""

    lat: float  # degrees
    lon: float
    alt: float  # metres above mean sea level
    speed: float  # m/s
    heading: float  # degrees
    accel: float  # m/s^2
    ignition: bool
    rpm: float
    load: float  # per cent of the torque possible
    throttle: float  # per cent
    pedal: float  # per cent
    manifold: float  # kPa
    airflow: float  # g/s
    advance: float  # degrees before top dead centre
    coolant: float  # degrees Celsius
    oil: float
    intake: float
    catalyst: float
    ambient: float
    fuel: float  # per cent of the tank
    fuel_rate: float  # l/h
    voltage: float  # V
    run_time: float  # seconds since the engine was started
    odometer: float  # km
    wheel_speed: float  # km/h as the ECU measures it


# The fields of State that _run steps through.
_ENGINE = (
    "rpm", "load", "throttle", "pedal", "manifold", "airflow", "advance", "coolant", "oil",
    "intake", "catalyst", "fuel", "fuel_rate",
)  # fmt: skip


class Vehicle:
    """The car of a scenario; `motion` replaces the scenario's route (see replay.py)."""

    def __init__(self, scenario, motion=None):
        self.car = scenario.car
        self.motion = motion or Motion(scenario.route, scenario.duration, scenario.seed)
        self._faults = scenario.faults
        rng = random.Random(f"{scenario.seed}/car")
        # A wheel's wear and tyre pressure: the ECU's speed is off by a constant factor.
        self._wheel_scale = 1 + rng.uniform(-0.006, 0.006)
        self._phases = [rng.uniform(0, 6.28) for _ in range(3)]
        self._columns = {name: array("d") for name in _ENGINE}
        self._run(max(scenario.duration, self.motion.arrival) + 60)

    def at(self, t):
        """The State at second t of the scenario."""
        place = self.motion.at(t)
        ignition = self._faults.active("car", "ignition-off", t) is None
        runs = ignition and self._faults.active("car", "engine-off", t) is None
        engine = self._engine(t)
        if not runs:
            engine.update(rpm=0.0, load=0.0, airflow=0.0, fuel_rate=0.0, manifold=101.0)
        jitter = 0.12 * math.sin(t * 1.7 + self._phases[0]) if place.speed > 1 else 0.0
        return State(
            lat=place.lat,
            lon=place.lon,
            alt=place.alt,
            speed=place.speed,
            heading=place.heading,
            accel=place.accel,
            ignition=ignition,
            ambient=self.car.ambient,
            voltage=self._voltage(t, runs),
            run_time=max(0.0, t - self._started(t)) if runs else 0.0,
            odometer=self.car.odometer + place.distance / 1000,
            wheel_speed=place.speed * 3.6 * self._wheel_scale + jitter,
            **engine,
        )

    def _voltage(self, t, runs):
        for kind in ("cranking", "voltage"):
            fault = self._faults.active("car", kind, t)
            if fault is not None:
                return fault.values["volts"]
        return (14.15 if runs else 12.4) + 0.05 * math.sin(t / 3 + self._phases[1])

    def _started(self, t):
        """Second at which the engine was started last."""
        ends = [f.at + f.length for f in self._faults.begins("car", "ignition-off")]
        return max((end for end in ends if end <= t), default=0.0)

    def _engine(self, t):
        last = len(self._columns["rpm"]) - 1
        at = min(max(t / _DT, 0.0), last)
        i = min(int(at), last - 1)
        part = at - i
        return {n: c[i] + (c[i + 1] - c[i]) * part for n, c in self._columns.items()}

    def _run(self, seconds):
        """Fill the columns, one value every _DT seconds."""
        car, gear, rpm = self.car, 0, 1100.0
        fuel = car.tank * car.fuel / 100  # litres
        coolant, oil, catalyst, intake = car.coolant, car.coolant, car.coolant, car.ambient
        for step in range(int(seconds / _DT) + 2):
            t = step * _DT
            place = self.motion.at(t)
            power = _road_power(place, car.mass)
            gear = _shift(gear, place.speed, power)
            rpm += (self._rpm(t, place, gear, coolant) - rpm) * 0.35
            engine = _torque(power, rpm, place.speed)
            coolant += (_THERMOSTAT - coolant) * _DT / 260 * (0.7 + engine["load"] / 60)
            oil += (coolant + 4 - oil) * _DT / 180
            intake += (car.ambient + 22 / (1 + place.speed / 4) + 4 - intake) * _DT / 40
            catalyst += (380 + 4.2 * engine["load"] - catalyst) * _DT / 70
            fuel -= engine["fuel_rate"] / 3600 * _DT
            engine.update(
                rpm=rpm, coolant=coolant, oil=oil, intake=intake, catalyst=catalyst,
                fuel=max(0.0, 100 * fuel / car.tank),
            )  # fmt: skip
            for name, value in engine.items():
                self._columns[name].append(value)

    def _rpm(self, t, place, gear, coolant):
        """Where rpm tends to: the wheels' turning, or idling (faster when cold)."""
        cold = max(0.0, 60 - coolant) * 7
        idle = _IDLE + cold + 9 * math.sin(t * 0.9 + self._phases[2])
        driven = place.speed / _WHEEL * 60 * _GEARS[gear]
        slipping = 1350 if place.accel > 0.5 and place.speed < 4 else 0
        return max(idle, driven, slipping)


def _road_power(place, mass):
    """Watts at the wheels; negative when braking or rolling downhill."""
    v = place.speed
    force = mass * (place.accel + _GRAVITY * (place.slope + (_ROLLING if v > 0 else 0)))
    return v * (force + _AIR * v * v)


def _shift(gear, speed, power):
    """The gear for this speed; later up when power is wanted, with a gap so as not to hunt."""
    rpm = speed / _WHEEL * 60 * _GEARS[gear]
    up = 2200 + min(1400.0, max(0.0, power) / 18)
    if rpm > up and gear + 1 < len(_GEARS):
        return gear + 1
    if rpm < 1250 and gear > 0:
        return gear - 1
    return gear


def _torque(power, rpm, speed):
    """Load, air and fuel for `power` watts at the wheels."""
    omega = rpm * math.pi / 30
    overrun = power < -1500 and speed > 5 and rpm > 1300
    brake = 0.0 if overrun else (max(0.0, power) / 0.88 + _ACCESSORIES) / omega
    load = min(1.0, (brake + (0 if overrun else _FRICTION)) / (_TORQUE + _FRICTION))
    load = max(load, 0.09)
    grams = 0.0 if overrun else load * (_TORQUE + _FRICTION) * omega
    grams /= _EFFICIENCY * _PETROL_J_PER_G
    throttle = 11 + 78 * load**1.3 * min(1.0, 0.35 + rpm / 4500)
    return {
        "load": 100 * load,
        "throttle": throttle,
        "pedal": 14.9 + max(0.0, throttle - 13) * 0.8,
        "manifold": 24 + 75 * load,
        "airflow": max(1.2, grams * _AIR_PER_FUEL),
        "advance": 8 + 26 * (1 - load) * min(1.0, rpm / 2500),
        "fuel_rate": grams * 3600 / _PETROL_G_PER_L,
    }
