"""Small circuits that occur on several sheets."""

from hardware.catalogue.parts import PART, TEST_POINT
from hardware.catalogue.passives import C, R
from hardware.draw.geometry import Point


def test_point(sheet, point, name, lead=0):
    """A pad above `point`, named for the bring-up table."""
    end = sheet.wire(point, point.up(lead)) if lead else point
    sheet.part(TEST_POINT.but(value=name), end.x, end.y, text=(0.6, -1.4))


def ideal_diode(sheet, x, y):
    """LM74700-Q1 and a FET in the line at height y, its middle at x; gives (input, output)."""
    fet = sheet.part(PART["fet"], x, y + 1, turn=90, mirror=True, text=(-2, -3.6))
    chip = sheet.part(PART["ideal diode"], x, y + 8, text=(5.5, 0))
    anode, cathode = chip["ANODE"], chip["CATHODE"]
    start, end = Point(x - 9, y), Point(x + 4, y)
    sheet.wire(start, fet["S"])
    sheet.wire(fet["D"], end)
    sheet.wire(fet["G"], chip["GATE"])
    sheet.wire(anode, Point(anode.x, y))
    sheet.wire(cathode, Point(cathode.x, y))
    top = Point(x - 7, y + 2)
    sheet.wire(Point(anode.x, y + 2), top)
    bottom = sheet.series(C("100n"), top, "d")
    sheet.wire(bottom, Point(bottom.x, chip["VCAP"].y), chip["VCAP"])
    sheet.wire(top, top.left(2), Point(top.x - 2, chip["EN"].y), chip["EN"])
    sheet.gnd(chip["GND"], 0)
    return start, end


def divider(sheet, top, upper, lower, rail=None):
    """Two resistors from `top` down to ground; gives the Point between them."""
    if rail:
        sheet.rail(rail, top, 0)
    middle = sheet.series(R(upper), top, "d")
    sheet.shunt(R(lower), middle)
    return middle


def decouple(sheet, point, *values, rail=None, step=4):
    """A row of capacitors from a line at `point` rightwards to ground; gives the line's last Point."""
    if rail:
        sheet.rail(rail, point, 1)
    place = point
    for i, value in enumerate(values):
        if i:
            place = sheet.wire(place, place.right(step))
        sheet.shunt(C(value), place)
    return place
