"""GPS/IMU packets, and the poses of the car that they give.

Source: ``oxts/dataformat.txt`` beside the packets, and ``convertOxtsToPose`` of KITTI's raw data
development kit: Mercator coordinates, scaled for the latitude of a drive's first packet.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nas.data.kitti.number_files import parse_numbers, read_number_lines
from nas.data.kitti.rigid import Floats, rigid, rotation_about
from nas.data.source import DataError

#: Radius of the earth that the development kit uses, metres.
_EARTH_RADIUS_M = 6378137.0
_NUMBERS = 30
_STEEPEST_LATITUDE = 85.0


@dataclass(frozen=True, kw_only=True)
class Packet:
    """Position (degrees, metres) and attitude (radians) of the unit: roll positive for left side
    up, pitch for front down, yaw from east counter-clockwise."""

    latitude: float
    longitude: float
    altitude: float
    roll: float
    pitch: float
    yaw: float


def read_packet(path: Path) -> Packet:
    """The first six of a packet's 30 numbers; raises ``DataError`` with the file."""
    lines = read_number_lines(path)
    if len(lines) != 1:
        raise DataError(
            f"{path}: {len(lines)} lines, a packet is one line of {_NUMBERS} numbers; take the "
            "file from the [synced+rectified data] download again"
        )
    values = [float(value) for value in parse_numbers(lines[0], f"{path}: the packet", _NUMBERS)]
    latitude, longitude, altitude, roll, pitch, yaw = values[:6]
    if abs(latitude) > _STEEPEST_LATITUDE or abs(longitude) > 180:
        raise DataError(
            f"{path}: latitude {latitude:g} and longitude {longitude:g} are no place on a road; "
            "take the file from the [synced+rectified data] download again"
        )
    return Packet(
        latitude=latitude,
        longitude=longitude,
        altitude=altitude,
        roll=roll,
        pitch=pitch,
        yaw=yaw,
    )


def car_poses(packets: Mapping[int, Packet]) -> dict[int, Floats]:
    """The unit's pose by frame, ``(4, 4)`` from its axes into the world's: x east, y north, z up,
    metres from the place of the first packet."""
    if not packets:
        return {}
    first = packets[min(packets)]
    scale = math.cos(math.radians(first.latitude))
    origin = _mercator(first, scale)
    return {
        frame: rigid(_attitude(packet), _mercator(packet, scale) - origin)
        for frame, packet in packets.items()
    }


def _mercator(packet: Packet, scale: float) -> Floats:
    latitude = math.radians(packet.latitude)
    east = math.radians(packet.longitude)
    north = math.log(math.tan(math.pi / 4 + latitude / 2))
    return np.array(
        [scale * _EARTH_RADIUS_M * east, scale * _EARTH_RADIUS_M * north, packet.altitude]
    )


def _attitude(packet: Packet) -> Floats:
    yaw, pitch, roll = (
        rotation_about(axis, angle)
        for axis, angle in ((2, packet.yaw), (1, packet.pitch), (0, packet.roll))
    )
    return np.asarray(yaw @ pitch @ roll)
