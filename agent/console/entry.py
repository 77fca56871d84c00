"""Whether there is a console at all: what is asked at each start, also of gateways without one."""


def ways(app, config, event):
    """The tasks that wait for a technician; config: the group `console`; event(name, *fields):
    records one. None, and no memory, where the configuration opens no console."""
    if config["port"] is None and config["socket"] is None:
        return ()
    from agent.console.door import Door

    return Door(app, config, event).ways()
