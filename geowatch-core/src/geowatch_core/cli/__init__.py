"""The command ``geowatch-core``; ``python -m geowatch_core`` is the same.

.. code-block:: text

    geowatch-core run FILE        run the brokers of a configuration
    geowatch-core check FILE      find every mistake in it, and say what its routes promise
    geowatch-core backends        which backends are installed; with a name, all about one
    geowatch-core codecs          which codecs are installed; with a name, all about one
    geowatch-core schema          the JSON Schema of a configuration, for editors
    geowatch-core new backend N   begin a distribution of your own, for a backend N

Exit codes:

===  ==================================================================================
0    done: the sources ended, a first SIGINT or SIGTERM was obeyed, nothing is wrong
1    the flow stopped rather than lose a message, or something unexpected failed
2    a mistake in the usage or in the configuration; nothing was opened
3    a channel did not open: its service did not answer, or refused
130  left at once: a second SIGINT, or one before anything ran; all unacked comes again
143  left at once: a second SIGTERM, or one before anything ran; all unacked comes again
===  ==================================================================================
"""

from geowatch_core.cli.main import main

__all__ = ["main"]
