"""`patrol obd vin`: the VIN of every ECU that has one."""

from agent.obd import vehicle_info
from tools.obd import words
from tools.obd.talk import ask


def steps(talk):
    """Steps of a Talk -> [{"ecu", "vin"}, ...] in order of ECU."""

    def read(payloads):
        payload = payloads[0] if talk.can else vehicle_info.join(payloads, vehicle_info.VIN)
        return vehicle_info.vin(payload)

    found = yield from ask(0x09, bytes((vehicle_info.VIN,)), read, talk.can)
    return [{"ecu": words.ecu(ecu), "vin": found[ecu]} for ecu in sorted(found)]
