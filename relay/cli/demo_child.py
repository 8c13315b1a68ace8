"""One child of `naober demo`: a verb of ours, the broker or a site's line; it can't outlive its parent.

The kernel kills it when the demo ends in whatever way (PR_SET_PDEATHSIG), kill -9 included.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys

from relay import cli

BROKER, LINE = "broker", "line"
PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """`PARENT broker CONFIG`, `PARENT line PORT TARGET`, or `PARENT` and a command line of `naober`."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(arguments[0]):
        return 1  # it ended before the kernel knew
    if arguments[1] == LINE:
        from relay.cli.demo_line import serve

        serve(int(arguments[2]), int(arguments[3]))
    if arguments[1] != BROKER:
        return cli.main(arguments[1:])
    from iotcore import Broker

    logging.getLogger("rumqttd").setLevel(logging.CRITICAL)  # it reports every packet as an error
    Broker(config_path=arguments[2]).run_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
