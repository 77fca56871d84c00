"""Tracks for other programs: GeoJSON (RFC 7946), GPX 1.1, CSV; text is yielded line by line.

Numbers are printed from integers, never through a float: positions with six decimals, as recorded.
"""

import json
from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

from tools.room.track import Happening, Position

BREAK_MS = 90000  # a longer silence ends a stretch: three of a standing car's intervals
NEAR_MS = 300000  # an event is placed at the last position of its session, if not older
_HALF_TURN = 180000000


def decimal(value, digits):
    """An integer in units of 10**-digits as text: decimal(-5, 2) is "-0.05"."""
    whole, rest = divmod(abs(value), 10**digits)
    return f"{'-' if value < 0 else ''}{whole}.{rest:0{digits}d}"


def iso(utc):
    """ISO 8601 with milliseconds and Z, or None."""
    if utc is None:
        return None
    seconds, ms = divmod(utc, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ms:03d}Z"


def stretches(records):
    """Lists of Position without an interruption: one session, no long silence, and no step over
    the 180th meridian (RFC 7946 section 3.1.9)."""
    found = []
    last = None
    for record in records:
        if not isinstance(record, Position):
            continue
        if (
            last is None
            or record.session != last.session
            or record.uptime - last.uptime > BREAK_MS
            or abs(record.lon - last.lon) > _HALF_TURN
        ):
            found.append([])
        found[-1].append(record)
        last = record
    return found


def placed_events(records):
    """(Happening, Position or None where none is near), in order."""
    found = []
    last = None
    for record in records:
        if isinstance(record, Position):
            last = record
        elif isinstance(record, Happening):
            near = (
                last is not None
                and last.session == record.session
                and record.uptime - last.uptime <= NEAR_MS
            )
            found.append((record, last if near else None))
    return found


def _coordinates(p):
    parts = [decimal(p.lon, 6), decimal(p.lat, 6)]
    if p.alt is not None:
        parts.append(decimal(p.alt, 2))
    return f"[{', '.join(parts)}]"


def _metres(value):
    return None if value is None else float(decimal(value, 2))


def geojson(vehicle, records):
    """A FeatureCollection: a LineString a stretch (a Point where it is one position) with parallel
    arrays of times, speeds and headings, and a Point (or no geometry) an event."""
    features = [_stretch(vehicle, stretch) for stretch in stretches(records)]
    for event, position in placed_events(records):
        geometry = "null"
        if position is not None:
            geometry = f'{{"type": "Point", "coordinates": {_coordinates(position)}}}'
        properties = {
            "vehicle": vehicle,
            "kind": "event",
            "name": event.name,
            "fields": event.fields,
            "time": iso(event.utc),
            "session": event.session,
        }
        features.append((geometry, properties))
    yield '{"type": "FeatureCollection", "features": ['
    for i, (geometry, properties) in enumerate(features):
        comma = "," if i + 1 < len(features) else ""
        head = f'{{"type": "Feature", "geometry": {geometry}'
        yield f'{head}, "properties": {json.dumps(properties)}}}{comma}'
    yield "]}"


def _stretch(vehicle, stretch):
    if len(stretch) == 1:
        geometry = f'{{"type": "Point", "coordinates": {_coordinates(stretch[0])}}}'
    else:
        points = ", ".join(_coordinates(p) for p in stretch)
        geometry = f'{{"type": "LineString", "coordinates": [{points}]}}'
    return geometry, {
        "vehicle": vehicle,
        "kind": "track",
        "session": stretch[0].session,
        "start": iso(stretch[0].utc),
        "end": iso(stretch[-1].utc),
        "times": [iso(p.utc) for p in stretch],
        "speeds_mps": [_metres(p.speed) for p in stretch],
        "headings_deg": [_metres(p.heading) for p in stretch],
        "qualities": [p.quality for p in stretch],
    }


_GPX = (
    '<gpx version="1.1" creator="patrol-agent" xmlns="http://www.topografix.com/GPX/1/1"'
    ' xmlns:gpxtpx="http://www.garmin.com/xmlschemas/TrackPointExtension/v2">'
)


def gpx(vehicle, records):
    """GPX 1.1: a way-point an event, one track with a segment a stretch; speed in m/s and course in
    degrees as TrackPointExtension v2."""
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield _GPX
    for event, position in placed_events(records):
        if position is not None:
            yield f"<wpt {_at(position)}>"
            if event.utc is not None:
                yield f"<time>{iso(event.utc)}</time>"
            yield f"<name>{escape(event.name)}</name>"
            yield f"<desc>{escape(json.dumps(event.fields))}</desc>"
            yield "</wpt>"
    yield f"<trk><name>{escape(vehicle)}</name>"
    for stretch in stretches(records):
        yield "<trkseg>"
        for p in stretch:
            yield f"<trkpt {_at(p)}>{''.join(_trkpt(p))}</trkpt>"
        yield "</trkseg>"
    yield "</trk>"
    yield "</gpx>"


def _at(p):
    return f"lat={quoteattr(decimal(p.lat, 6))} lon={quoteattr(decimal(p.lon, 6))}"


def _trkpt(p):
    # In the order of the schema's sequence.
    if p.alt is not None:
        yield f"<ele>{decimal(p.alt, 2)}</ele>"
    if p.utc is not None:
        yield f"<time>{iso(p.utc)}</time>"
    if p.sats is not None:
        yield f"<sat>{p.sats}</sat>"
    if p.speed is not None or p.heading is not None:
        yield "<extensions><gpxtpx:TrackPointExtension>"
        if p.speed is not None:
            yield f"<gpxtpx:speed>{decimal(p.speed, 2)}</gpxtpx:speed>"
        if p.heading is not None:
            yield f"<gpxtpx:course>{decimal(p.heading, 2)}</gpxtpx:course>"
        yield "</gpxtpx:TrackPointExtension></extensions>"


def csv(vehicle, records):
    """The positions, a line each; what is absent is empty."""
    yield "vehicle,time,lat,lon,alt_m,speed_mps,heading_deg,satellites,quality,session,uptime_ms"
    for p in records:
        if isinstance(p, Position):
            cells = (
                vehicle,
                iso(p.utc),
                decimal(p.lat, 6),
                decimal(p.lon, 6),
                None if p.alt is None else decimal(p.alt, 2),
                None if p.speed is None else decimal(p.speed, 2),
                None if p.heading is None else decimal(p.heading, 2),
                p.sats,
                p.quality,
                p.session,
                p.uptime,
            )
            yield ",".join("" if cell is None else str(cell) for cell in cells)


FORMATS = {"geojson": geojson, "gpx": gpx, "csv": csv}
