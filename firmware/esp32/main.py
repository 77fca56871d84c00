"""Runs after boot.py, whose names it has: the agent of the chosen slot, and a reset when it ends in
whatever way. How it ended is written down first (`slotstart.py`). Without boot.py, from a package
or frozen into a firmware, there are no slots, and nobody counts crashes.
"""

import sys

if "starts" in globals():
    import io
    import time

    import machine
    from slotstart import ENDED, EXCEPTION, MARK_COUNTED, MARK_MEANT

    _WIPED = 78  # exit code of an agent whose secrets were erased by order

    def _crashed(kind, text):
        if starts.crashed(kind, text):  # noqa: F821 of boot.py
            rtc.memory(MARK_COUNTED)  # noqa: F821

    def _traceback(error):
        """As text; the error's name alone where there is no memory for more."""
        try:
            out = io.StringIO()
            sys.print_exception(error, out)
            return out.getvalue()
        except MemoryError:
            return type(error).__name__

    def _run():
        for _ in range(starts.wait_s):  # noqa: F821
            watchdog.feed()  # noqa: F821
            time.sleep(1)
        from agent.__main__ import main

        options = ["--config", "/config.json"]
        if starts.has_record:  # noqa: F821
            options += ["--crashes", "/"]
        if starts.is_minimal:  # noqa: F821
            options.append("--minimal")
        why = []
        code = main(options, why)
        if code == _WIPED:
            machine.deepsleep()  # for good: it must not be started again
        if code:
            _crashed(ENDED, "code %d: %s" % (code, " ".join(why)))
        else:
            rtc.memory(MARK_MEANT)  # noqa: F821

    try:
        _run()
    except KeyboardInterrupt:
        rtc.memory(MARK_MEANT)  # noqa: F821
    except BaseException as e:  # at the prompt, nobody would start it again
        sys.print_exception(e)
        _crashed(EXCEPTION, _traceback(e))
    machine.reset()
elif sys.platform == "esp32":
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
