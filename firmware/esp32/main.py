"""Runs after boot.py: the agent of the chosen slot, and a reset when it ends in whatever way."""

import sys

if sys.platform == "esp32":
    import machine

    try:
        from agent.__main__ import main

        main(["--config", "/config.json"])
    except BaseException as e:  # at the prompt, nobody would start it again
        sys.print_exception(e)
    machine.reset()
else:
    from agent.__main__ import main

    sys.exit(main(sys.argv[1:]))
